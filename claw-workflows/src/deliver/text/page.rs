//! Lines of a terminal: wrapped at a width, with or without colour.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Cyan,
    /// White on red.
    Alarm,
    Heading,
}

impl Style {
    /// Parameters of the terminal's `SGR` sequence.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Red => Some("31"),
            Self::Yellow => Some("33"),
            Self::Green => Some("32"),
            Self::Cyan => Some("36"),
            Self::Alarm => Some("1;97;41"),
            Self::Heading => Some("1;4"),
        }
    }
}

/// A piece of text in one style.
#[derive(Clone, Debug)]
pub(super) struct Span {
    style: Style,
    text: String,
}

pub(super) fn span(style: Style, text: impl Into<String>) -> Span {
    Span {
        style,
        text: text.into(),
    }
}

pub(super) fn plain(text: impl Into<String>) -> Span {
    span(Style::Plain, text)
}

/// The text as it grows.
#[derive(Debug)]
pub(super) struct Page {
    out: String,
    width: usize,
    colour: bool,
}

impl Page {
    pub(super) fn new(width: usize, colour: bool) -> Self {
        Self {
            out: String::new(),
            width,
            colour,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// An empty line and a heading.
    pub(super) fn heading(&mut self, text: &str) {
        if !self.out.ends_with("\n\n") {
            self.blank();
        }
        self.paint(Style::Heading, text);
        self.blank();
    }

    /// Wrapped text. The first line begins with `first`, those that follow with as many spaces.
    pub(super) fn item(&mut self, first: &str, spans: &[Span]) {
        let indent = " ".repeat(first.width());
        self.out.push_str(first);
        let mut column = first.width();
        let mut at_start = true;
        let mut glued = false;
        for span in spans {
            for (index, word) in span.text.split(' ').enumerate() {
                glued = index == 0 && glued;
                if word.is_empty() {
                    glued = false;
                    continue;
                }
                let gap = usize::from(!at_start && !glued);
                if !at_start && column.saturating_add(gap).saturating_add(word.width()) > self.width {
                    self.out.push('\n');
                    self.out.push_str(&indent);
                    column = indent.len();
                } else if gap > 0 {
                    self.out.push(' ');
                    column = column.saturating_add(1);
                }
                column = self.word(span.style, word, column, &indent);
                at_start = false;
            }
            glued = !span.text.ends_with(' ') && !span.text.is_empty();
        }
        self.trim_line();
    }

    /// Lines as they are: what is to be copied is not wrapped.
    pub(super) fn verbatim(&mut self, indent: &str, style: Style, text: &str) {
        for line in text.lines() {
            self.out.push_str(indent);
            self.paint(style, line);
            self.trim_line();
        }
    }

    /// Writes a word that begins at `column`; one that fits on no line is broken. Returns the column after it.
    fn word(&mut self, style: Style, word: &str, column: usize, indent: &str) -> usize {
        let room = self.width.saturating_sub(indent.len()).max(1);
        if column.saturating_add(word.width()) <= self.width || word.width() <= room && column <= indent.len()
        {
            self.paint(style, word);
            return column.saturating_add(word.width());
        }
        let mut column = column;
        let mut piece = String::new();
        for c in word.chars() {
            let width = c.width().unwrap_or(0);
            if column.saturating_add(width) > self.width && column > indent.len() {
                self.paint(style, &piece);
                piece.clear();
                self.out.push('\n');
                self.out.push_str(indent);
                column = indent.len();
            }
            piece.push(c);
            column = column.saturating_add(width);
        }
        self.paint(style, &piece);
        column
    }

    fn paint(&mut self, style: Style, text: &str) {
        match style.code().filter(|_| self.colour && !text.is_empty()) {
            Some(code) => {
                self.out.push_str("\u{1b}[");
                self.out.push_str(code);
                self.out.push('m');
                self.out.push_str(text);
                self.out.push_str("\u{1b}[0m");
            }
            None => self.out.push_str(text),
        }
    }

    fn trim_line(&mut self) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrapped(width: usize, first: &str, text: &str) -> String {
        let mut page = Page::new(width, false);
        page.item(first, &[plain(text)]);
        page.finish()
    }

    #[test]
    fn wraps_with_a_hanging_indent() {
        assert_eq!(
            wrapped(12, "- ", "one two three four"),
            "- one two\n  three four\n"
        );
    }

    #[test]
    fn breaks_words_that_fit_on_no_line() {
        assert_eq!(wrapped(6, "  ", "abcdefghij kl"), "  abcd\n  efgh\n  ij\n  kl\n");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(wrapped(6, "", "漢字漢字漢字"), "漢字漢\n字漢字\n");
    }

    #[test]
    fn spans_are_joined_without_a_gap_unless_they_hold_one() {
        let mut page = Page::new(80, true);
        page.item(
            "",
            &[span(Style::Bold, "a"), plain(": b "), span(Style::Dim, "c")],
        );
        assert_eq!(page.finish(), "\u{1b}[1ma\u{1b}[0m: b \u{1b}[2mc\u{1b}[0m\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_page(text in "[a-z ]{0,200}", width in 4_usize..60) {
            for line in wrapped(width, "  ", &text).lines() {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }
    }
}
