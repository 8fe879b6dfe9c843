//! Variable parts that follow each other as one.

use super::scan::Token;

/// Joins variable parts: `12:30:01,5`, `a list of 1, 2, 3`, `<*> ms`.
#[derive(Default)]
pub(super) struct Joiner<'a> {
    /// A variable part that may grow, and whether white space stood before it.
    open: Option<bool>,
    /// Separators since then.
    marks: [Option<(Token<'a>, bool)>; 3],
    /// Names of a day and a month, which vary only beside a number.
    calendar: [Option<(&'a str, bool)>; 2],
}

impl<'a> Joiner<'a> {
    pub(super) fn push(&mut self, token: Token<'a>, spaced: bool, each: &mut dyn FnMut(Token<'_>, bool)) {
        match token {
            Token::Variable => {
                if let [Some((_, before)), _] = std::mem::take(&mut self.calendar) {
                    self.open.get_or_insert(before);
                }
                self.marks = [None; 3];
                self.open.get_or_insert(spaced);
            }
            Token::Mark(mark) if self.open.is_some() && joins(mark) => {
                match self.marks.iter_mut().find(|slot| slot.is_none()) {
                    Some(slot) => *slot = Some((token, spaced)),
                    None => {
                        self.flush(each);
                        each(token, spaced);
                    }
                }
            }
            Token::Word(word) if is_calendar(word) => {
                // Beside a number that stands before it, it goes on with that.
                if self.open.is_some() && self.marks.iter().all(Option::is_none) {
                    return;
                }
                let [day, month] = &mut self.calendar;
                if day.is_some() && month.is_none() {
                    *month = Some((word, spaced));
                    return;
                }
                self.flush(each);
                self.calendar = [Some((word, spaced)), None];
            }
            Token::Word(_) | Token::Mark(_) | Token::Key(_) => {
                self.flush(each);
                each(token, spaced);
            }
        }
    }

    pub(super) fn flush(&mut self, each: &mut dyn FnMut(Token<'_>, bool)) {
        if let Some(spaced) = self.open.take() {
            each(Token::Variable, spaced);
        }
        for (mark, spaced) in std::mem::take(&mut self.marks).into_iter().flatten() {
            each(mark, spaced);
        }
        for (word, spaced) in std::mem::take(&mut self.calendar).into_iter().flatten() {
            each(Token::Word(word), spaced);
        }
    }
}

/// Separators within dates, addresses and lists.
fn joins(mark: &str) -> bool {
    matches!(mark, ":" | "," | ";" | "|")
}

fn is_calendar(word: &str) -> bool {
    matches!(
        word,
        "Jan"
            | "Feb"
            | "Mar"
            | "Apr"
            | "May"
            | "Jun"
            | "Jul"
            | "Aug"
            | "Sep"
            | "Oct"
            | "Nov"
            | "Dec"
            | "Mon"
            | "Tue"
            | "Wed"
            | "Thu"
            | "Fri"
            | "Sat"
            | "Sun"
            | "AM"
            | "PM"
            | "UTC"
            | "GMT"
            | "CST"
            | "CET"
    )
}
