//! One line: its prefix, its format, its level.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::logs::keys::{ERROR_KEYS, LEVEL_KEYS, MESSAGE_KEYS, STACK_KEYS, TIME_KEYS, is_key};

/// How bad an entry is, by its writer's own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// Not said.
    #[default]
    Unknown,
    /// Trace or debug.
    Debug,
    /// Information, notice.
    Info,
    /// Warning.
    Warn,
    /// Error.
    Error,
    /// Fatal, critical, panic, emergency.
    Fatal,
}

impl Level {
    /// The level that a word names, in any case: `ERR`, `warning`, `E`, `CRITICAL`.
    pub fn named(word: &str) -> Option<Self> {
        let word = word.trim_matches(['[', ']', '(', ')', ':', '<', '>', '"', ',', '|']);
        if word.is_empty() || word.len() > 11 {
            return None;
        }
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" | "debug" | "dbg" | "verbose" | "fine" | "finer" | "finest" => Self::Debug,
            "info" | "inf" | "information" | "notice" | "log" => Self::Info,
            "warn" | "warning" | "wrn" => Self::Warn,
            "error" | "err" | "eror" | "severe" | "failure" => Self::Error,
            "fatal" | "critical" | "crit" | "panic" | "emerg" | "emergency" | "alert" | "ftl" => Self::Fatal,
            _ => return None,
        })
    }

    /// The level that a number stands for in bunyan and pino (10 to 60).
    pub(in crate::logs) fn numbered(number: i64) -> Self {
        match number {
            60.. => Self::Fatal,
            50..=59 => Self::Error,
            40..=49 => Self::Warn,
            30..=39 => Self::Info,
            10..=29 => Self::Debug,
            _ => Self::Unknown,
        }
    }
}

/// A line in parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub(super) time: Option<Timestamp>,
    pub(super) level: Level,
    pub(super) message: String,
    /// A stack trace that the line itself carries, in a field.
    pub(super) stack: Option<String>,
    structured: bool,
}

impl Line {
    /// Whether the line says by its form that it begins an entry.
    pub(super) fn is_structured(&self) -> bool {
        self.structured
    }
}

/// Reads one line.
pub(super) fn read(text: &str) -> Line {
    let (kubelet, rest) = runtime_prefix(text);
    let mut line = if rest.starts_with('{') { json(rest) } else { None }
        .or_else(|| klog(rest))
        .or_else(|| redis(rest))
        .or_else(|| logfmt(rest))
        .unwrap_or_else(|| plain(rest));
    // The runtime's time is written by one clock and is always complete.
    line.time = kubelet.or(line.time);
    line
}

/// Takes off `2024-05-01T10:00:00.123456789Z ` and CRI's `stdout F `.
pub(super) fn runtime_prefix(text: &str) -> (Option<Timestamp>, &str) {
    let Some((first, rest)) = text.split_once(' ') else {
        return (None, text);
    };
    if first.len() < 20 || first.as_bytes().get(10).is_none_or(|byte| *byte != b'T') {
        return (None, text);
    }
    let Ok(time) = first.parse::<Timestamp>() else {
        return (None, text);
    };
    let mut parts = rest.splitn(3, ' ');
    if let (Some("stdout" | "stderr"), Some("F" | "P"), Some(message)) =
        (parts.next(), parts.next(), parts.next())
    {
        return (Some(time), message);
    }
    (Some(time), rest)
}

