//! Columns of headers that say where a line was written, not what happened: the host in syslog's, the program behind a time.

use std::ops::Range;

use crate::logs::entries::Level;

/// Where the column stands, if the line has a header with one.
pub(super) fn origin(line: &str) -> Option<Range<usize>> {
    match line.as_bytes().first()? {
        b'[' => program(line),
        b'<' | b'A'..=b'S' | b'0'..=b'9' => host(line),
        _ => None,
    }
}

/// `Mar  1 10:00:00 HOST cron[42]: …`, with a date of ISO 8601 and as RFC 5424 has it: `<34>1 2026-03-01T10:00:00Z HOST cron 42 …`.
fn host(line: &str) -> Option<Range<usize>> {
    let priority = match line.starts_with('<') {
        true => line.find('>')? + 1,
        false => 0,
    };
    let rest = line.get(priority..)?;
    let version = usize::from(priority > 0 && rest.starts_with("1 ")) * 2;
    let dated = rest.get(version..)?;
    let date = short_date(dated).or_else(|| full_date(dated))?;
    let host = word(line, priority + version + date)?;
    let program = line.get(word(line, host.end)?)?;
    let name = line.get(host.clone())?;
    let labelled = program.ends_with("]:") || (program.ends_with(':') && short_date(dated).is_some());
    let named = !name.contains(['[', '(', ':', '=', '"']) && Level::named(name).is_none();
    (named && (version > 0 || labelled)).then_some(host)
}

/// `[10:00:00] PROGRAM - …`
fn program(line: &str) -> Option<Range<usize>> {
    let (time, rest) = line.strip_prefix('[')?.split_once(']')?;
    let is_time = time.starts_with(|c: char| c.is_ascii_digit()) && time.contains(':');
    let column = rest.find(" - ").filter(|end| *end > 0 && is_time)?;
    let start = time.len() + "[]".len();
    let first = line.get(word(line, start)?)?;
    let program = line.get(start..start + column)?.trim_start();
    // A name of a file, or a word in small letters that says neither what was done nor how bad it is.
    let named = first.contains('.')
        || (first
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
            && !first.ends_with("ed"));
    // Behind it only what has no letters: `agent.exe *64`.
    let more = program.get(first.len()..)?;
    let single = !more.contains(|c: char| c.is_alphabetic());
    let plain = !first.contains(['[', ':', '=', '"']) && Level::named(first).is_none();
    (named && single && plain).then(|| start + column - program.len()..start + column)
}

/// The next word of `line` from `at` on.
fn word(line: &str, at: usize) -> Option<Range<usize>> {
    let rest = line.get(at..)?;
    let start = at + rest.find(|c: char| !c.is_whitespace())?;
    let rest = line.get(start..)?;
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some(start..start + length)
}

/// The length of `Mar  1 10:00:00`.
fn short_date(text: &str) -> Option<usize> {
    const LENGTH: usize = "Mar  1 10:00:00".len();
    let date = text.as_bytes().get(..LENGTH)?;
    let [a, b, c, b' ', _, day, b' ', _, _, b':', _, _, b':', _, second] = date else {
        return None;
    };
    let month = matches!(
        [a, b, c].map(|byte| *byte).as_slice(),
        b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
    );
    (month && day.is_ascii_digit() && second.is_ascii_digit()).then_some(LENGTH)
}

/// The length of `2026-03-01T10:00:00.123Z`.
fn full_date(text: &str) -> Option<usize> {
    let date = text.get(..text.find(' ')?)?;
    let bytes = date.as_bytes();
    let formed = bytes.len() >= "2026-03-01T10:00:00".len()
        && bytes.get(4) == Some(&b'-')
        && bytes.get(10) == Some(&b'T')
        && bytes.get(13) == Some(&b':');
    formed.then_some(date.len())
}
