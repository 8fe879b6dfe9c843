//! Lines as tokens, with what varies masked. One pass over the bytes, no regular expressions.

use std::ops::Range;

use super::addresses::{end_of_groups, is_ipv4, name_in_brackets};
use super::headers::origin;
use super::joiner::Joiner;
use super::json;
use super::names::{is_dotted, is_name, is_named_value, printed_object};
use super::quotes::{Quoted, quoted};
use super::sizes::{end_of_bound, end_of_size, in_brackets, is_bytes};
use super::variety::{Class, class_of};

/// Longest part of a line that is looked at, in bytes.
const MAX_LINE: usize = 8 * 1024;
/// Most tokens of a line; what follows is one variable part.
const MAX_TOKENS: usize = 160;

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A part that is known to vary.
    Variable,
    /// A word.
    Word(&'a str),
    /// A separator: one byte of punctuation.
    Mark(&'a str),
    /// A word that never varies: the key of a structured line.
    Key(&'a str),
}

/// Calls `each` with the tokens of `line` and whether white space stands before them. Variable parts that follow each other,
/// with or without separators between them, come as one.
pub(super) fn tokens(line: &str, each: &mut dyn FnMut(Token<'_>, bool)) {
    let line = line
        .get(..line.floor_char_boundary(MAX_LINE))
        .unwrap_or(line)
        .trim_end();
    match json::begin(line) {
        Some(at) => {
            let (head, object) = line.split_at(at);
            text(head.trim_end(), each);
            json::tokens(object, each);
        }
        None => text(line, each),
    }
}

/// The tokens of text.
pub(super) fn text(line: &str, each: &mut dyn FnMut(Token<'_>, bool)) {
    let mut scanner = Scanner {
        line,
        origin: origin(line),
        at: 0,
        opens: true,
        closing: None,
        value: None,
        address: None,
        before: [""; 2],
    };
    let mut joiner = Joiner::default();
    let mut count = 0;
    while let Some((token, spaced)) = scanner.next() {
        scanner.before = match token {
            Token::Word(word) => [scanner.before[1], word],
            _ => [""; 2],
        };
        count += 1;
        if count > MAX_TOKENS {
            joiner.push(Token::Variable, true, each);
            break;
        }
        joiner.push(token, spaced, each);
    }
    joiner.flush(each);
}

struct Scanner<'a> {
    line: &'a str,
    at: usize,
    /// The column of the header that says where the line was written.
    origin: Option<Range<usize>>,
    /// Whether neither a word has come yet, but for levels, nor a quote.
    opens: bool,
    /// Where the quote is that closes a text whose words are looked at.
    closing: Option<usize>,
    /// Where what comes next ends, if it is known to be a value.
    value: Option<usize>,
    /// Where the last address ended.
    address: Option<usize>,
    /// The last two words, where nothing else came after them.
    before: [&'a str; 2],
}

impl<'a> Scanner<'a> {
    fn byte(&self, index: usize) -> Option<u8> {
        self.line.as_bytes().get(index).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.line.get(from..to).unwrap_or("")
    }

    fn next(&mut self) -> Option<(Token<'a>, bool)> {
        let mut spaced = false;
        while self
            .byte(self.at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        {
            self.at += 1;
            spaced = true;
        }
        let start = self.at;
        let first = self.byte(start)?;
        if let Some(origin) = self.origin.take_if(|origin| origin.start == start) {
            self.at = origin.end;
            return Some((Token::Variable, spaced));
        }
        if let Some(end) = self.value.take() {
            // Between brackets there may be nothing.
            self.at = end;
            return Some((Token::Variable, spaced));
        }
        // An apostrophe inside of a word is no quote: only the begin of a token is looked at.
        if matches!(first, b'"' | b'\'' | b'`')
            && let Some(token) = self.quote(start)
        {
            return Some((token, spaced));
        }
        // `msg="user \"bob\" is gone"`
        if first == b'\\'
            && let Some(quote @ ("\\\"" | "\\'")) = self.line.get(start..start + 2)
            && let Some(length) = self.line.get(start + 2..).and_then(|rest| rest.find(quote))
        {
            self.at = start + length + 4;
            return Some((Token::Variable, spaced));
        }
        if matches!(first, b'<' | b'>')
            && let Some(end) = end_of_bound(self.line, start)
        {
            self.at = end;
            return Some((Token::Variable, spaced));
        }
        if first == b'('
            && self.address.take().is_some_and(|end| start == end + 1)
            && let Some(close) = name_in_brackets(self.line, start)
        {
            self.at += 1;
            self.value = Some(close);
            return Some((Token::Mark(self.slice(start, start + 1)), spaced));
        }
        if first == b':'
            && self.byte(start + 1) == Some(b':')
            && let Some(end) = end_of_groups(self.line, start)
        {
            self.at = end;
            self.address = Some(end);
            return Some((Token::Variable, spaced));
        }
        // `!root` is a word.
        let negated = first == b'!'
            && spaced
            && self
                .byte(start + 1)
                .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if negated {
            self.at += 1;
        } else if is_mark(first) {
            self.at += 1;
            return Some((Token::Mark(self.slice(start, start + 1)), spaced));
        }
        while self
            .byte(self.at)
            .is_some_and(|byte| !is_mark(byte) && !byte.is_ascii_whitespace())
        {
            self.at += 1;
        }
        if self.byte(self.at) == Some(b':')
            && self
                .line
                .get(self.at..)
                .is_some_and(|rest| rest.starts_with("://"))
        {
            self.skip_to(|byte| matches!(byte, b'"' | b'\'' | b'>' | b')' | b']' | b'}' | b'`'));
            return Some((Token::Variable, spaced));
        }
        let word = self.slice(start, self.at);
        if word.starts_with('/') && word.len() > 1 {
            // A path: separators other than those that end a phrase belong to it.
            self.skip_to(|byte| {
                matches!(
                    byte,
                    b'"' | b'\'' | b'`' | b'>' | b')' | b']' | b'}' | b',' | b';' | b':' | b'='
                )
            });
            return Some((Token::Variable, spaced));
        }
        if self.byte(self.at) == Some(b':')
            && word.len() <= 4
            && let Some(end) = end_of_groups(self.line, start)
        {
            self.at = end;
            self.address = Some(end);
            return Some((Token::Variable, spaced));
        }
        // `proxy.example.com:5070`
        let port = self.byte(self.at) == Some(b':')
            && self.byte(self.at + 1).is_some_and(|byte| byte.is_ascii_digit());
        if varies(word) || (port && word.contains('.')) {
            if word.ends_with(|c: char| c.is_ascii_digit()) {
                self.at = end_of_size(self.line, self.at);
                self.address = is_ipv4(word).then_some(self.at);
            }
            return Some((Token::Variable, spaced));
        }
        if is_bytes(word) {
            self.at += in_brackets(self.slice(self.at, self.line.len()));
        }
        if let Some(end) = self.name(start, word) {
            self.at = end;
            return Some((Token::Variable, spaced));
        }
        self.opens = self.opens && class_of(word) == Class::Fixed;
        Some((Token::Word(word), spaced))
    }

    /// The token that begins with the quote at `start`.
    fn quote(&mut self, start: usize) -> Option<Token<'a>> {
        let mark = Token::Mark(self.slice(start, start + 1));
        if self.closing == Some(start) {
            self.closing = None;
            self.at += 1;
            return Some(mark);
        }
        let reach = self.closing.unwrap_or(self.line.len());
        let opens = std::mem::take(&mut self.opens);
        match quoted(self.slice(0, reach), start, opens)? {
            Quoted::Message(close) if self.closing.is_none() => {
                self.closing = Some(close);
                self.at += 1;
                Some(mark)
            }
            Quoted::Request(method, close) => {
                self.at = method;
                self.value = Some(close + 1);
                Some(Token::Word(self.slice(start + 1, method)))
            }
            Quoted::Value(end) | Quoted::Message(end) => {
                self.at = end;
                Some(Token::Variable)
            }
        }
    }

    /// Where the name ends that begins with `word` at `start`, if it is one.
    fn name(&self, start: usize, word: &str) -> Option<usize> {
        let behind = self.slice(self.at, self.line.len());
        let before = self.slice(0, start);
        if before.ends_with('=') {
            if let Some(length) = printed_object(self.slice(start, self.line.len())) {
                return Some(start + length);
            }
            let pair = before.trim_end_matches('=');
            let key = pair
                .rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
                .next()?;
            return is_named_value(key, word).then_some(self.at);
        }
        ((word.contains('.') && is_dotted(word, 3)) || is_name(self.before, word, behind)).then_some(self.at)
    }

    fn skip_to(&mut self, end: impl Fn(u8) -> bool) {
        while self
            .byte(self.at)
            .is_some_and(|byte| !byte.is_ascii_whitespace() && !end(byte))
        {
            self.at += 1;
        }
    }
}

/// Punctuation that separates words. `_`, `-`, `.`, `/`, `@`, `$`, `#`, `%`, `+`, `*`, `~`, `&`, `\`, and apostrophes inside of
/// words are parts of them.
fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'=' | b':'
            | b','
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'"'
            | b'|'
            | b'!'
            | b'?'
            | b'`'
    )
}

/// Whether a word is an id, a number, an address, a path or a hash by its form: it has a digit, an `@` inside, or is hexadecimal
/// and long.
fn varies(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.iter().any(u8::is_ascii_digit)
        || (bytes.len() >= 8 && bytes.iter().all(|byte| matches!(byte, b'a'..=b'f')))
        || word
            .get(1..)
            .is_some_and(|rest| rest.contains('@') && !rest.ends_with('@'))
        || word.contains(":\\")
        || word.starts_with("\\\\")
}
