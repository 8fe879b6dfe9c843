//! Texts as lines show them: none that could be taken for something else.

use serde_json::Value;

/// The text as it is, or in quotes where it could be taken for anything but that text: for a number, for nothing, for a mark
/// of the line that it stands in, or for less than it is.
pub(super) fn bare_or_quoted(text: &str) -> String {
    if is_bare(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// The text as it is if all of it can be seen, and else in quotes.
pub(super) fn visible(text: &str) -> String {
    if text.chars().any(is_hidden) {
        quoted(text)
    } else {
        text.to_owned()
    }
}

/// A list of single values.
pub(super) fn list(items: &[Value]) -> String {
    let items = items.iter().map(|item| match item {
        Value::String(text) if is_bare(text) && !text.contains([',', ']']) => text.clone(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    });
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// The text in quotes, with escapes for what cannot be seen.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_bare(text: &str) -> bool {
    // What stands in the place of a secret.
    if text.starts_with("[redacted:") && !text.chars().any(is_hidden) {
        return true;
    }
    let marks = |c: char| matches!(c, '→' | '…') || is_hidden(c);
    let spaced = |text: &str| text.starts_with(' ') || text.ends_with(' ');
    !text.is_empty()
        && !text.starts_with(['"', '(', '[', '{'])
        && !text.contains(marks)
        && !spaced(text)
        && serde_json::from_str::<Value>(text).is_err()
}

/// Whether a character is not seen as itself: it breaks lines, turns the writing around, or has no width.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}
