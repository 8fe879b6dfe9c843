//! Range vectors: what a range function sees of a series at one step.

use std::borrow::Cow;

use super::super::labels::Labels;
use super::super::store::Point;
use super::node::{Cell, Row};
use super::selector::Walk;
use super::{Eval, EvalError};

/// Where `@` and `offset` move the times of a selector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) at: Option<i64>,
    pub(super) offset: i64,
}

impl Frame {
    pub(super) fn time(&self, step: i64) -> i64 {
        self.at.unwrap_or(step).saturating_sub(self.offset)
    }
}

/// The series of a range vector with all their points. Which of them count depends on the step.
#[derive(Debug)]
pub(super) struct Ranges<'a> {
    pub(super) rows: Vec<RangeRow<'a>>,
    pub(super) frame: Frame,
    /// Length of the range in milliseconds.
    pub(super) range: i64,
}

/// One series of a range vector.
#[derive(Debug)]
pub(super) struct RangeRow<'a> {
    pub(super) labels: Labels,
    /// Sorted by time, without stale markers.
    pub(super) points: Cow<'a, [Point]>,
}

/// A span of time, open at its start and closed at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Window {
    pub(super) fn of<'p>(&self, points: &'p [Point]) -> &'p [Point] {
        let from = points.partition_point(|point| point.0 <= self.start);
        let to = points.partition_point(|point| point.0 <= self.end);
        points.get(from..to).unwrap_or_default()
    }
}

/// What a range function is given: never empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'p> {
    pub(super) points: &'p [Point],
    pub(super) window: Window,
    /// The time of the step, which `@` and `offset` do not move.
    pub(super) now: i64,
    /// The number of the step.
    pub(super) step: usize,
}

impl<'p> View<'p> {
    pub(super) fn values(self) -> impl Iterator<Item = f64> + Clone + use<'p> {
        self.points.iter().map(|point| point.1)
    }

    pub(super) fn first(&self) -> Option<Point> {
        self.points.first().copied()
    }

    pub(super) fn last(&self) -> Option<Point> {
        self.points.last().copied()
    }
}

impl Ranges<'_> {
    pub(super) fn window(&self, step: i64) -> Window {
        let end = self.frame.time(step);
        Window {
            start: end.saturating_sub(self.range),
            end,
        }
    }

    /// Applies `f` to each series at each step at which it has points. The labels stay as they are.
    pub(super) fn apply(
        &self,
        eval: &Eval<'_>,
        f: impl Fn(View<'_>) -> Option<f64>,
    ) -> Result<Vec<Row>, EvalError> {
        eval.budget(self.rows.len())?;
        let mut out = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            eval.check_canceled()?;
            let (mut from, mut to) = (Walk::default(), Walk::default());
            let mut cells = Vec::with_capacity(eval.steps.count());
            for (step, now) in eval.steps.times().enumerate() {
                let window = self.window(now);
                let bounds = from.advance(&row.points, window.start)..to.advance(&row.points, window.end);
                let points = row.points.get(bounds).unwrap_or_default();
                let value = if points.is_empty() {
                    None
                } else {
                    f(View {
                        points,
                        window,
                        now,
                        step,
                    })
                };
                cells.push(Cell::from(value));
            }
            let row = Row {
                labels: row.labels.clone(),
                cells,
            };
            if !row.is_empty() {
                out.push(row);
            }
        }
        Ok(out)
    }
}
