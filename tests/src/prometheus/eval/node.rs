//! The value of a part of an expression at all steps.

use std::collections::HashMap;
use std::collections::HashSet;

use super::super::labels::Labels;
use super::super::store::STALE;
use super::steps::Steps;
use super::{EvalError, Sample, Series};

/// The value of an expression.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// One number for each step.
    Scalar(Vec<f64>),
    /// A text, the same at all steps.
    Text(String),
    /// An instant vector for each step.
    Vector(Vec<Row>),
}

/// The value of a series at one step, if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell(f64);

impl Cell {
    /// The bits of a stale marker cannot be the result of a calculation, so they are free to stand for "no value".
    pub(super) const EMPTY: Self = Self(STALE);

    pub(super) fn of(value: f64) -> Self {
        Self(value)
    }

    pub(super) fn get(self) -> Option<f64> {
        if self.0.to_bits() == STALE.to_bits() {
            None
        } else {
            Some(self.0)
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.get().is_none()
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::EMPTY, Self)
    }
}

/// One series of an instant vector, with a cell for each step.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) labels: Labels,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    pub(super) fn empty(labels: Labels, steps: &Steps) -> Self {
        Self {
            labels,
            cells: vec![Cell::EMPTY; steps.count()],
        }
    }

    pub(super) fn dense(labels: Labels, values: Vec<f64>) -> Self {
        Self {
            labels,
            cells: values.into_iter().map(Cell::of).collect(),
        }
    }

    pub(super) fn get(&self, step: usize) -> Option<f64> {
        self.cells.get(step).and_then(|cell| cell.get())
    }

    pub(super) fn set(&mut self, step: usize, value: f64) {
        if let Some(cell) = self.cells.get_mut(step) {
            *cell = Cell::of(value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.is_empty())
    }

    pub(super) fn without_metric(mut self) -> Self {
        self.labels = self.labels.without_metric();
        self
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        self.update(|_, value| Some(f(value)))
    }

    /// Replaces each value; none removes it.
    pub(super) fn update(mut self, f: impl Fn(usize, f64) -> Option<f64>) -> Self {
        for (step, cell) in self.cells.iter_mut().enumerate() {
            if let Some(value) = cell.get() {
                *cell = f(step, value).into();
            }
        }
        self
    }

    /// The value at the only step of an instant query.
    pub(super) fn sample(self, time: i64) -> Option<Sample> {
        let value = self.get(0)?;
        Some(Sample {
            labels: self.labels,
            point: (time, value),
        })
    }

    /// The values that there are; none if there is not one.
    pub(super) fn series(self, steps: &Steps) -> Option<Series> {
        let points: Vec<_> = steps
            .times()
            .zip(&self.cells)
            .filter_map(|(time, cell)| Some((time, cell.get()?)))
            .collect();
        if points.is_empty() {
            None
        } else {
            Some(Series {
                labels: self.labels,
                points,
            })
        }
    }
}

/// Joins rows with the same labels into one.
///
/// # Errors
/// If two of them have a value at the same step.
pub(super) fn merge(rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    if all_distinct(&rows) {
        return Ok(rows);
    }
    let mut merged = Rows::default();
    for row in rows {
        let count = row.cells.len();
        let Some(target) = merged.row(&row.labels, count) else {
            continue;
        };
        for (cell, new) in target.cells.iter_mut().zip(row.cells) {
            if !new.is_empty() {
                if !cell.is_empty() {
                    return Err(EvalError::SameLabelset);
                }
                *cell = new;
            }
        }
    }
    Ok(merged.into_vec())
}

/// Drops rows without values and refuses two rows with the same labels, even if they never meet.
pub(super) fn distinct(mut rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    rows.retain(|row| !row.is_empty());
    if all_distinct(&rows) {
        Ok(rows)
    } else {
        Err(EvalError::SameLabelset)
    }
}

fn all_distinct(rows: &[Row]) -> bool {
    let mut seen = HashSet::with_capacity(rows.len());
    rows.iter().all(|row| seen.insert(&row.labels))
}

/// Rows by their labels, in the order in which they came up.
#[derive(Debug, Default)]
pub(super) struct Rows {
    places: HashMap<Labels, usize>,
    rows: Vec<Row>,
}

impl Rows {
    /// Where the row with these labels is; a new one has `count` empty cells.
    pub(super) fn place(&mut self, labels: &Labels, count: usize) -> usize {
        if let Some(place) = self.places.get(labels) {
            return *place;
        }
        let place = self.rows.len();
        self.places.insert(labels.clone(), place);
        self.rows.push(Row {
            labels: labels.clone(),
            cells: vec![Cell::EMPTY; count],
        });
        place
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Row> {
        self.rows.get_mut(place)
    }

    /// The row with these labels, made if it is new.
    pub(super) fn row(&mut self, labels: &Labels, count: usize) -> Option<&mut Row> {
        let place = self.place(labels, count);
        self.get_mut(place)
    }

    pub(super) fn into_vec(self) -> Vec<Row> {
        self.rows
    }
}
