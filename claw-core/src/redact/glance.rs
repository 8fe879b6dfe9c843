//! A quick look at JSON text: may it hold a secret?
//!
//! It has to see whatever the thorough look sees, and may see more. JSON text differs from the strings in it by escapes:
//! quotes and backslashes have a backslash before them, line ends and tabs are written as letters after one.

use std::cell::LazyCell;

use super::name::{noun, words};
use super::{Redactor, form};

pub(super) fn may_hold_secret(json: &str) -> bool {
    // Names of variables are secret's names only where there are values.
    let has_values = LazyCell::new(|| VALUE_KEYS.iter().any(|key| json.contains(key)));
    has_rare_escape(json)
        || form::any(json)
        || is_secret_object(json)
        || words(json).any(|(start, word)| {
            let rest = json.get(start + word.len()..).unwrap_or_default();
            let mut names = readings(json, start, word).filter(|name| noun(name).is_some());
            names.any(|name| {
                is_key(rest).unwrap_or_else(|| {
                    name.starts_with('-')
                        || begins_value(rest)
                        || is_name_of_variable(json, start) && *has_values
                })
            })
        })
}

/// The key `value` in JSON, in JSON within JSON, and in YAML.
const VALUE_KEYS: [&str; 3] = ["value\"", "value\\", "value:"];

/// Escapes behind which letters could hide. Control characters are left, which logs are full of.
fn has_rare_escape(json: &str) -> bool {
    let mut rest = json;
    while let Some((_, after)) = rest.split_once('\\') {
        if after.starts_with('/') {
            return true;
        }
        if let Some(digits) = after.strip_prefix('u')
            && !(digits.starts_with("000") || digits.starts_with("001"))
        {
            return true;
        }
        rest = after;
    }
    false
}

/// A Secret with its data.
fn is_secret_object(json: &str) -> bool {
    let closed = |text: &str| text.trim_start_matches('\\').starts_with('"');
    json.split("\"Secret").skip(1).any(closed) && (json.contains("\"data") || json.contains("\"stringData"))
}

/// What the word at `start` may be in the string. What looks like its first letters may belong to an escape: `\npassword`,
/// `\u001b--token`.
fn readings<'a>(json: &str, start: usize, word: &'a str) -> impl Iterator<Item = &'a str> {
    let escaped = json.get(..start).is_some_and(|before| before.ends_with('\\'));
    let lengths: &[usize] = if escaped { &[0, 1, 5] } else { &[0] };
    lengths.iter().filter_map(move |length| word.get(*length..))
}

/// If the word ends a key: whether the key's value is one that may be a secret.
fn is_key(rest: &str) -> Option<bool> {
    let value = rest
        .strip_prefix('"')?
        .trim_start()
        .strip_prefix(':')?
        .trim_start();
    Some(value.starts_with(['"', '[']))
}

fn begins_value(rest: &str) -> bool {
    let mut bytes = rest.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next_if(|next| matches!(next, b'n' | b'r' | b't' | b'b' | b'f'));
            }
            b'"' | b'\'' | b'`' | b' ' | b'\t' | b'\r' | b'\n' => {}
            other => return matches!(other, b':' | b'=' | b'>'),
        }
    }
    false
}

/// Whether `"name":` stands before.
fn is_name_of_variable(json: &str, start: usize) -> bool {
    let filler = ['"', '\'', '\\', ' ', '\t', '\r', '\n', 'n', 'r', 't'];
    let before = json.get(..start).unwrap_or_default();
    let Some(key) = before.trim_end_matches(filler).strip_suffix(':') else {
        return false;
    };
    key.trim_end_matches(filler).ends_with("name")
}

impl Redactor {
    /// Whether a pattern of the user's matches a string of the JSON text.
    pub(super) fn own_may_match(&self, json: &str) -> bool {
        if self.own.is_empty() {
            return false;
        }
        let mut rest = json;
        while let Some((_, begun)) = rest.split_once('"') {
            let Some(length) = length_of_string(begun) else {
                return true;
            };
            let raw = begun.get(..length).unwrap_or_default();
            if self.own_may_match_string(raw) {
                return true;
            }
            rest = begun.get(length + 1..).unwrap_or_default();
        }
        false
    }

    fn own_may_match_string(&self, raw: &str) -> bool {
        if !raw.contains('\\') {
            return self.own.iter().any(|own| own.regex.is_match(raw));
        }
        match serde_json::from_str::<String>(&format!("\"{raw}\"")) {
            // JSON within JSON is looked at string by string.
            Ok(text) if text.trim_start().starts_with(['{', '[']) => true,
            Ok(text) => self.own.iter().any(|own| own.regex.is_match(&text)),
            Err(_) => true,
        }
    }
}

/// The length of a JSON string up to its closing quote.
fn length_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}
