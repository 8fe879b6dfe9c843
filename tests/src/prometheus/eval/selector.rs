//! Instant and range vector selectors.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use promql_parser::parser::{AtModifier, Expr, MatrixSelector, Offset, VectorSelector};

use super::super::matcher::Matcher;
use super::super::store::{Point, Stored, is_stale};
use super::node::Row;
use super::steps::seconds;
use super::window::{Frame, RangeRow, Ranges};
use super::{Eval, EvalError, Series};

impl<'a> Eval<'a> {
    /// The latest sample of each series that is not older than the lookback.
    pub(super) fn select(&self, selector: &VectorSelector) -> Result<Vec<Row>, EvalError> {
        self.latest(selector, |point| point.1)
    }

    /// When the samples that [`select`](Self::select) finds were taken, in seconds.
    pub(super) fn select_times(&self, selector: &VectorSelector) -> Result<Vec<Row>, EvalError> {
        self.latest(selector, |point| seconds(point.0))
    }

    fn latest(&self, selector: &VectorSelector, pick: impl Fn(Point) -> f64) -> Result<Vec<Row>, EvalError> {
        let frame = self.frame(selector.at.as_ref(), selector.offset.as_ref());
        let found = self.stored(selector)?;
        self.budget(found.len())?;
        let mut rows = Vec::with_capacity(found.len());
        for stored in found {
            let mut row = Row::empty(stored.labels.clone(), &self.steps);
            let mut walk = Walk::default();
            for (step, time) in self.steps.times().enumerate() {
                let time = frame.time(time);
                let end = walk.advance(&stored.points, time);
                let last = end.checked_sub(1).and_then(|at| stored.points.get(at));
                if let Some(point) = last
                    && point.0 > time.saturating_sub(self.options.lookback_ms)
                    && !is_stale(point.1)
                {
                    row.set(step, pick(*point));
                }
            }
            if !row.is_empty() {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The samples that a range vector selector covers at each step.
    pub(super) fn ranges(&self, selector: &MatrixSelector) -> Result<Ranges<'a>, EvalError> {
        let frame = self.frame(selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let rows = self
            .stored(&selector.vs)?
            .into_iter()
            .map(|stored| RangeRow {
                labels: stored.labels.clone(),
                points: without_stale(&stored.points),
            })
            .collect();
        Ok(Ranges {
            rows,
            frame,
            range: millis(selector.range),
        })
    }

    /// A range vector as the result of an instant query.
    pub(super) fn matrix(&self, expr: &Expr) -> Result<Vec<Series>, EvalError> {
        let ranges = self.range_argument(expr)?;
        let window = ranges.window(self.steps.start());
        let series: Vec<Series> = ranges
            .rows
            .iter()
            .map(|row| Series {
                labels: row.labels.clone(),
                points: window.of(&row.points).to_vec(),
            })
            .filter(|series| !series.points.is_empty())
            .collect();
        let samples: usize = series.iter().map(|s| s.points.len()).sum();
        if samples > self.options.max_samples {
            Err(EvalError::TooManySamples)
        } else {
            Ok(series)
        }
    }

    /// The range vector that a function is given.
    pub(super) fn range_argument(&self, expr: &Expr) -> Result<Ranges<'a>, EvalError> {
        match expr {
            Expr::MatrixSelector(selector) => self.ranges(selector),
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Paren(inner) => self.range_argument(&inner.expr),
            _ => Err(EvalError::parse("expected a range vector")),
        }
    }

    pub(super) fn frame(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Frame {
        let at = at.map(|at| match at {
            AtModifier::Start => self.bounds.0,
            AtModifier::End => self.bounds.1,
            AtModifier::At(time) => unix_millis(*time),
        });
        let offset = offset.map_or(0, |offset| match offset {
            Offset::Pos(by) => millis(*by),
            Offset::Neg(by) => millis(*by).saturating_neg(),
        });
        Frame { at, offset }
    }

    fn stored(&self, selector: &VectorSelector) -> Result<Vec<&'a Stored>, EvalError> {
        Ok(self.store.select(&Matcher::of_selector(selector)?))
    }
}

/// A position in sorted points that only ever needs to move on, because steps come in order.
#[derive(Debug, Default)]
pub(super) struct Walk {
    at: usize,
}

impl Walk {
    /// The number of points up to and including `time`, which must not lie before the `time` of an earlier call.
    pub(super) fn advance(&mut self, points: &[Point], time: i64) -> usize {
        while points.get(self.at).is_some_and(|point| point.0 <= time) {
            self.at = self.at.saturating_add(1);
        }
        self.at
    }
}

fn without_stale(points: &[Point]) -> Cow<'_, [Point]> {
    if points.iter().any(|point| is_stale(point.1)) {
        points
            .iter()
            .copied()
            .filter(|point| !is_stale(point.1))
            .collect()
    } else {
        Cow::Borrowed(points)
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn unix_millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => millis(before.duration()).saturating_neg(),
    }
}
