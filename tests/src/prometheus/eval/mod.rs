//! PromQL over a [`Store`], with the semantics of Prometheus 3.
//!
//! Every node of an expression is evaluated for all steps at once, so that labels are worked out once for a series
//! and not once for a sample. What is not supported is an error, never another answer.

mod aggregate;
mod binary;
mod calendar;
mod error;
mod function;
mod histogram;
mod label_functions;
mod matching;
mod math;
mod node;
mod parse;
mod quantile;
mod rank;
mod rate;
mod regression;
mod selector;
mod steps;
mod subquery;
mod sum;
mod window;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use promql_parser::parser::Expr;
use promql_parser::parser::value::ValueType;

pub use error::EvalError;
pub(crate) use parse::parse_selector;

use super::labels::Labels;
use super::store::{Point, Store};
use node::{Node, Row};
use steps::Steps;

/// Where an evaluation stops.
#[derive(Clone, Debug)]
pub struct Options {
    /// How old a sample may be to count as the present value, in milliseconds.
    pub lookback_ms: i64,
    /// The step of a subquery that names none, in milliseconds.
    pub default_step_ms: i64,
    /// How many samples one evaluation may hold.
    pub max_samples: usize,
    /// Ends the evaluation when it becomes true.
    pub cancel: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: 5 * 60 * 1000,
            default_step_ms: 60 * 1000,
            max_samples: 50_000_000,
            cancel: Arc::default(),
        }
    }
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The result.
    pub value: Value,
    /// What may be wrong with the query or the data.
    pub warnings: Vec<String>,
    /// Remarks on the query or the data.
    pub infos: Vec<String>,
}

/// The result of a query. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A number.
    Scalar(Point),
    /// A text.
    Text(i64, String),
    /// One value for each series.
    Vector(Vec<Sample>),
    /// Several values for each series.
    Matrix(Vec<Series>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels.
    pub labels: Labels,
    /// Time and value.
    pub point: Point,
}

/// One element of a range vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels.
    pub labels: Labels,
    /// Times and values in the order of time.
    pub points: Vec<Point>,
}

/// Evaluates `query` at one time, in milliseconds since 1970.
///
/// # Errors
/// As Prometheus would report them; see [`EvalError`].
pub fn instant(store: &Store, query: &str, time: i64, options: &Options) -> Result<Outcome, EvalError> {
    let expr = parse::parse(query)?;
    let steps = Steps::at(time);
    let notes = Notes::default();
    let eval = Eval {
        store,
        steps,
        bounds: (time, time),
        options,
        notes: &notes,
    };
    let value = if expr.value_type() == ValueType::Matrix {
        Value::Matrix(eval.matrix(&expr)?)
    } else {
        match eval.node(&expr)? {
            Node::Scalar(values) => Value::Scalar((time, values.first().copied().unwrap_or(f64::NAN))),
            Node::Text(text) => Value::Text(time, text),
            Node::Vector(rows) => {
                Value::Vector(rows.into_iter().filter_map(|row| row.sample(time)).collect())
            }
        }
    };
    Ok(notes.outcome(value))
}

/// Evaluates `query` at `start`, `start + step` and so on up to and including `end`, all in milliseconds.
///
/// # Errors
/// As Prometheus would report them; see [`EvalError`].
pub fn range(
    store: &Store,
    query: &str,
    (start, end): (i64, i64),
    step: i64,
    options: &Options,
) -> Result<Outcome, EvalError> {
    let expr = parse::parse(query)?;
    let kind = match expr.value_type() {
        ValueType::Vector | ValueType::Scalar => None,
        ValueType::Matrix => Some("range vector"),
        ValueType::String => Some("string"),
    };
    if let Some(kind) = kind {
        return Err(EvalError::NotForRanges { kind });
    }
    let steps = Steps::range(start, end, step);
    let notes = Notes::default();
    let eval = Eval {
        store,
        steps,
        bounds: (start, end),
        options,
        notes: &notes,
    };
    let rows = match eval.node(&expr)? {
        Node::Scalar(values) => vec![Row::dense(Labels::empty(), values)],
        Node::Vector(rows) => rows,
        Node::Text(_) => Vec::new(),
    };
    let mut series: Vec<Series> = rows.into_iter().filter_map(|row| row.series(&steps)).collect();
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(notes.outcome(Value::Matrix(series)))
}

