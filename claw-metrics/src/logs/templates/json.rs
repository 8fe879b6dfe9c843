//! Objects of JSON as tokens: the keys, the level, and the message and error as text. All other values vary.

use std::borrow::Cow;

use super::scan::{Token, text};
use crate::logs::entries::Level;
use crate::logs::keys::{ERROR_KEYS, LEVEL_KEYS, MESSAGE_KEYS, is_key};

/// Most keys of a line that are looked at; the rest is one variable part.
const MAX_KEYS: usize = 48;
/// Deepest object in an object whose keys are looked at.
const MAX_DEPTH: usize = 3;
/// Most words before an object that is a line of its own: what a runtime, a forwarder or a terminal puts in front.
const MAX_HEAD: usize = 4;

/// Where the object begins that `line` consists of, but for a few words in front.
pub(super) fn begin(line: &str) -> Option<usize> {
    let at = line.find('{')?;
    let (head, object) = line.split_at_checked(at)?;
    let inside = object.strip_prefix('{')?.trim_start();
    let (_, behind) = quoted(inside)?;
    let whole = at == 0
        || (object.ends_with('}')
            && head.ends_with(char::is_whitespace)
            && head.split_whitespace().count() <= MAX_HEAD);
    (whole && behind.trim_start().starts_with(':')).then_some(at)
}

/// Calls `each` with the tokens of an object and of what follows it. What is cut off or no JSON is taken as text.
pub(super) fn tokens(object: &str, each: &mut dyn FnMut(Token<'_>, bool)) {
    let mut reader = Reader { each, keys: 0 };
    let (Read::End(rest) | Read::Broken(rest)) = reader.object(object, 0);
    text(rest, reader.each);
}

/// How far reading came, and what is left.
enum Read<'t> {
    End(&'t str),
    Broken(&'t str),
}

struct Reader<'e> {
    each: &'e mut dyn FnMut(Token<'_>, bool),
    keys: usize,
}

impl Reader<'_> {
    fn mark(&mut self, mark: &str) {
        (self.each)(Token::Mark(mark), false);
    }

    fn object<'t>(&mut self, object: &'t str, depth: usize) -> Read<'t> {
        let Some(mut rest) = object.strip_prefix('{') else {
            return Read::Broken(object);
        };
        // What stands in front of a whole line's object stands apart from it.
        (self.each)(Token::Mark("{"), depth == 0);
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix('}') {
                self.mark("}");
                return Read::End(behind);
            }
            let pair = quoted(rest)
                .and_then(|(key, behind)| Some((key, behind.trim_start().strip_prefix(':')?.trim_start())));
            let Some((key, value)) = pair else {
                return Read::Broken(rest);
            };
            self.keys += 1;
            if self.keys > MAX_KEYS {
                (self.each)(Token::Variable, false);
                return Read::End("");
            }
            (self.each)(Token::Key(key), false);
            self.mark(":");
            match self.value(key.trim_matches('"'), value, depth) {
                Read::End(behind) => rest = behind.trim_start(),
                broken @ Read::Broken(_) => return broken,
            }
            if let Some(behind) = rest.strip_prefix(',') {
                self.mark(",");
                rest = behind;
            }
        }
    }

    fn value<'t>(&mut self, key: &str, value: &'t str, depth: usize) -> Read<'t> {
        if value.starts_with('{') && depth < MAX_DEPTH {
            return self.object(value, depth + 1);
        }
        if value.starts_with('"') {
            let Some((string, rest)) = quoted(value) else {
                return Read::Broken(value);
            };
            self.string(key, string, depth);
            return Read::End(rest);
        }
        if value.starts_with(['{', '[']) {
            (self.each)(Token::Variable, false);
            return match behind_brackets(value) {
                Some(rest) => Read::End(rest),
                None => Read::Broken(""),
            };
        }
        let end = value
            .find(|c: char| matches!(c, ',' | '}' | ']') || c.is_whitespace())
            .unwrap_or(value.len());
        let (literal, rest) = value.split_at(end);
        if literal.is_empty() {
            return Read::Broken(rest);
        }
        // pino and bunyan number the levels by tens.
        let level = is_key(key, LEVEL_KEYS)
            && literal.parse::<i64>().is_ok_and(|number| {
                number % 10 == 0 && number <= 60 && Level::numbered(number) != Level::Unknown
            });
        let token = if level {
            Token::Key(literal)
        } else {
            Token::Variable
        };
        (self.each)(token, false);
        Read::End(rest)
    }

    /// A string with its quotes.
    fn string(&mut self, key: &str, quoted: &str, depth: usize) {
        if is_key(key, LEVEL_KEYS) && Level::named(quoted).is_some() {
            return (self.each)(Token::Key(quoted), false);
        }
        if !is_key(key, MESSAGE_KEYS) && !is_key(key, ERROR_KEYS) {
            return (self.each)(Token::Variable, false);
        }
        self.mark("\"");
        let said = unescaped(quoted);
        // What follows the first line is a stack trace or a dump.
        let said = said.trim();
        let (first, more) = said.split_once(['\n', '\r']).unwrap_or((said, ""));
        if begin(first) == Some(0) && depth < MAX_DEPTH {
            if let Read::Broken(rest) = self.object(first, depth + 1) {
                text(rest, self.each);
            }
        } else {
            text(first, self.each);
        }
        if !more.is_empty() {
            (self.each)(Token::Variable, true);
        }
        self.mark("\"");
    }
}

/// The string with its quotes at the begin of `text`, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    text.split_at_checked(end + 2)
}

fn unescaped(quoted: &str) -> Cow<'_, str> {
    let inside = quoted.trim_matches('"');
    match quoted.contains('\\') {
        true => serde_json::from_str(quoted).map_or(Cow::Borrowed(inside), Cow::Owned),
        false => Cow::Borrowed(inside),
    }
}

/// What follows the closing bracket of the array or object at the begin of `text`.
fn behind_brackets(text: &str) -> Option<&str> {
    let (mut depth, mut string, mut escaped) = (0_usize, false, false);
    let end = text.bytes().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = string,
            b'"' => string = !string,
            b'{' | b'[' if !string => depth += 1,
            b'}' | b']' if !string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    text.get(end + 1..)
}
