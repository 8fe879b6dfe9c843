//! Aggregations over the series of an instant vector.

use std::collections::HashMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUM,
    T_TOPK, TokenId,
};
use promql_parser::parser::{AggregateExpr, Expr, LabelModifier};

use super::super::labels::{Labels, METRIC_NAME};
use super::super::number;
use super::function::{at, unwrapped};
use super::node::{Cell, Node, Row, Rows};
use super::quantile::{complaint, quantile};
use super::rank::bounds;
use super::sum::{Mean, PlainVariance, Sum, larger, smaller};
use super::{Eval, EvalError};

/// The rows of one group, in the order in which they came.
pub(super) struct Group {
    pub(super) labels: Labels,
    pub(super) rows: Vec<Row>,
}

impl Eval<'_> {
    pub(super) fn aggregate(&self, expr: &AggregateExpr) -> Result<Node, EvalError> {
        let rows = self.vector(&expr.expr)?;
        let op = expr.op.id();
        let rows = match op {
            T_TOPK | T_BOTTOMK => {
                let limits = self.scalars(param(expr)?)?;
                self.ranked(grouped(rows, expr.modifier.as_ref()), op == T_TOPK, &limits)?
            }
            T_COUNT_VALUES => {
                let modifier = expr.modifier.as_ref();
                self.count_values(grouped(rows, modifier), param(expr)?, modifier)?
            }
            T_QUANTILE => {
                let q = self.scalars(param(expr)?)?;
                // Of those that are out of bounds only the farthest are named.
                let (least, most) = bounds(&q);
                [least, most]
                    .into_iter()
                    .filter_map(complaint)
                    .for_each(|text| self.notes.warn(text));
                self.quantiles(grouped(rows, expr.modifier.as_ref()), &q)?
            }
            _ => {
                let fold = Fold::of(op)
                    .ok_or_else(|| EvalError::unsupported(format!("the aggregation {}", expr.op)))?;
                self.folded(grouped(rows, expr.modifier.as_ref()), fold)?
            }
        };
        Ok(Node::Vector(rows))
    }

    fn folded(&self, groups: Vec<Group>, fold: Fold) -> Result<Vec<Row>, EvalError> {
        let mut out = Vec::with_capacity(groups.len());
        for group in groups {
            self.check_canceled()?;
            let mut totals = vec![None; self.steps.count()];
            for row in &group.rows {
                for (total, cell) in totals.iter_mut().zip(&row.cells) {
                    if let Some(value) = cell.get() {
                        total.get_or_insert(fold).add(value);
                    }
                }
            }
            let cells = totals
                .into_iter()
                .map(|total| Cell::from(total.map(Fold::result)))
                .collect();
            out.push(Row {
                labels: group.labels,
                cells,
            });
        }
        Ok(out)
    }

    fn quantiles(&self, groups: Vec<Group>, q: &[f64]) -> Result<Vec<Row>, EvalError> {
        let mut out = Vec::with_capacity(groups.len());
        let mut values = Vec::new();
        for group in groups {
            self.check_canceled()?;
            let mut row = Row::empty(group.labels, &self.steps);
            for step in 0..self.steps.count() {
                values.clear();
                values.extend(group.rows.iter().filter_map(|row| row.get(step)));
                if let Some(q) = at(Some(q), step)
                    && !values.is_empty()
                {
                    row.set(step, quantile(q, &mut values));
                }
            }
            out.push(row);
        }
        Ok(out)
    }

    fn count_values(
        &self,
        groups: Vec<Group>,
        param: &Expr,
        modifier: Option<&LabelModifier>,
    ) -> Result<Vec<Row>, EvalError> {
        let label = match unwrapped(param) {
            Expr::StringLiteral(text) => text.val.as_str(),
            _ => return Err(EvalError::parse("expected a string literal")),
        };
        if label.is_empty() {
            return Err(EvalError::ValueLabel);
        }
        // What is grouped without goes, even if it is what values are counted under.
        let dropped = matches!(modifier, Some(LabelModifier::Exclude(names)) if names.labels.iter().any(|name| name == label));
        let mut out = Rows::default();
        for group in groups {
            self.check_canceled()?;
            for row in &group.rows {
                for (step, cell) in row.cells.iter().enumerate() {
                    let Some(value) = cell.get() else { continue };
                    let value = if dropped {
                        String::new()
                    } else {
                        number::plain(value)
                    };
                    let labels = group.labels.with(label, &value);
                    if let Some(counted) = out.row(&labels, self.steps.count()) {
                        let before = counted.get(step).unwrap_or(0.0);
                        counted.set(step, before + 1.0);
                    }
                }
            }
        }
        let out = out.into_vec();
        self.budget(out.len())?;
        Ok(out)
    }
}

fn param(expr: &AggregateExpr) -> Result<&Expr, EvalError> {
    expr.param
        .as_deref()
        .ok_or_else(|| EvalError::parse(format!("parse error: {} needs a parameter", expr.op)))
}

/// Splits rows into groups by the labels that the modifier leaves, in the order in which the groups come up.
fn grouped(rows: Vec<Row>, modifier: Option<&LabelModifier>) -> Vec<Group> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let labels = match modifier {
            None => Labels::empty(),
            Some(LabelModifier::Include(names)) => row.labels.keep(&names.labels),
            Some(LabelModifier::Exclude(names)) => row.labels.without(&names.labels).with(METRIC_NAME, ""),
        };
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            groups.push(Group {
                labels: labels.clone(),
                rows: Vec::new(),
            });
            groups.len().saturating_sub(1)
        });
        if let Some(group) = groups.get_mut(place) {
            group.rows.push(row);
        }
    }
    groups
}

/// A running result over the values of one group at one step.
#[derive(Clone, Copy, Debug)]
enum Fold {
    Sum(Sum),
    Avg(Mean),
    Min(Option<f64>),
    Max(Option<f64>),
    Count(f64),
    Group,
    Stdvar(PlainVariance),
    Stddev(PlainVariance),
}

impl Fold {
    fn of(op: TokenId) -> Option<Self> {
        Some(match op {
            T_SUM => Self::Sum(Sum::default()),
            T_AVG => Self::Avg(Mean::default()),
            T_MIN => Self::Min(None),
            T_MAX => Self::Max(None),
            T_COUNT => Self::Count(0.0),
            T_GROUP => Self::Group,
            T_STDVAR => Self::Stdvar(PlainVariance::default()),
            T_STDDEV => Self::Stddev(PlainVariance::default()),
            _ => return None,
        })
    }

    fn add(&mut self, value: f64) {
        match self {
            Self::Sum(sum) => sum.add(value),
            Self::Avg(mean) => mean.add(value),
            Self::Min(least) => *least = Some(least.map_or(value, |before| smaller(before, value))),
            Self::Max(most) => *most = Some(most.map_or(value, |before| larger(before, value))),
            Self::Count(count) => *count += 1.0,
            Self::Group => {}
            Self::Stdvar(variance) | Self::Stddev(variance) => variance.add(value),
        }
    }

    fn result(self) -> f64 {
        match self {
            Self::Sum(sum) => sum.total(),
            Self::Avg(mean) => mean.mean(),
            Self::Min(value) | Self::Max(value) => value.unwrap_or(f64::NAN),
            Self::Count(count) => count,
            Self::Group => 1.0,
            Self::Stdvar(variance) => variance.variance(),
            Self::Stddev(variance) => variance.variance().sqrt(),
        }
    }
}
