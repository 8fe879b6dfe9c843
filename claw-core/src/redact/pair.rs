//! Secrets in text that stand after their name: `password=…`, `"token": "…"`, `--api-key …`, `<secret>…</secret>`.

use super::marker;
use super::name::{Noun, noun, words};
use super::value::{Form, is_secret};

/// Longest run of spaces, quotes and backslashes between a name and its value.
const MAX_GAP: usize = 16;

/// Longest value, in bytes. Without a bound, a line of names and no values would be searched over and over.
const MAX_VALUE: usize = 4 * 1024;

/// Words before `token` by which parsers complain.
const PARSERS: [&str; 6] = ["unexpected", "invalid", "illegal", "unknown", "bad", "syntax"];

pub(super) fn redact(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    for (start, word) in words(text) {
        if start < done {
            continue;
        }
        let Some(noun) = noun(word) else { continue };
        let Some(found) = value_after(text, start, word, noun) else {
            continue;
        };
        let value = text.get(found.start..found.end).unwrap_or_default();
        let before = text.get(..start).unwrap_or_default();
        if is_said(word, noun, &found, value, before) || !is_secret(noun, found.form, value) {
            continue;
        }
        out.push_str(text.get(done..found.start).unwrap_or_default());
        out.push_str(&marker(noun.kind()));
        done = found.end;
    }
    if done == 0 {
        return None;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Some(out)
}

/// Where the value is.
struct Found {
    start: usize,
    end: usize,
    form: Form,
}

fn value_after(text: &str, start: usize, word: &str, noun: Noun) -> Option<Found> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied();
    let mut place = start + word.len();
    if at(place) == Some(b'>') && start.checked_sub(1).and_then(at) == Some(b'<') {
        let length = reach(text, place + 1).find('<')?;
        return Some(Found {
            start: place + 1,
            end: place + 1 + length,
            form: Form::Quoted,
        });
    }
    place = skip(bytes, place, is_quote);
    let closed = place;
    place = skip(bytes, place, is_blank);
    let mut form = match (at(place)?, at(place + 1)) {
        _ if let Some(after) = value_of_variable(text, start, closed) => {
            place = after;
            Form::Assigned
        }
        (b':', Some(b':')) => return None,
        (b':', Some(b'=')) | (b'=', Some(b'>' | b'=')) => {
            place += 2;
            Form::Assigned
        }
        (b'=', _) => {
            place += 1;
            Form::Assigned
        }
        (b':', next) => {
            place += 1;
            if next.is_some_and(is_blank) {
                Form::Colon(false)
            } else {
                Form::Joined
            }
        }
        // A flag and its value.
        (next, _) if place > closed && word.starts_with('-') && next != b'-' => Form::Colon(false),
        _ => return None,
    };
    place = skip(bytes, place, is_blank);
    if at(place) == Some(b'[') && !super::is_marker(text.get(place..)?) {
        place += 1;
    }
    let quote_end = skip(bytes, place, |byte| byte == b'\\');
    let quoted = at(quote_end).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let (value, end) = match quoted {
        Some(_) => {
            let opening = text.get(place..=quote_end)?;
            let value = quote_end + 1;
            form = Form::Quoted;
            (value, end_of_quoted(text, value, opening))
        }
        None => (place, end_of_bare(text, place)),
    };
    let (value, end) = match noun {
        Noun::Authorization => match authorization(text, value, end, quoted.is_some()) {
            Some(after_scheme) => {
                form = Form::Assigned;
                after_scheme
            }
            None => (value, end),
        },
        Noun::Cookie if quoted.is_none() => (value, end_of_line(text, value)),
        _ => (value, end),
    };
    if let Form::Colon(_) = form {
        let next = skip(bytes, end, is_blank);
        let more = next > end && at(next).is_some_and(|byte| byte.is_ascii_alphanumeric());
        form = Form::Colon(more);
    }
    Some(Found {
        start: value,
        end,
        form,
    })
}

/// The place after the run of bytes that `take` takes.
fn skip(bytes: &[u8], from: usize, take: impl Fn(u8) -> bool) -> usize {
    let run = bytes
        .iter()
        .skip(from)
        .take(MAX_GAP)
        .take_while(|byte| take(**byte))
        .count();
    from + run
}

/// The place after `value:` if the word is the name of an environment variable: `name: X` and, next, `value: …`.
fn value_of_variable(text: &str, start: usize, end: usize) -> Option<usize> {
    let filler = ['"', '\'', '\\', ' ', '\t'];
    let key = text.get(..start)?.trim_end_matches(filler).strip_suffix(':')?;
    if !key.trim_end_matches(filler).ends_with("name") {
        return None;
    }
    let bytes = text.as_bytes();
    let gap = |byte: u8| is_quote(byte) || byte.is_ascii_whitespace() || byte == b',';
    let mut place = end;
    // A deep indentation is longer than one run.
    for _ in 0..4 {
        place = skip(bytes, place, gap);
    }
    let rest = text.get(place..)?.strip_prefix("value")?;
    let colon = skip(rest.as_bytes(), 0, |byte| is_quote(byte) || is_blank(byte));
    rest.get(colon..)?
        .starts_with(':')
        .then(|| text.len() - rest.len() + colon + 1)
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'\\')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text in which the end of a value is looked for.
fn reach(text: &str, from: usize) -> &str {
    let end = text.floor_char_boundary(from.saturating_add(MAX_VALUE));
    text.get(from..end).unwrap_or_default()
}

