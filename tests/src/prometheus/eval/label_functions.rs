//! Functions that write labels: `label_replace`, `label_join`, `absent`, `absent_over_time`.

use std::collections::BTreeSet;

use promql_parser::parser::{Expr, VectorSelector};

use super::super::labels::{Labels, METRIC_NAME};
use super::super::matcher::{Matcher, Test};
use super::function::{Args, unwrapped};
use super::node::{Row, merge};
use super::{Eval, EvalError};
use crate::re2;

impl Eval<'_> {
    pub(super) fn label_replace(&self, args: Args<'_>) -> Result<Vec<Row>, EvalError> {
        let (target, replacement, source, text) =
            (args.text(1)?, args.text(2)?, args.text(3)?, args.text(4)?);
        let regex = re2::compile(&format!("^(?s:{text})$")).map_err(|_| EvalError::Regex {
            function: "label_replace",
            text: text.to_owned(),
        })?;
        check_name(target, "destination label name in label_replace()")?;
        let replaced = self.vector(args.get(0)?)?.into_iter().map(|mut row| {
            if let Some(captures) = regex.captures(row.labels.get(source)) {
                let mut value = String::new();
                captures.expand(replacement, &mut value);
                row.labels = row.labels.with(target, &value);
            }
            row
        });
        merge(replaced.collect())
    }

    pub(super) fn label_join(&self, args: Args<'_>) -> Result<Vec<Row>, EvalError> {
        let (target, separator) = (args.text(1)?, args.text(2)?);
        let sources = (3..args.len())
            .map(|index| args.text(index))
            .collect::<Result<Vec<_>, _>>()?;
        for source in &sources {
            check_name(source, "source label name in label_join()")?;
        }
        check_name(target, "destination label name in label_join()")?;
        let joined = self.vector(args.get(0)?)?.into_iter().map(|mut row| {
            let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source)).collect();
            row.labels = row.labels.with(target, &values.join(separator));
            row
        });
        merge(joined.collect())
    }

    pub(super) fn absent(&self, expr: &Expr) -> Result<Vec<Row>, EvalError> {
        let rows = self.vector(expr)?;
        self.where_none_of(&rows, expr)
    }

    pub(super) fn absent_over_time(&self, expr: &Expr) -> Result<Vec<Row>, EvalError> {
        let rows = self.range_argument(expr)?.apply(self, |_| Some(1.0))?;
        self.where_none_of(&rows, expr)
    }

    /// One series with the value 1 at each step at which no row has a value.
    fn where_none_of(&self, rows: &[Row], expr: &Expr) -> Result<Vec<Row>, EvalError> {
        let mut row = Row::empty(implied_labels(expr)?, &self.steps);
        for step in 0..self.steps.count() {
            if rows.iter().all(|row| row.get(step).is_none()) {
                row.set(step, 1.0);
            }
        }
        Ok(vec![row])
    }
}

/// The labels that every series of a selector must have. Other expressions imply none.
fn implied_labels(expr: &Expr) -> Result<Labels, EvalError> {
    let selector: &VectorSelector = match unwrapped(expr) {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(selector) => &selector.vs,
        _ => return Ok(Labels::empty()),
    };
    let mut labels = Labels::empty();
    let mut contradictory = BTreeSet::new();
    for Matcher { name, test } in Matcher::of_selector(selector)? {
        if name == METRIC_NAME {
            continue;
        }
        match test {
            Test::Equal(value) if labels.get(&name).is_empty() && !contradictory.contains(&name) => {
                labels = labels.with(&name, &value);
            }
            _ => {
                labels = labels.with(&name, "");
                contradictory.insert(name);
            }
        }
    }
    Ok(labels)
}

fn check_name(name: &str, place: &'static str) -> Result<(), EvalError> {
    // Prometheus 3 takes any text as a label name, but not the empty one.
    if name.is_empty() {
        Err(EvalError::LabelName {
            place,
            name: name.to_owned(),
        })
    } else {
        Ok(())
    }
}
