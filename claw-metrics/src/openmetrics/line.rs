//! One sample line: `name{label="value",…} value [timestamp] [# exemplar]`.

use std::borrow::Cow;

use crate::series::parse_value;

/// Most labels of one sample.
const MAX_LABELS: usize = 256;

/// One sample.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// The metric's name; empty if it stands among the labels.
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) value: f64,
    /// As written; its unit depends on the format.
    pub(super) timestamp: Option<&'a str>,
    /// Where in the line the part ends that tells the series.
    pub(super) key: &'a str,
}

pub(super) fn sample(line: &str) -> Result<Sample<'_>, &'static str> {
    let (name, mut rest) = match line.find(['{', ' ', '\t']) {
        Some(end) => line.split_at_checked(end).ok_or("a name is expected")?,
        None => return Err("a value is expected after the name"),
    };
    if !name.is_empty() && !is_name(name) {
        return Err("the name has characters that are not allowed");
    }
    let mut name = Cow::Borrowed(name);
    let mut labels = Vec::new();
    rest = rest.trim_start_matches([' ', '\t']);
    if let Some(inside) = rest.strip_prefix('{') {
        let (quoted_name, after) = label_set(inside, &mut labels)?;
        if let Some(quoted) = quoted_name {
            if !name.is_empty() {
                return Err("the name is given twice");
            }
            name = quoted;
        }
        rest = after;
        if name.is_empty() && labels.is_empty() {
            return Err("a name is expected");
        }
    } else if name.is_empty() {
        return Err("a name is expected");
    }
    let key_length = line.len().saturating_sub(rest.len());
    let key = line.get(..key_length).unwrap_or(line);
    // An exemplar follows ` # `; samples themselves have no `#`.
    let rest = rest.split_once(" # ").map_or(rest, |(sample, _exemplar)| sample);
    let mut parts = rest.split_ascii_whitespace();
    let value = parts.next().ok_or("a value is expected")?;
    let value = parse_value(value).ok_or("the value is neither a number, NaN nor an infinity")?;
    let timestamp = parts.next();
    if parts.next().is_some() {
        return Err("nothing is expected after the timestamp");
    }
    Ok(Sample {
        name,
        labels,
        value,
        timestamp,
        key,
    })
}

type Quoted<'a> = Option<Cow<'a, str>>;

/// Reads up to the closing brace. A quoted string alone is the metric's name (UTF-8 names of Prometheus 3).
fn label_set<'a>(
    mut rest: &'a str,
    labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
) -> Result<(Quoted<'a>, &'a str), &'static str> {
    let mut metric = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((metric, after));
        }
        let name = if rest.starts_with('"') {
            let (name, after) = quoted(rest)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.starts_with('=') {
                if metric.replace(name).is_some() {
                    return Err("the name is given twice");
                }
                continue;
            }
            name
        } else {
            let end = rest
                .find('=')
                .ok_or("`=` is expected after the name of a label")?;
            let (name, after) = rest.split_at_checked(end).ok_or("a label is expected")?;
            rest = after;
            let name = name.trim_end_matches([' ', '\t']);
            if !is_name(name) {
                return Err("the name of a label has characters that are not allowed");
            }
            Cow::Borrowed(name)
        };
        rest = rest
            .strip_prefix('=')
            .unwrap_or(rest)
            .trim_start_matches([' ', '\t']);
        let (value, after) = quoted(rest)?;
        rest = after;
        if labels.len() >= MAX_LABELS {
            return Err("too many labels");
        }
        if labels.iter().any(|(known, _)| *known == name) {
            return Err("a label is given twice");
        }
        labels.push((name, value));
    }
}

/// A string in double quotes, and what follows it.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let inside = text
        .strip_prefix('"')
        .ok_or("a value in double quotes is expected")?;
    let mut escaped = false;
    for (index, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (value, after) = inside.split_at_checked(index).ok_or("a quote is expected")?;
                return Ok((unescape(value), after.get(1..).unwrap_or("")));
            }
            _ => {}
        }
    }
    Err("the closing quote is missing")
}

pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('"') => out.push('"'),
            Some('\\') => out.push('\\'),
            // The specification keeps the backslash of escapes that it does not know.
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}

/// Letters, digits, `_` and `:`, and `.` and `-`, which other tools write; not a digit first.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-' | '/'))
}