fn json(text: &str) -> Option<Line> {
    let Value::Object(fields) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let field = |names: &[&str]| {
        names.iter().find_map(|name| {
            fields
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        })
    };
    let words = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(inner) => {
            let part = |names: &[&str]| {
                names
                    .iter()
                    .find_map(|name| inner.get(*name)?.as_str().map(str::to_owned))
            };
            let kind = part(&["type", "name", "class", "kind", "code"]);
            let said = part(&["message", "msg", "reason", "description"]);
            match (kind, said) {
                (Some(kind), Some(said)) => Some(format!("{kind}: {said}")),
                (one, other) => one.or(other),
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
        Value::Number(number) => Some(number.to_string()),
    };
    let message = field(MESSAGE_KEYS).and_then(words);
    let error = field(ERROR_KEYS).and_then(words).filter(|text| !text.is_empty());
    let stack = field(STACK_KEYS)
        .or_else(|| field(ERROR_KEYS).and_then(|error| STACK_KEYS.iter().find_map(|key| error.get(*key))))
        .and_then(words);
    let level = match field(LEVEL_KEYS) {
        Some(Value::String(word)) => Level::named(word).unwrap_or_default(),
        Some(Value::Number(number)) => Level::numbered(number.as_i64().unwrap_or(0)),
        _ => severity(&fields),
    };
    let error = error.or_else(|| attribute(&fields));
    let message = match (message, error) {
        (Some(message), Some(error)) if !message.contains(&error) => format!("{message}: {error}"),
        (Some(message), _) => message,
        (None, Some(error)) => error,
        (None, None) => text.to_owned(),
    };
    Some(Line {
        time: field(TIME_KEYS).and_then(time_of),
        level,
        message,
        stack,
        structured: true,
    })
}

/// The level that MongoDB gives an entry, by a letter beside the component. That it gives to much that goes wrong for its clients
/// says nothing.
fn severity(fields: &serde_json::Map<String, Value>) -> Level {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    match (text("s"), text("c")) {
        (Some("F"), Some(_)) => Level::Fatal,
        (Some("E"), Some(_)) => Level::Error,
        (Some("W"), Some(_)) => Level::Warn,
        _ => Level::Unknown,
    }
}

/// What MongoDB says of an error beside the message.
fn attribute(fields: &serde_json::Map<String, Value>) -> Option<String> {
    let wrong = matches!(severity(fields), Level::Fatal | Level::Error | Level::Warn);
    let attributes = fields.get("attr").filter(|_| wrong)?;
    let mut said = ["message", "error"].into_iter();
    said.find_map(|key| attributes.get(key)?.as_str().map(str::to_owned))
}

fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => moment(text),
        Value::Number(number) => {
            let seconds = number.as_f64()?;
            // Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size.
            let scale = [1.0, 1e3, 1e6, 1e9]
                .into_iter()
                .find(|scale| seconds / scale < 1e11)?;
            crate::series::from_seconds(seconds / scale)
        }
        _ => None,
    }
}

/// `I0501 10:00:00.123456   1 file.go:42] message`.
fn klog(text: &str) -> Option<Line> {
    let bytes = text.as_bytes();
    let level = match bytes.first()? {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    };
    let date = text.get(1..5)?;
    if !date.bytes().all(|byte| byte.is_ascii_digit()) || bytes.get(5) != Some(&b' ') {
        return None;
    }
    let (head, message) = text.split_once("] ")?;
    head.rsplit_once(':')?.1.parse::<u32>().ok()?;
    Some(Line {
        level,
        message: message.to_owned(),
        structured: true,
        ..Line::default()
    })
}

/// `1:M 14 Apr 2026 21:36:48.351 # message`: process, role, time, and a mark for the level.
fn redis(text: &str) -> Option<Line> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.splitn(7, ' ');
    let (process, role) = words.next()?.split_once(':')?;
    if !process.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(role, "M" | "S" | "C" | "X") {
        return None;
    }
    let day: u8 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let year: u16 = words.next()?.parse().ok()?;
    let time = moment(&format!("{year:04}-{month:02}-{day:02} {}", words.next()?))?;
    let level = match words.next()? {
        "." | "-" => Level::Debug,
        "*" => Level::Info,
        "#" => Level::Warn,
        _ => return None,
    };
    Some(Line {
        time: Some(time),
        level,
        message: words.next()?.to_owned(),
        structured: true,
        ..Line::default()
    })
}

