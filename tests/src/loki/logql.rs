//! The part of LogQL that selects lines: a stream selector and line filters.

use regex::Regex;

use super::scan::Scanner;
use crate::prometheus::Labels;
use crate::re2;

/// A query that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LogqlError {
    #[error("parse error at line {line}, col {column}: {message}")]
    Syntax {
        line: usize,
        column: usize,
        message: String,
    },
    #[error("parse error : syntax error: unexpected $end")]
    Empty,
    #[error("error parsing regexp: {0}")]
    Regex(String),
    #[error(
        "parse error : queries require at least one regexp or equality matcher that does not have an \
         empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"
    )]
    NothingRequired,
    #[error("not supported by the simulated Loki: {0}")]
    Unsupported(&'static str),
}

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub(super) struct LogQuery {
    pub(super) matchers: Vec<Matcher>,
    filters: Vec<Filter>,
}

/// A condition on a label of a stream.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    name: String,
    test: Test,
    wanted: bool,
}

/// A condition on a line: one of the tests holds, or with `wanted` false, none does.
#[derive(Clone, Debug)]
struct Filter {
    tests: Vec<Test>,
    wanted: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Text(String),
    Regex(Regex),
}

impl Matcher {
    pub(super) fn accepts(&self, labels: &Labels) -> bool {
        self.accepts_value(labels.get(&self.name))
    }

    fn accepts_value(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Text(text) => text == value,
            Test::Regex(regex) => regex.is_match(value),
        };
        holds == self.wanted
    }
}

impl LogQuery {
    /// Reads a selector with any number of line filters.
    pub(super) fn parse(text: &str) -> Result<Self, LogqlError> {
        let mut scan = Scanner::new(text);
        if scan.at_end() {
            return Err(LogqlError::Empty);
        }
        let mut ahead = scan.clone();
        if ahead.word().is_some() {
            // Either a metric query or nonsense; a bracket tells which.
            return Err(
                if ahead.take("(") || ahead.take_word("by") || ahead.take_word("without") {
                    LogqlError::Unsupported("metric queries")
                } else {
                    scan.unexpected("{")
                },
            );
        }
        let matchers = selector(&mut scan)?;
        let mut filters = Vec::new();
        while !scan.at_end() {
            filters.push(filter(&mut scan)?);
        }
        Ok(Self { matchers, filters })
    }

    /// Reads a selector that stands alone, as in `match[]`.
    pub(super) fn parse_selector(text: &str) -> Result<Vec<Matcher>, LogqlError> {
        let mut scan = Scanner::new(text);
        let matchers = selector(&mut scan)?;
        if scan.at_end() {
            Ok(matchers)
        } else {
            Err(scan.unexpected("$end"))
        }
    }

    pub(super) fn passes(&self, line: &str) -> bool {
        self.filters.iter().all(|filter| {
            let holds = filter.tests.iter().any(|test| match test {
                Test::Text(text) => line.contains(text.as_str()),
                Test::Regex(regex) => regex.is_match(line),
            });
            holds == filter.wanted
        })
    }
}

fn selector(scan: &mut Scanner<'_>) -> Result<Vec<Matcher>, LogqlError> {
    if !scan.take("{") {
        return Err(scan.unexpected("{"));
    }
    let mut matchers = Vec::new();
    while !scan.take("}") {
        if !matchers.is_empty() && !scan.take(",") {
            return Err(scan.unexpected(", or }"));
        }
        let Some(name) = scan.word() else {
            return Err(scan.unexpected(if matchers.is_empty() {
                "IDENTIFIER or }"
            } else {
                "IDENTIFIER"
            }));
        };
        // The longer operators first: `=` is the start of `=~`.
        let (wanted, is_regex) = if scan.take("=~") {
            (true, true)
        } else if scan.take("!~") {
            (false, true)
        } else if scan.take("!=") {
            (false, false)
        } else if scan.take("=") {
            (true, false)
        } else {
            return Err(scan.unexpected("= or != or =~ or !~"));
        };
        let text = scan.text()?;
        // The value of a label is matched as a whole, a line in any part.
        let test = if is_regex {
            regex(&format!("^(?s:{text})$"), &text)?
        } else {
            Test::Text(text)
        };
        matchers.push(Matcher {
            name: name.to_owned(),
            test,
            wanted,
        });
    }
    if matchers.iter().any(|m| m.wanted && !m.accepts_value("")) {
        Ok(matchers)
    } else {
        Err(LogqlError::NothingRequired)
    }
}

fn filter(scan: &mut Scanner<'_>) -> Result<Filter, LogqlError> {
    let (wanted, is_regex) = if scan.take("|=") {
        (true, false)
    } else if scan.take("!=") {
        (false, false)
    } else if scan.take("|~") {
        (true, true)
    } else if scan.take("!~") {
        (false, true)
    } else if scan.take("|>") || scan.take("!>") {
        return Err(LogqlError::Unsupported("pattern filters (|> and !>)"));
    } else if scan.take("|") {
        return Err(LogqlError::Unsupported(
            "parser, label filter and format stages (after |)",
        ));
    } else {
        return Err(scan.unexpected("a line filter"));
    };
    let mut tests = Vec::new();
    loop {
        if scan.clone().word().is_some() {
            return Err(LogqlError::Unsupported("functions in line filters"));
        }
        let text = scan.text()?;
        tests.push(if is_regex {
            regex(&text, &text)?
        } else {
            Test::Text(text)
        });
        if !scan.take_word("or") {
            return Ok(Filter { tests, wanted });
        }
    }
}

fn regex(text: &str, shown: &str) -> Result<Test, LogqlError> {
    re2::compile(text)
        .map(Test::Regex)
        .map_err(|_| LogqlError::Regex(shown.to_owned()))
}
