//! Reads LogQL character by character.

use super::logql::LogqlError;

/// A position in a query.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'q> {
    rest: &'q str,
    whole: &'q str,
}

impl<'q> Scanner<'q> {
    pub(super) fn new(whole: &'q str) -> Self {
        Self { rest: whole, whole }
    }

    /// Skips white space and comments, then tells whether nothing is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip();
        self.rest.is_empty()
    }

    /// Takes `token` if it comes next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the keyword `word` if it comes next and does not go on.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        let taken = ahead.word().is_some_and(|found| found == word);
        if taken {
            *self = ahead;
        }
        taken
    }

    /// Takes a name: letters, digits and underscores, no digit first.
    pub(super) fn word(&mut self) -> Option<&'q str> {
        self.skip();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        Some(word)
    }

    /// Takes a text in double quotes, with escapes, or in back quotes, without.
    pub(super) fn text(&mut self) -> Result<String, LogqlError> {
        self.skip();
        if let Some(raw) = self.rest.strip_prefix('`') {
            let (text, rest) = raw
                .split_once('`')
                .ok_or_else(|| self.error("literal not terminated"))?;
            self.rest = rest;
            return Ok(text.to_owned());
        }
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return Err(self.unexpected("STRING"));
        };
        let mut chars = quoted.chars();
        let mut text = String::new();
        loop {
            match chars.next() {
                None | Some('\n') => return Err(self.error("literal not terminated")),
                Some('"') => break,
                Some('\\') => {
                    let c = escape(&mut chars).ok_or_else(|| self.error("invalid char escape"))?;
                    text.push(c);
                }
                Some(c) => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(text)
    }

    /// Something else was expected here.
    pub(super) fn unexpected(&mut self, expected: &str) -> LogqlError {
        self.skip();
        let found = match self.rest.chars().next() {
            None => "$end".to_owned(),
            Some(c) => c.to_string(),
        };
        self.error(&format!("syntax error: unexpected {found}, expecting {expected}"))
    }

    pub(super) fn error(&self, message: &str) -> LogqlError {
        let done = self
            .whole
            .get(..self.whole.len().saturating_sub(self.rest.len()))
            .unwrap_or_default();
        let line = done.matches('\n').count().saturating_add(1);
        let column = done
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            .saturating_add(1);
        LogqlError::Syntax {
            line,
            column,
            message: message.to_owned(),
        }
    }

    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return,
            }
        }
    }
}

/// The character that an escape stands for, the backslash already taken.
fn escape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' => '\\',
        '"' => '"',
        'x' => by_number(chars, 2)?,
        'u' => by_number(chars, 4)?,
        'U' => by_number(chars, 8)?,
        _ => return None,
    })
}

fn by_number(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text: String = chars.take(digits).collect();
    if text.chars().count() < digits || !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(&text, 16).ok()?)
}