/// `time=… level=error msg="…" err="…"`: at least two pairs, one of them a level or message.
fn logfmt(text: &str) -> Option<Line> {
    let first = text.split_once('=')?.0;
    if first.is_empty()
        || first.len() > 40
        || !first
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.@-".contains(&b))
    {
        return None;
    }
    let mut line = Line {
        structured: true,
        ..Line::default()
    };
    let (mut message, mut error, mut known) = (None, None, 0);
    for (key, value) in pairs(text) {
        let is = |names: &[&str]| is_key(key, names);
        if is(LEVEL_KEYS) {
            line.level = Level::named(&value).unwrap_or_default();
            known += 1;
        } else if is(MESSAGE_KEYS) {
            message.get_or_insert(value);
            known += 1;
        } else if is(ERROR_KEYS) {
            error.get_or_insert(value);
            known += 1;
        } else if is(TIME_KEYS) {
            line.time = moment(&value);
            known += 1;
        }
    }
    if known < 2 {
        return None;
    }
    line.message = match (message, error) {
        (Some(message), Some(error)) => format!("{message}: {error}"),
        (one, other) => one.or(other).unwrap_or_else(|| text.to_owned()),
    };
    Some(line)
}

/// Pairs of a logfmt line; values may be quoted, with `\"` inside.
fn pairs(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.rsplit(char::is_whitespace).next().unwrap_or(key);
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            let mut end = quoted.len();
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    '"' if !escaped => {
                        end = at;
                        break;
                    }
                    '\\' => escaped = !escaped,
                    _ => escaped = false,
                }
            }
            let value = quoted
                .get(..end)
                .unwrap_or_default()
                .replace("\\\"", "\"")
                .replace("\\n", " ");
            (
                value,
                quoted.get(end..).unwrap_or_default().trim_start_matches('"'),
            )
        } else {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            (
                after.get(..end).unwrap_or_default().to_owned(),
                after.get(end..).unwrap_or_default(),
            )
        };
        found.push((key, value));
        if found.len() >= 64 {
            break;
        }
        rest = next;
    }
    found
}

/// Plain text: time and level are looked for among the first words.
fn plain(text: &str) -> Line {
    let mut line = Line::default();
    let mut rest = text;
    // `10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 500 …`: the status is the level.
    if let Some(level) = access_log_level(text) {
        return Line {
            level,
            message: text.to_owned(),
            structured: true,
            ..Line::default()
        };
    }
    for _ in 0..6 {
        let trimmed = rest.trim_start_matches([' ', '\t', '|', '-', '–']);
        let (word, after) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed, ""));
        let bare = word.trim_matches(['[', ']', '(', ')', ',', '|']);
        if line.time.is_none() {
            if let Some(time) = moment(bare) {
                line.time = Some(time);
                rest = after;
                continue;
            }
            let (second, later) = after
                .trim_start()
                .split_once([' ', '\t'])
                .unwrap_or((after.trim_start(), ""));
            let both = format!("{bare} {}", second.trim_matches(['[', ']', ',', '|', ':']));
            if is_date(bare)
                && let Some(time) = moment(&both)
            {
                // `2026-04-14 21:37:27 +0000`, and in brackets, of which the second closes behind the zone.
                let (third, behind) = later.split_once([' ', '\t']).unwrap_or((later, ""));
                let zone = match word.starts_with('[') {
                    true => third.strip_suffix(']'),
                    false => Some(third),
                };
                let zone = zone.filter(|zone| is_offset(zone));
                let zoned = zone.and_then(|zone| moment(&format!("{both}{zone}")));
                line.time = zoned.or(Some(time));
                rest = if zoned.is_some() { behind } else { later };
                continue;
            }
        }
        // `[2026-04-14 21:37:27,682: ERROR/MainProcess]`: the level stands with the process that it is of.
        if let Some((level, _)) = word.strip_suffix(']').and_then(|word| word.split_once('/'))
            && line.time.is_some()
            && let Some(level) = Level::named(level)
        {
            line.level = level;
            rest = after;
            break;
        }
        // `ERROR:app.orders:no stock`: level and logger, as Python's `logging.basicConfig` puts them.
        if let Some((level, after_level)) = rest.split_once(':').filter(|(level, _)| is_upper(level))
            && let Some(level) = Level::named(level)
            && let Some((logger, message)) = after_level.split_once(':')
            && is_logger(logger)
        {
            line.level = level;
            rest = message;
            break;
        }
        // `panic:` and what follows it is the message of a Go program that ended, not a level.
        if let Some(level) =
            Level::named(word).filter(|_| word != "panic:" && is_level_word(word, line.time.is_some()))
        {
            line.level = level;
            rest = after;
            break;
        }
        // A thread, a process id or a bare time of day may stand between time and level.
        let aside = word.starts_with('[')
            || word.starts_with('(')
            || bare.bytes().all(|b| b.is_ascii_digit() || b":.,".contains(&b));
        if !(aside && (line.time.is_some() || rest.len() == text.len())) || word.is_empty() {
            break;
        }
        rest = after;
        if after.is_empty() {
            break;
        }
    }
    line.structured = line.time.is_some() || line.level != Level::Unknown;
    if !line.structured {
        // Brackets that belong to no prefix are part of the text.
        rest = text;
    }
    if line.level == Level::Unknown {
        line.level = level_within(text);
    }
    let message = rest.trim();
    line.message = if message.is_empty() {
        text.trim_end().to_owned()
    } else {
        rest.trim_end().to_owned()
    };
    line
}