fn end_of_line(text: &str, from: usize) -> usize {
    let rest = reach(text, from);
    from + rest
        .split('\n')
        .next()
        .unwrap_or_default()
        .trim_end_matches('\r')
        .len()
}

/// The place of the closing quote. `opening` is a quote with as many backslashes before it as the text is nested.
fn end_of_quoted(text: &str, from: usize, opening: &str) -> usize {
    let rest = reach(text, from);
    let nested = opening.len() > 1;
    let mut searched = 0;
    while let Some(found) = rest.get(searched..).and_then(|tail| tail.find(opening)) {
        let place = searched + found;
        let escapes = rest
            .get(..place)
            .unwrap_or_default()
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        if nested && escapes == 0 || !nested && escapes % 2 == 0 {
            return from + place;
        }
        searched = place + opening.len();
    }
    end_of_line(text, from)
}

/// The end of a value without quotes: at a blank, or at what separates it from the next pair.
fn end_of_bare(text: &str, from: usize) -> usize {
    let rest = reach(text, from);
    for (open, close) in [("$(", ")"), ("${", "}"), ("{{", "}}"), ("{", "}")] {
        let Some(inner) = rest.strip_prefix(open) else {
            continue;
        };
        if let Some(length) = inner
            .find(close)
            .filter(|length| !inner.get(..*length).is_some_and(|part| part.contains('\n')))
        {
            return from + open.len() + length + close.len();
        }
    }
    let mut end = rest.len();
    for (place, character) in rest.char_indices() {
        let tail = rest.get(place + character.len_utf8()..).unwrap_or_default();
        let stops = match character {
            '"' | '\'' | '`' | '<' | '>' => true,
            ',' | ';' | '&' => begins_pair(tail),
            '\\' => tail.starts_with(['"', '\'', 'n', 'r', 't']),
            other => other.is_whitespace() || other.is_control(),
        };
        if stops {
            end = place;
            break;
        }
    }
    let value = rest.get(..end).unwrap_or_default();
    if super::is_marker(value) {
        return from + value.find(']').map_or(value.len(), |place| place + 1);
    }
    from + value.trim_end_matches([',', ';', ')', ']', '}', '.', ':']).len()
}

/// Whether what follows a separator is the next pair, or nothing.
fn begins_pair(tail: &str) -> bool {
    let name = tail.trim_start_matches([' ', '\t']);
    if name.len() < tail.len() || name.is_empty() || name.starts_with(['\n', '\r', '"', '\'', '}', ')', '\\'])
    {
        return true;
    }
    let length = name
        .bytes()
        .take_while(|byte| super::name::is_word(*byte) || *byte == b' ')
        .count();
    length > 0
        && name
            .get(length..)
            .is_some_and(|rest| rest.starts_with(['=', ':']))
}

/// What follows the scheme in an `Authorization` header, if a scheme is there.
fn authorization(text: &str, value: usize, end: usize, quoted: bool) -> Option<(usize, usize)> {
    let rest = text.get(value..)?;
    let word = rest.split([' ', '\t']).next()?;
    let blanks = rest
        .get(word.len()..)?
        .bytes()
        .take_while(|byte| is_blank(*byte))
        .count();
    let start = value + word.len() + blanks;
    let known = |schemes: &[&str]| schemes.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let bare_end = if known(&[
        "bearer",
        "basic",
        "token",
        "apikey",
        "negotiate",
        "ntlm",
        "splunk",
        "key",
    ]) {
        end_of_bare(text, start)
    } else if known(&["digest", "aws4-hmac-sha256", "oauth", "hawk"]) {
        end_of_line(text, start)
    } else {
        return None;
    };
    (blanks > 0).then_some((start, if quoted { end.max(start) } else { bare_end }))
}

/// Whether the word is used to say something, or is part of the name of an image or host.
fn is_said(word: &str, noun: Noun, found: &Found, value: &str, before: &str) -> bool {
    if word == "token" && value.len() < 20 && complains(before) {
        return true;
    }
    match found.form {
        Form::Colon(_) => word == "pass",
        Form::Joined => {
            let plain = value
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                && value.len() < 16;
            before.ends_with('/') || noun != Noun::Password && (plain || is_version(value))
        }
        _ => false,
    }
}

/// Whether a word of [`PARSERS`] stands at the end.
fn complains(before: &str) -> bool {
    let before = before.trim_end().as_bytes();
    PARSERS.iter().any(|parser| {
        let (head, tail) = before.split_at(before.len().saturating_sub(parser.len()));
        tail.eq_ignore_ascii_case(parser.as_bytes()) && !head.last().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// `1.2.3`, `v1.2.3-alpine`, `latest@sha256:…`.
fn is_version(value: &str) -> bool {
    let tag = value.split(['-', '@', '+']).next().unwrap_or_default();
    let numbers = tag.strip_prefix('v').unwrap_or(tag);
    value.contains("@sha256")
        || !numbers.is_empty()
            && numbers
                .split('.')
                .all(|part| part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit()))
}
