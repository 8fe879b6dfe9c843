//! Takes secrets out of text before anybody sees it.
//!
//! Four kinds of knowledge are used: forms of secrets that can be told by themselves (`form`), names that say that
//! what follows is secret (`name`, `pair`, `value`), places in Kubernetes objects (`json`), and the beginning or the end
//! of a key that lies over several lines (`pem`). What merely looks
//! random is left alone: digests, uids and trace ids do too.
//!
//! ```
//! use claw_core::redact::Redactor;
//!
//! let redactor = Redactor::new();
//! assert_eq!(
//!     redactor.redact("dial postgres://shop:hunter2@db:5432/orders: timeout"),
//!     "dial postgres://shop:[redacted:password]@db:5432/orders: timeout",
//! );
//! ```

mod base64;
mod form;
mod glance;
mod json;
mod name;
mod pair;
mod pem;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use regex::Regex;
use serde_json::Value;

/// How often the result is looked at again, because one replacement may uncover another.
const MAX_PASSES: usize = 4;

/// Replaces secrets by `[redacted:kind]`. Doing it twice changes nothing more.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    own: Vec<Own>,
}

/// A pattern that a user added.
#[derive(Clone, Debug)]
struct Own {
    marker: String,
    regex: Regex,
}

/// A pattern could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The kind is not a word.
    #[error("the kind {kind:?} of a redaction pattern must be of lower-case letters, digits and hyphens")]
    Kind {
        /// The kind as given.
        kind: String,
    },
    /// The pattern is not a regular expression.
    #[error("the redaction pattern of kind {kind} is not a regular expression")]
    Regex {
        /// Its kind.
        kind: String,
        /// Where it is wrong.
        #[source]
        source: regex::Error,
    },
    /// The pattern matches nothing at all, or what it leaves behind.
    #[error(
        "the redaction pattern of kind {kind} matches the empty text or its own replacement; make it stricter"
    )]
    TooBroad {
        /// Its kind.
        kind: String,
    },
}

impl Redactor {
    /// A redactor that knows the usual forms of secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds secrets of your own: what matches `pattern`, or its group `secret` if it has one, becomes
    /// `[redacted:kind]`.
    pub fn with_pattern(mut self, kind: &str, pattern: &str) -> Result<Self, PatternError> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if kind.is_empty() || !kind.bytes().all(word) {
            return Err(PatternError::Kind {
                kind: kind.to_owned(),
            });
        }
        let regex = Regex::new(pattern).map_err(|source| PatternError::Regex {
            kind: kind.to_owned(),
            source,
        })?;
        let marker = marker(kind);
        if regex.is_match("") || regex.is_match(&marker) {
            return Err(PatternError::TooBroad {
                kind: kind.to_owned(),
            });
        }
        self.own.push(Own { marker, regex });
        Ok(self)
    }

    /// `text` without secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redacted(text, 0) {
            Some(changed) => Cow::Owned(changed),
            None => Cow::Borrowed(text),
        }
    }

    /// Takes secrets out of texts that follow each other, such as the lines of a log: a private key may lie over many of
    /// them.
    pub fn redact_lines<'a>(&self, lines: impl IntoIterator<Item = &'a mut String>) {
        let mut lines: Vec<_> = lines.into_iter().collect();
        pem::redact_series(&mut lines);
        for line in lines {
            if let Some(changed) = self.redacted(line, 0) {
                *line = changed;
            }
        }
    }

    /// `value` without secrets: in its strings, under keys that name secrets, and in the data of Secrets. What the items of
    /// an array have in the same place are texts that follow each other.
    pub fn redact_json(&self, mut value: Value) -> Value {
        pem::redact_json(&mut value);
        self.redact_value(&mut value, 0);
        value
    }

    /// `value` without secrets, where it stands under `name`: that of an environment variable, a label, a key.
    pub fn redact_named<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        match json::named(name, value) {
            Some(marker) => Cow::Owned(marker),
            None => self.redact(value),
        }
    }

    /// A quick test on JSON text. `false` means that [`redact_json`](Self::redact_json) would change nothing.
    pub fn may_hold_secret(&self, json: &str) -> bool {
        glance::may_hold_secret(json) || self.own_may_match(json)
    }

    /// The text without secrets if it holds any. `depth` counts texts within texts.
    fn redacted(&self, text: &str, depth: usize) -> Option<String> {
        if !self.worth_a_look(text) {
            return None;
        }
        if let Some(parsed) = json::document(text, depth) {
            return self.redacted_document(parsed, depth);
        }
        let mut current = pem::redact_text(text);
        for _ in 0..MAX_PASSES {
            let Some(next) = self.pass(current.as_deref().unwrap_or(text)) else {
                break;
            };
            current = Some(next);
        }
        current
    }

    fn worth_a_look(&self, text: &str) -> bool {
        form::any(text) || name::any(text) || self.own.iter().any(|own| own.regex.is_match(text))
    }

    fn pass(&self, text: &str) -> Option<String> {
        let mut current: Option<String> = None;
        for own in &self.own {
            let secret = |found: &regex::Captures<'_>| {
                found
                    .name("secret")
                    .or_else(|| found.get(0))
                    .map(|part| part.range())
            };
            if let Some(next) = replace(
                current.as_deref().unwrap_or(text),
                &own.regex,
                &own.marker,
                secret,
            ) {
                current = Some(next);
            }
        }
        for step in [form::redact as fn(&str) -> Option<String>, pair::redact] {
            if let Some(next) = step(current.as_deref().unwrap_or(text)) {
                current = Some(next);
            }
        }
        current
    }
}

/// What stands in place of a secret.
fn marker(kind: &str) -> String {
    format!("[redacted:{kind}]")
}

/// Whether the secret is gone already.
fn is_marker(text: &str) -> bool {
    text.starts_with("[redacted:")
}

/// `text` with the part of each match that `secret` names replaced by `marker`; `None` if there is nothing to replace.
fn replace(
    text: &str,
    regex: &Regex,
    marker: &str,
    secret: impl Fn(&regex::Captures<'_>) -> Option<std::ops::Range<usize>>,
) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for found in regex.captures_iter(text) {
        let Some(range) = secret(&found).filter(|range| range.start >= done) else {
            continue;
        };
        let (Some(before), Some(part)) = (text.get(done..range.start), text.get(range.clone())) else {
            continue;
        };
        if part.is_empty() || is_marker(part) {
            continue;
        }
        out.push_str(before);
        out.push_str(marker);
        done = range.end;
    }
    if done == 0 {
        return None;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Some(out)
}
