//! Makes text that came from a cluster safe to show.
//!
//! Names, log lines and event messages are written by whoever runs a workload. Control characters, terminal escape
//! sequences and characters that reorder or hide text are taken out here, once, before any renderer sees the text;
//! each renderer then only escapes for its own format.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use unicode_width::UnicodeWidthChar as _;

/// Stands for a character that may not be shown.
const REPLACEMENT: char = '\u{fffd}';
/// As many marks as may be stacked on one character.
const MAX_STACKED_MARKS: usize = 4;
/// How far the end of an escape string is looked for.
const MAX_ESCAPE_STRING: usize = 512;

/// `text` on one line, white space collapsed, cut to `limit` characters with a mark.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let clean = neutral(text);
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    truncate(&out, limit).into_owned()
}

/// `text` with its line breaks and indentation, cut to `limit` characters with a mark.
pub(crate) fn block(text: &str, limit: usize) -> String {
    truncate(neutral(text).trim_end(), limit).into_owned()
}

/// `text`, or its first `limit` characters and how many were left out.
pub(crate) fn truncate(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let head = text.get(..end).unwrap_or_default();
            let rest = text.get(end..).unwrap_or_default().chars().count();
            Cow::Owned(format!("{}… (+{rest} characters)", head.trim_end()))
        }
    }
}

/// The first characters of `text` and an ellipsis, together no more than `limit` characters.
pub(crate) fn ellipsis(text: &str, limit: usize) -> Cow<'_, str> {
    if text.chars().nth(limit).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    if limit > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Whether a reader cannot see the character, or sees others in a false order because of it.
pub(crate) fn is_deceptive(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || reorders(c) || is_invisible(c)
}

/// `text` without control characters, terminal escapes, and characters that reorder or hide text. Line ends are `\n`.
pub(crate) fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut marks = 0_usize;
    while let Some(c) = chars.next() {
        let zero_width = c.width() == Some(0);
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_escape_string(&mut chars),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push('\t'),
            _ if c.is_control() || reorders(c) => out.push(REPLACEMENT),
            _ if is_invisible(c) => {}
            _ if zero_width && marks >= MAX_STACKED_MARKS => {}
            _ => out.push(c),
        }
        marks = if zero_width { marks.saturating_add(1) } else { 0 };
    }
    out
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_escape_string(chars);
        }
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Skips to the string's end. Without an end nearby nothing is skipped, so that no text can be hidden that way.
fn skip_escape_string(chars: &mut Peekable<Chars<'_>>) {
    let mut ahead = chars.clone();
    let mut steps = 0_usize;
    while let Some(c) = ahead.next() {
        steps = steps.saturating_add(1);
        let ends = match c {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next_if_eq(&'\\').is_some(),
            _ => false,
        };
        if ends {
            *chars = ahead;
            return;
        }
        if c == '\n' || steps >= MAX_ESCAPE_STRING {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_out_terminal_escapes() {
        assert_eq!(line("\u{1b}[31mERROR\u{1b}[0m boom", 99), "ERROR boom");
        assert_eq!(line("\u{9b}2Jgone", 99), "gone");
        assert_eq!(
            line("\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}]8;;\u{7}", 99),
            "click"
        );
        assert_eq!(line("\u{1b}(Bplain", 99), "plain");
    }

    #[test]
    fn an_escape_string_without_end_hides_nothing() {
        assert_eq!(line("\u{1b}]0;password refused", 99), "0;password refused");
    }

    #[test]
    fn replaces_what_reorders_and_drops_what_is_invisible() {
        assert_eq!(line("safe\u{202e}txt.exe", 99), "safe\u{fffd}txt.exe");
        assert_eq!(line("pay\u{200b}ments\u{e0041}", 99), "payments");
        assert_eq!(line("nul\0byte\u{7f}", 99), "nul\u{fffd}byte\u{fffd}");
    }

    #[test]
    fn keeps_lines_in_blocks_and_joins_them_in_lines() {
        assert_eq!(block("a\r\n  b\rc\n", 99), "a\n  b\nc");
        assert_eq!(line(" a\r\n\tb ", 99), "a b");
    }

    #[test]
    fn stacked_marks_are_limited() {
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(line(&zalgo, 99), format!("a{}b", "\u{301}".repeat(4)));
    }

    #[test]
    fn cuts_with_a_mark() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefgh", 6), "abcdef… (+2 characters)");
        assert_eq!(ellipsis("abcdefgh", 6), "abcde…");
        assert_eq!(ellipsis("abc", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left(text in "\\PC*|[\\x00-\\x1f\\x7f-\\u{a0}\\u{202a}-\\u{202e}\\u{200b}-\\u{200f}a-z\\[\\];\\\\]*") {
            let clean = neutral(&text);
            prop_assert!(!clean.chars().any(is_deceptive), "{clean:?}");
            prop_assert!(!line(&text, 50).contains(['\n', '\t']));
        }

        #[test]
        fn plain_text_is_untouched(text in "[ -~\\n\\t]*") {
            prop_assert_eq!(neutral(&text), text);
        }
    }
}
