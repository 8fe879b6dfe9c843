//! `topk` and `bottomk`.

use std::cmp::Ordering;

use super::super::number;
use super::aggregate::Group;
use super::function::at;
use super::node::{Cell, Row};
use super::quantile::nan_last;
use super::{Eval, EvalError};

impl Eval<'_> {
    /// Keeps the `limits` largest or smallest values of each group at each step; the series keep their labels.
    ///
    /// NaN is kept only when there is nothing else. Of equal values the first ones stay.
    pub(super) fn ranked(
        &self,
        groups: Vec<Group>,
        largest: bool,
        limits: &[f64],
    ) -> Result<Vec<Row>, EvalError> {
        if !check(limits)? {
            return Ok(Vec::new());
        }
        let order = |a: f64, b: f64| if largest { falling(a, b) } else { nan_last(&a, &b) };
        let mut out = Vec::new();
        for group in groups {
            self.check_canceled()?;
            let mut kept: Vec<Row> = group
                .rows
                .iter()
                .map(|row| Row::empty(row.labels.clone(), &self.steps))
                .collect();
            let mut first_step_order = Vec::new();
            for step in 0..self.steps.count() {
                let mut present: Vec<(usize, f64)> = group
                    .rows
                    .iter()
                    .enumerate()
                    .filter_map(|(index, row)| Some((index, row.get(step)?)))
                    .collect();
                present.sort_by(|a, b| order(a.1, b.1));
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                // negative numbers become 0
                let limit = at(Some(limits), step).unwrap_or(0.0) as usize;
                present.truncate(limit);
                for (index, value) in &present {
                    if let Some(cell) = kept.get_mut(*index).and_then(|row| row.cells.get_mut(step)) {
                        *cell = Cell::of(*value);
                    }
                }
                if self.steps.is_instant() {
                    first_step_order = present;
                }
            }
            if self.steps.is_instant() {
                // An instant query lists the best first.
                let mut slots: Vec<Option<Row>> = kept.into_iter().map(Some).collect();
                out.extend(
                    first_step_order
                        .iter()
                        .filter_map(|(index, _)| slots.get_mut(*index)?.take()),
                );
            } else {
                out.extend(kept.into_iter().filter(|row| !row.is_empty()));
            }
        }
        Ok(out)
    }
}

fn falling(a: f64, b: f64) -> Ordering {
    if a.is_nan() || b.is_nan() {
        nan_last(&a, &b)
    } else {
        nan_last(&b, &a)
    }
}

/// The smallest and the largest of some parameters; NaN where one of them is, nothing where there are none.
pub(super) fn bounds(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let both = |pick: fn(f64, f64) -> f64, first: f64| {
        values.iter().fold(first, |a, b| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                pick(a, *b)
            }
        })
    };
    (both(f64::min, f64::MAX), both(f64::max, f64::MIN))
}

/// Whether anything is asked for at any step. Numbers that no count can have are refused only then.
#[allow(clippy::cast_precision_loss)]
fn check(limits: &[f64]) -> Result<bool, EvalError> {
    let (least, most) = bounds(limits);
    if most < 1.0 {
        return Ok(false);
    }
    if limits.iter().any(|limit| limit.is_nan()) {
        return Err(EvalError::NoParameter);
    }
    if least <= i64::MIN as f64 {
        return Err(EvalError::Underflow {
            value: number::go_g(least),
        });
    }
    if most >= i64::MAX as f64 {
        return Err(EvalError::Overflow {
            value: number::go_g(most),
        });
    }
    Ok(true)
}
