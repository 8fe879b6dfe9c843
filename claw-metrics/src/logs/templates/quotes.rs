//! What stands in quotes: a value, a message, or a request.

use crate::logs::keys::{ERROR_KEYS, MESSAGE_KEYS, is_key};

/// Longest quoted text, in bytes. Beyond it a lone quote is likelier.
const MAX_QUOTED: usize = 512;
/// Longest message in quotes: behind its key a quote is none that stands alone.
const MAX_MESSAGE: usize = 4 * 1024;

/// A text in quotes, by what is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    /// A value, which ends with its closing quote before this place.
    Value(usize),
    /// What happened, in words. The closing quote is at this place.
    Message(usize),
    /// A request of HTTP: where its method ends, and the place of the closing quote.
    Request(usize, usize),
}

/// What begins with the quote at `start`. `opens` tells whether no word stands before it: nothing, or what a logger puts in
/// front of the message.
pub(super) fn quoted(line: &str, start: usize, opens: bool) -> Option<Quoted> {
    let quote = *line.as_bytes().get(start)?;
    let before = line.get(..start)?;
    if is_message(before) {
        let close = closing(line, start, quote, MAX_MESSAGE)?;
        return Some(Quoted::Message(close));
    }
    let close = closing(line, start, quote, MAX_QUOTED)?;
    let inside = line.get(start + 1..close)?;
    let behind = line.get(close + 1..)?;
    if behind.starts_with(|c: char| c.is_ascii_alphanumeric()) || inside.is_empty() {
        return None;
    }
    if let Some(method) = method(inside) {
        return Some(Quoted::Request(start + 1 + method, close));
    }
    // klog: `"Starting controller" controller="pods"`.
    let opens = opens || before.ends_with("] ");
    let ends = behind.is_empty() && inside.contains(' ');
    if opens && quote == b'"' && (ends || begins_with_pair(behind)) {
        return Some(Quoted::Message(close));
    }
    Some(Quoted::Value(close + 1))
}

/// Whether `before` ends with `msg=` or the like.
fn is_message(before: &str) -> bool {
    let Some(before) = before.strip_suffix('=') else {
        return false;
    };
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@' | b'.' | b'-');
    let length = before.bytes().rev().take_while(|byte| name(byte)).count();
    let key = before.get(before.len() - length..).unwrap_or_default();
    is_key(key, MESSAGE_KEYS) || is_key(key, ERROR_KEYS)
}

/// Where the text that begins at `start` is closed by the same quote. A quote behind a backslash belongs to the text.
fn closing(line: &str, start: usize, quote: u8, reach: usize) -> Option<usize> {
    let inside = line.as_bytes().get(start + 1..)?;
    let mut escaped = false;
    let length = inside.iter().take(reach).position(|byte| {
        let closes = *byte == quote && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    Some(start + 1 + length)
}

/// The length of the method with which a request begins: `GET /orders HTTP/1.1`.
fn method(inside: &str) -> Option<usize> {
    let (method, target) = inside.split_once(' ')?;
    let is_target = target.starts_with(['/', '*']) || target.contains("://") || target.contains(" HTTP/");
    (is_method(method) && is_target).then_some(method.len())
}

/// Whether a word is a method of HTTP.
pub(super) fn is_method(word: &str) -> bool {
    matches!(
        word,
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE"
    )
}

/// ` controller="pods"`
fn begins_with_pair(text: &str) -> bool {
    let Some(text) = text.strip_prefix(' ') else {
        return false;
    };
    let key = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')));
    key.is_some_and(|end| end > 0 && text.as_bytes().get(end) == Some(&b'='))
}
