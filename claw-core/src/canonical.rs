//! Canonical JSON: one value, one text, as RFC 8785 (JSON Canonicalization Scheme) has it. Digests are taken of it.
//!
//! Keys are sorted by their UTF-16 code units, there is no white space, strings are escaped as little as possible, and
//! numbers are written as ECMAScript writes a double: `1.0` is `1`, `1e21` is `1e+21`, and `-0.0` is `0`.
//!
//! RFC 8785 knows only numbers that a double holds. [`Value`] has integers of 64 bits besides, and some of those lie
//! between two doubles: 2⁵³ + 1 would be written as 2⁵³. Two values with one text would be two actions under one approval.
//! So [`to_string`] refuses such an integer, [`representable`] makes a string of it first, and [`for_digest`] marks it.

mod number;

#[cfg(test)]
mod tests;

use serde_json::{Number, Value};

/// An integer that RFC 8785 cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{number} lies between two doubles, and canonical JSON (RFC 8785) knows only doubles; write it as a string"
)]
pub struct InexactInteger {
    /// The integer.
    pub number: Number,
}

/// The canonical text of `value`, whatever the order of its maps is.
///
/// # Errors
///
/// When the value has an integer that no double holds.
pub fn to_string(value: &Value) -> Result<String, InexactInteger> {
    let mut out = String::new();
    write(value, &mut out, &mut |number, _| {
        Err(InexactInteger {
            number: number.clone(),
        })
    })?;
    Ok(out)
}

/// Like [`to_string`], with an integer that no double holds as its digits followed by `n`. Two values have one text only
/// when they are equal as RFC 8785 sees it, integers to the last digit. For digests: with such an integer it is not JSON.
pub fn for_digest(value: &Value) -> String {
    let mut out = String::new();
    let mut marked = |number: &Number, out: &mut String| {
        out.push_str(&number.to_string());
        out.push('n');
        Ok::<_, std::convert::Infallible>(())
    };
    match write(value, &mut out, &mut marked) {
        Ok(()) => out,
    }
}

/// The value with strings of digits in place of integers that no double holds, as RFC 8785 advises for them.
/// [`to_string`] takes what comes out.
pub fn representable(value: Value) -> Value {
    match value {
        Value::Number(number) if number::exact(&number).is_none() => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(representable).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, item)| (key, representable(item)))
            .collect(),
        other => other,
    }
}

fn write<E>(
    value: &Value,
    out: &mut String,
    inexact: &mut impl FnMut(&Number, &mut String) -> Result<(), E>,
) -> Result<(), E> {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                write(item, out, inexact)?;
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out, inexact)?;
            }
            out.push(']');
        }
        Value::String(text) => string(text, out),
        Value::Number(number) => match number::exact(number) {
            Some(double) => number::write(double, out),
            None => inexact(number, out)?,
        },
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
    Ok(())
}

/// A string with the escapes of RFC 8785, section 3.2.2.2: the short forms, `\u00xx` for other control characters, and
/// nothing else.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                out.push(if c >= '\u{10}' { '1' } else { '0' });
                out.extend(char::from_digit(u32::from(c) & 15, 16));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
