//! Subqueries: an instant vector evaluated over a range of its own.

use std::borrow::Cow;

use promql_parser::parser::SubqueryExpr;

use super::node::Node;
use super::selector::millis;
use super::steps::Steps;
use super::window::{RangeRow, Ranges};
use super::{Eval, EvalError};

impl<'a> Eval<'a> {
    pub(super) fn subquery(&self, subquery: &SubqueryExpr) -> Result<Ranges<'a>, EvalError> {
        let frame = self.frame(subquery.at.as_ref(), subquery.offset.as_ref());
        let range = millis(subquery.range);
        let interval = subquery.step.map_or(self.options.default_step_ms, millis).max(1);
        let after = frame.time(self.steps.start()).saturating_sub(range);
        let end = frame.time(self.steps.end());
        let steps = Steps::range(first_multiple_after(after, interval), end, interval);
        let inner = Eval { steps, ..*self };
        inner.budget(1)?;
        let rows = match inner.node(&subquery.expr)? {
            Node::Vector(rows) => rows,
            _ => return Err(EvalError::parse("subquery is only allowed on instant vector")),
        };
        let rows = rows
            .into_iter()
            .filter_map(|row| row.series(&steps))
            .map(|series| RangeRow {
                labels: series.labels,
                points: Cow::Owned(series.points),
            })
            .collect();
        Ok(Ranges { rows, frame, range })
    }
}

/// The steps of a subquery lie at multiples of its interval, whatever the time of the query.
fn first_multiple_after(time: i64, interval: i64) -> i64 {
    time.div_euclid(interval)
        .saturating_add(1)
        .saturating_mul(interval)
}

#[cfg(test)]
mod tests {
    use super::first_multiple_after;

    #[test]
    fn steps_start_after_the_open_end_of_the_range() {
        assert_eq!(first_multiple_after(100, 10), 110);
        assert_eq!(first_multiple_after(101, 10), 110);
        assert_eq!(first_multiple_after(-5, 10), 0);
        assert_eq!(first_multiple_after(-10, 10), 0);
    }
}
