//! Numbers with the unit that they are written in: the same size is `900 B` today and `1.1 KB` tomorrow.

/// Where the size ends of which the number ends at `end`: behind its unit, and behind the same size in brackets.
pub(super) fn end_of_size(line: &str, end: usize) -> usize {
    let rest = line.get(end..).unwrap_or_default();
    let unit = unit(rest, is_unit);
    match unit {
        0 => end,
        _ => end + unit + in_brackets(rest.get(unit..).unwrap_or_default()),
    }
}

/// How much of `rest`, which follows `bytes`, is the same size once more: ` (1.1 KB)`.
pub(super) fn in_brackets(rest: &str) -> usize {
    let Some(inside) = rest.strip_prefix(" (") else {
        return 0;
    };
    let number = number(inside);
    let behind = inside.get(number..).unwrap_or_default();
    let unit = unit(behind, |word| is_unit(word) || is_bytes(word));
    let closed = behind.get(unit..).is_some_and(|rest| rest.starts_with(')'));
    match number > 0 && unit > 0 && closed {
        true => " (".len() + number + unit + ")".len(),
        false => 0,
    }
}

/// Where the bound ends that begins at `start`: `<1 sec`, `>100`. What stands in angle brackets is none.
pub(super) fn end_of_bound(line: &str, start: usize) -> Option<usize> {
    let apart = |c: char| c.is_whitespace() || matches!(c, '=' | ':' | '(' | '[' | ',');
    let rest = line.get(start + 1..)?;
    let number = number(rest);
    let behind = rest.get(number..)?;
    let stands_apart = line.get(..start)?.chars().next_back().is_none_or(apart);
    if number == 0 || !stands_apart {
        return None;
    }
    let unit = unit(behind, |word| is_unit(word) || is_bytes(word) || is_time(word));
    let ended = behind
        .get(unit..)?
        .starts_with(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | ']'));
    (ended || unit == behind.len()).then_some(start + 1 + number + unit)
}

pub(super) fn is_bytes(word: &str) -> bool {
    matches!(word, "bytes" | "byte" | "Bytes")
}

/// The length of the number at the begin of `text`.
fn number(text: &str) -> usize {
    let length = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
        .count();
    match text.as_bytes().first() {
        Some(b'0'..=b'9') => length,
        _ => 0,
    }
}

/// The length of a space and a unit at the begin of `text`; 0 if there is none.
fn unit(text: &str, is: impl Fn(&str) -> bool) -> usize {
    let space = usize::from(text.starts_with(' '));
    let word = text.get(space..).unwrap_or_default();
    let length = word.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let (unit, behind) = word.split_at_checked(length).unwrap_or_default();
    // `B-tree`
    let goes_on = behind.starts_with(['-', '_', '/']) && !behind.starts_with("/s");
    match is(unit) && !goes_on {
        true => space + length,
        false => 0,
    }
}

fn is_unit(word: &str) -> bool {
    matches!(
        word,
        "B" | "kB" | "KB" | "MB" | "GB" | "TB" | "PB" | "KiB" | "MiB" | "GiB" | "TiB" | "PiB"
    )
}

fn is_time(word: &str) -> bool {
    matches!(
        word,
        "ns" | "us"
            | "ms"
            | "s"
            | "sec"
            | "secs"
            | "second"
            | "seconds"
            | "m"
            | "min"
            | "mins"
            | "minute"
            | "minutes"
            | "h"
    )
}
