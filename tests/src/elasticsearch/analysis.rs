//! How texts become words, and how values compare.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

/// The words of a text in lower case, as the standard analyzer finds them: letters, digits and underscores, with a
/// dot or an apostrophe between two letters, and a dot or comma between two digits.
pub(super) fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| chars.get(before)).copied();
        let after = chars.get(at.saturating_add(1)).copied();
        if is_word(*c) || joins(before, *c, after) {
            word.extend(c.to_lowercase());
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let letters = before.is_alphabetic() && after.is_alphabetic();
    let digits = before.is_numeric() && after.is_numeric();
    match c {
        '.' | '\'' | '’' => letters || digits,
        ',' | ';' => digits,
        _ => false,
    }
}

/// A value as a term: what it is equal to.
pub(super) fn term(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether `*` and `?` in `pattern` can stand for what they have to for the pattern to be `text`.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which prefixes of the text the pattern so far can be.
    let mut reached = vec![false; text.len().saturating_add(1)];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for p in pattern {
        if p == '*' {
            let mut open = false;
            for place in &mut reached {
                open |= *place;
                *place = open;
            }
        } else {
            let moved = reached
                .iter()
                .zip(&text)
                .map(|(before, c)| *before && (p == '?' || p == *c));
            reached = std::iter::once(false).chain(moved).collect();
        }
    }
    reached.last().copied().unwrap_or(false)
}

/// The order of two values: as times if both are, else as numbers, else as texts.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (time(a), time(b)) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a.partial_cmp(&b);
    }
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Milliseconds since 1970 of a date in RFC 3339, or of a number next to one.
pub(super) fn time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_standard_analyzer() {
        assert_eq!(
            words("Connection-refused: dial tcp 10.0.0.1:5432, user_id=7 don't retry com.example.Main"),
            [
                "connection",
                "refused",
                "dial",
                "tcp",
                "10.0.0.1",
                "5432",
                "user_id",
                "7",
                "don't",
                "retry",
                "com.example.main"
            ]
        );
        assert!(words(" -- ").is_empty());
    }

    #[test]
    fn wildcards_stand_for_any_text_or_one_character() {
        assert!(wildcard("logs-*", "logs-shop-2026"));
        assert!(wildcard("*", ""));
        assert!(wildcard("a*b?c", "axxbyc"));
        assert!(!wildcard("a*b?c", "axxbc"));
        assert!(!wildcard("logs", "logs-shop"));
    }
}