/// The evaluation of an expression over one set of steps.
#[derive(Clone, Copy)]
struct Eval<'a> {
    store: &'a Store,
    steps: Steps,
    /// Start and end of the whole query, for `@ start()` and `@ end()`, which mean the same inside a subquery.
    bounds: (i64, i64),
    options: &'a Options,
    notes: &'a Notes,
}

impl<'a> Eval<'a> {
    fn node(&self, expr: &Expr) -> Result<Node, EvalError> {
        self.check_canceled()?;
        self.budget(1)?;
        match expr {
            Expr::NumberLiteral(number) => Ok(Node::Scalar(vec![number.val; self.steps.count()])),
            Expr::StringLiteral(text) => Ok(Node::Text(text.val.clone())),
            Expr::Paren(inner) => self.node(&inner.expr),
            Expr::Unary(inner) => self.negate(&inner.expr),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::VectorSelector(selector) => self.select(selector).map(Node::Vector),
            Expr::Call(call) => self.call(call),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => {
                Err(EvalError::parse("a range vector is not allowed here"))
            }
            _ => Err(EvalError::unsupported("this kind of expression")),
        }
    }

    /// Evaluates an expression that the parser knows to be an instant vector.
    fn vector(&self, expr: &Expr) -> Result<Vec<Row>, EvalError> {
        match self.node(expr)? {
            Node::Vector(rows) => Ok(rows),
            _ => Err(EvalError::parse("expected an instant vector")),
        }
    }

    /// Evaluates an expression that the parser knows to be a scalar, for each step.
    fn scalars(&self, expr: &Expr) -> Result<Vec<f64>, EvalError> {
        match self.node(expr)? {
            Node::Scalar(values) => Ok(values),
            _ => Err(EvalError::parse("expected a scalar")),
        }
    }

    fn negate(&self, expr: &Expr) -> Result<Node, EvalError> {
        Ok(match self.node(expr)? {
            Node::Scalar(values) => Node::Scalar(values.into_iter().map(|value| -value).collect()),
            Node::Vector(rows) => {
                let rows = rows
                    .into_iter()
                    .map(|row| row.without_metric().map(|value| -value))
                    .collect();
                Node::Vector(node::distinct(rows)?)
            }
            Node::Text(_) => return Err(EvalError::parse("a string cannot be negated")),
        })
    }

    fn check_canceled(&self) -> Result<(), EvalError> {
        if self.options.cancel.load(Ordering::Relaxed) {
            Err(EvalError::Canceled)
        } else {
            Ok(())
        }
    }

    /// Refuses to hold `rows` times the number of steps if that is more than allowed.
    fn budget(&self, rows: usize) -> Result<(), EvalError> {
        if rows.saturating_mul(self.steps.count()) > self.options.max_samples {
            return Err(EvalError::TooManySamples);
        }
        Ok(())
    }
}

/// Warnings and remarks that come up during an evaluation, each once.
#[derive(Debug, Default)]
struct Notes {
    warnings: RefCell<BTreeSet<String>>,
    infos: RefCell<BTreeSet<String>>,
}

impl Notes {
    fn warn(&self, text: impl std::fmt::Display) {
        self.warnings
            .borrow_mut()
            .insert(format!("PromQL warning: {text}"));
    }

    fn info(&self, text: impl std::fmt::Display) {
        self.infos.borrow_mut().insert(format!("PromQL info: {text}"));
    }

    fn outcome(self, value: Value) -> Outcome {
        Outcome {
            value,
            warnings: self.warnings.into_inner().into_iter().collect(),
            infos: self.infos.into_inner().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
