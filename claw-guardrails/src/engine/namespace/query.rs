//! The namespaces that a PromQL or LogQL query asks for.
//!
//! This is not a parser of these languages. It finds what looks like a matcher (`label`, operator, text in quotes), which
//! both write alike, and is not misled by text in quotes.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use regex::RegexBuilder;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1024 * 1024;

/// One condition on the namespace.
#[derive(Debug)]
struct Matcher {
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Is,
    IsNot,
    Matches,
    MatchesNot,
}

/// The first denied namespace that a selector of `text` asks for: all of its conditions hold for the name, and one of
/// them speaks of it, be it by a pattern.
pub(super) fn asked_for<'a>(denied: &'a BTreeSet<String>, text: &str) -> Option<&'a str> {
    let selectors = selectors(text);
    denied
        .iter()
        .find(|name| selectors.iter().any(|matchers| asks_for(matchers, name)))
        .map(String::as_str)
}

fn asks_for(matchers: &[Matcher], name: &str) -> bool {
    matchers.iter().all(|matcher| matcher.holds_for(name)) && matchers.iter().any(Matcher::is_choice)
}

impl Matcher {
    fn holds_for(&self, name: &str) -> bool {
        match self.operator {
            Operator::Is => self.value == name,
            Operator::IsNot => self.value != name,
            // A pattern that cannot be read might match.
            Operator::Matches => self.matches(name).unwrap_or(true),
            Operator::MatchesNot => !self.matches(name).unwrap_or(false),
        }
    }

    fn matches(&self, name: &str) -> Option<bool> {
        let pattern = RegexBuilder::new(&format!("^(?s:{})$", self.value))
            .size_limit(PATTERN_BYTES)
            .build()
            .ok()?;
        Some(pattern.is_match(name))
    }

    /// Whether it chooses namespaces, rather than taking all or leaving some out.
    fn is_choice(&self) -> bool {
        match self.operator {
            Operator::Is => true,
            Operator::Matches => !matches!(self.value.as_str(), ".*" | ".+"),
            Operator::IsNot | Operator::MatchesNot => false,
        }
    }
}

/// The conditions on the namespace by selector. What stands outside of braces is a condition for itself, such as a
/// filter of LogQL.
fn selectors(text: &str) -> Vec<Vec<Matcher>> {
    let mut all = Vec::new();
    let mut open: Option<Vec<Matcher>> = None;
    let mut label = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' => {
                all.extend(open.replace(Vec::new()));
                label.clear();
            }
            '}' => {
                all.extend(open.take());
                label.clear();
            }
            '"' | '\'' | '`' => label = string(&mut chars, c),
            '=' | '!' | '<' | '>' => {
                let operator = operator(c, &mut chars);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                let quote = chars.next_if(|c| matches!(c, '"' | '\'' | '`'));
                if let (Some(operator), Some(quote)) = (operator, quote) {
                    let value = string(&mut chars, quote);
                    if is_namespace(&label) {
                        let matcher = Matcher { operator, value };
                        match &mut open {
                            Some(matchers) => matchers.push(matcher),
                            None => all.push(vec![matcher]),
                        }
                    }
                }
                label.clear();
            }
            c if c.is_whitespace() => {
                // A space between the label and its operator.
                if !chars
                    .peek()
                    .is_some_and(|next| next.is_whitespace() || "=!".contains(*next))
                {
                    label.clear();
                }
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | ':') => label.push(c),
            _ => label.clear(),
        }
    }
    all.extend(open);
    all
}

fn operator(first: char, chars: &mut Peekable<Chars<'_>>) -> Option<Operator> {
    let second = chars.next_if(|c| matches!(c, '=' | '~'));
    match (first, second) {
        ('=', None | Some('=')) => Some(Operator::Is),
        ('=', Some('~')) => Some(Operator::Matches),
        ('!', Some('=')) => Some(Operator::IsNot),
        ('!', Some('~')) => Some(Operator::MatchesNot),
        _ => None,
    }
}

/// `namespace`, `exported_namespace`, `k8s_namespace_name`, `ns`.
fn is_namespace(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    label.contains("namespace") || label == "ns"
}

/// What stands in quotes, as Go reads it. The quote that opens it is taken already.
fn string(chars: &mut Peekable<Chars<'_>>, quote: char) -> String {
    let mut out = String::new();
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => break,
            '\\' if quote != '`' => {
                let Some(kind) = chars.next() else { break };
                match kind {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'x' => out.extend(code(chars, 2, 16)),
                    'u' => out.extend(code(chars, 4, 16)),
                    'U' => out.extend(code(chars, 8, 16)),
                    first @ '0'..='7' => {
                        let high = first.to_digit(8).unwrap_or_default().saturating_mul(64);
                        let low = code(chars, 2, 8).map_or(0, u32::from);
                        out.extend(char::from_u32(high.saturating_add(low)));
                    }
                    other => out.push(other),
                }
            }
            other => out.push(other),
        }
    }
    out
}

fn code(chars: &mut Peekable<Chars<'_>>, digits: usize, radix: u32) -> Option<char> {
    let mut value = 0_u32;
    for _ in 0..digits {
        let digit = chars.next_if(|c| c.is_digit(radix))?.to_digit(radix)?;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    char::from_u32(value)
}