fn is_upper(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a word may be the name of a logger: `app`, `uvicorn.error`, `__main__`.
fn is_logger(word: &str) -> bool {
    let first = word.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_level_word(word: &str, after_time: bool) -> bool {
    let bare = word.trim_matches(['[', ']', '(', ')', ':', '<', '>', '|']);
    after_time || bare.len() < word.len() || bare.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A level written somewhere near the beginning: ` ERROR `, `[error]`, `level=error`, ` FATAL: `.
fn level_within(text: &str) -> Level {
    let head: String = text.chars().take(120).collect();
    head.split([' ', '\t', '|', ','])
        .filter(|word| {
            let bare = word.trim_matches(['[', ']', '(', ')', ':', '<', '>']);
            word.len() > bare.len() || bare.bytes().all(|byte| byte.is_ascii_uppercase())
        })
        .filter_map(Level::named)
        .max()
        .unwrap_or_default()
}

fn access_log_level(text: &str) -> Option<Level> {
    let (head, rest) = text.split_once("] \"")?;
    let after = rest.split_once("\" ")?.1;
    let status: u16 = after.split(' ').next()?.parse().ok()?;
    head.contains('[').then_some(match status {
        500.. => Level::Error,
        400..=499 => Level::Warn,
        _ => Level::Info,
    })
}

fn is_date(word: &str) -> bool {
    word.len() == 10
        && word.bytes().enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-' || byte == b'/' || byte == b'.'
            } else {
                byte.is_ascii_digit()
            }
        })
}

/// `+0000` or `+02:00`.
fn is_offset(word: &str) -> bool {
    word.starts_with(['+', '-'])
        && matches!(word.len(), 5 | 6)
        && word
            .bytes()
            .skip(1)
            .all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// A moment in one of the usual forms. Times without a zone count as UTC, which containers run in.
fn moment(text: &str) -> Option<Timestamp> {
    let starts_with_year = text
        .as_bytes()
        .get(..4)
        .is_some_and(|year| year.iter().all(u8::is_ascii_digit));
    if !starts_with_year || !(19..=35).contains(&text.len()) {
        return None;
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let text = text.replace('/', "-").replacen(' ', "T", 1).replace(',', ".");
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    text.parse::<DateTime>()
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}
