//! Conditions on labels.

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::VectorSelector;
use regex::Regex;

use super::eval::EvalError;
use super::labels::{Labels, METRIC_NAME};
use crate::re2;

/// One condition on one label of a series.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    pub(crate) name: String,
    pub(crate) test: Test,
}

/// What the value of a label has to be. A label that a series lacks has the empty value.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Equal(String),
    NotEqual(String),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Matcher {
    pub(crate) fn equal(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            test: Test::Equal(value.to_owned()),
        }
    }

    pub(crate) fn accepts(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(wanted) => wanted == value,
            Test::NotEqual(unwanted) => unwanted != value,
            Test::Matches(regex) => regex.is_match(value),
            Test::MatchesNot(regex) => !regex.is_match(value),
        }
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name))
    }

    /// The conditions of a selector, the metric's name included.
    pub(crate) fn of_selector(selector: &VectorSelector) -> Result<Vec<Self>, EvalError> {
        let mut all: Vec<Self> = selector
            .name
            .iter()
            .map(|name| Self::equal(METRIC_NAME, name))
            .collect();
        all.extend(Self::of_matchers(&selector.matchers)?);
        Ok(all)
    }

    fn of_matchers(matchers: &Matchers) -> Result<Vec<Self>, EvalError> {
        // `{a="1" or b="2"}` is understood by the parser, not by Prometheus.
        if !matchers.or_matchers.is_empty() {
            return Err(EvalError::parse(
                "unexpected \"or\" in label matching, expected \",\" or \"}\"",
            ));
        }
        matchers
            .matchers
            .iter()
            .map(|matcher| {
                let value = matcher.value.clone();
                let test = match &matcher.op {
                    MatchOp::Equal => Test::Equal(value),
                    MatchOp::NotEqual => Test::NotEqual(value),
                    MatchOp::Re(parsed) => Test::Matches(anchored(&value, parsed)),
                    MatchOp::NotRe(parsed) => Test::MatchesNot(anchored(&value, parsed)),
                };
                Ok(Self {
                    name: matcher.name.clone(),
                    test,
                })
            })
            .collect()
    }
}

/// Prometheus lets a dot match a line break, the parser's own regular expression does not.
fn anchored(text: &str, parsed: &Regex) -> Regex {
    re2::compile(&format!("^(?s:{text})$")).unwrap_or_else(|_| parsed.clone())
}
