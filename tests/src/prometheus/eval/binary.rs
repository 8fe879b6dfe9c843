//! Binary operations.

use std::collections::HashSet;

use promql_parser::parser::BinaryExpr;
use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MOD, T_MUL, T_NEQ,
    T_POW, T_SUB, TokenId,
};

use super::function::at;
use super::matching::{Grouping, Matching, Pairing, pair};
use super::node::{Cell, Node, Row, Rows, merge};
use super::{Eval, EvalError};

/// An operation on two numbers.
#[derive(Clone, Copy, Debug)]
enum Operator {
    Arithmetic(fn(f64, f64) -> f64),
    Comparison(fn(&f64, &f64) -> bool),
}

impl Operator {
    fn of(token: TokenId) -> Option<Self> {
        Some(match token {
            T_ADD => Self::Arithmetic(|a, b| a + b),
            T_SUB => Self::Arithmetic(|a, b| a - b),
            T_MUL => Self::Arithmetic(|a, b| a * b),
            T_DIV => Self::Arithmetic(|a, b| a / b),
            T_MOD => Self::Arithmetic(|a, b| a % b),
            T_POW => Self::Arithmetic(f64::powf),
            T_ATAN2 => Self::Arithmetic(f64::atan2),
            T_EQLC => Self::Comparison(f64::eq),
            T_NEQ => Self::Comparison(f64::ne),
            T_GTR => Self::Comparison(f64::gt),
            T_LSS => Self::Comparison(f64::lt),
            T_GTE => Self::Comparison(f64::ge),
            T_LTE => Self::Comparison(f64::le),
            _ => return None,
        })
    }

    /// The value for an element: a comparison lets `kept` pass, or with `bool` tells its outcome as a number.
    fn apply(self, left: f64, right: f64, kept: f64, return_bool: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(f) => Some(f(left, right)),
            Self::Comparison(f) if return_bool => Some(f64::from(u8::from(f(&left, &right)))),
            Self::Comparison(f) => f(&left, &right).then_some(kept),
        }
    }

    fn drops_metric(self, return_bool: bool) -> bool {
        return_bool || matches!(self, Self::Arithmetic(_))
    }
}

impl Eval<'_> {
    pub(super) fn binary(&self, expr: &BinaryExpr) -> Result<Node, EvalError> {
        let modifier = expr.modifier.as_ref();
        let matching = Matching::of(modifier);
        let (left, right) = (self.node(&expr.lhs)?, self.node(&expr.rhs)?);
        let token = expr.op.id();
        if matches!(token, T_LAND | T_LOR | T_LUNLESS) {
            return match (left, right) {
                (Node::Vector(left), Node::Vector(right)) => self
                    .set_operation(token, &matching, left, right)
                    .map(Node::Vector),
                _ => Err(EvalError::parse(
                    "set operators are only allowed between instant vectors",
                )),
            };
        }
        let operator =
            Operator::of(token).ok_or_else(|| EvalError::unsupported(format!("the operator {}", expr.op)))?;
        let return_bool = matching.return_bool;
        match (left, right) {
            (Node::Scalar(left), Node::Scalar(right)) => Ok(Node::Scalar(
                left.into_iter()
                    .zip(right)
                    .map(|(a, b)| operator.apply(a, b, a, true).unwrap_or(f64::NAN))
                    .collect(),
            )),
            (Node::Vector(rows), Node::Scalar(right)) => {
                self.with_scalar(rows, operator, return_bool, |step, value| {
                    operator.apply(value, at(Some(&right), step)?, value, return_bool)
                })
            }
            (Node::Scalar(left), Node::Vector(rows)) => {
                self.with_scalar(rows, operator, return_bool, |step, value| {
                    operator.apply(at(Some(&left), step)?, value, value, return_bool)
                })
            }
            (Node::Vector(left), Node::Vector(right)) => {
                self.vectors(operator, &matching, left, right).map(Node::Vector)
            }
            _ => Err(EvalError::parse(
                "binary expression must contain only scalar and instant vector types",
            )),
        }
    }

    fn with_scalar(
        &self,
        rows: Vec<Row>,
        operator: Operator,
        return_bool: bool,
        f: impl Fn(usize, f64) -> Option<f64>,
    ) -> Result<Node, EvalError> {
        let rows = rows.into_iter().map(|row| {
            let row = row.update(&f);
            if operator.drops_metric(return_bool) {
                row.without_metric()
            } else {
                row
            }
        });
        merge(rows.collect()).map(Node::Vector)
    }

    fn vectors(
        &self,
        operator: Operator,
        matching: &Matching,
        left: Vec<Row>,
        right: Vec<Row>,
    ) -> Result<Vec<Row>, EvalError> {
        // Steps at which one side is empty as a whole have no result, hence no conflict either.
        let live: Vec<bool> = (0..self.steps.count())
            .map(|step| {
                [&left, &right]
                    .iter()
                    .all(|rows| rows.iter().any(|row| row.get(step).is_some()))
            })
            .collect();
        let swapped = matches!(matching.grouping, Grouping::Right(_));
        let (many, one) = if swapped { (&right, &left) } else { (&left, &right) };
        let drop_metric = operator.drops_metric(matching.return_bool);
        let side = if swapped { "left" } else { "right" };
        let mut out = Rows::default();
        for pairing in pair(matching, &left, &right) {
            self.check_canceled()?;
            let (many_rows, one_rows) = if swapped {
                (&pairing.right, &pairing.left)
            } else {
                (&pairing.left, &pairing.right)
            };
            let partners = self.partners(&pairing, one, one_rows, &live, side)?;
            let mut taken = Taken::new(&matching.grouping, self.steps.count());
            for many_row in many_rows.iter().filter_map(|index| many.get(*index)) {
                let mut target: Option<(usize, usize)> = None;
                for (step, partner) in partners.iter().enumerate() {
                    let Some((value, partner)) = many_row.get(step).zip(*partner) else {
                        continue;
                    };
                    let Some(one_row) = one.get(partner) else { continue };
                    let Some(other) = one_row.get(step) else { continue };
                    let (a, b) = if swapped { (other, value) } else { (value, other) };
                    let value = operator.apply(a, b, a, matching.return_bool);
                    // The partner rarely changes from step to step, so the labels are worked out once.
                    let place = match target {
                        Some((of, place)) if of == partner => place,
                        _ => {
                            let labels = matching.result(&many_row.labels, &one_row.labels, drop_metric);
                            out.place(&labels, self.steps.count())
                        }
                    };
                    target = Some((partner, place));
                    // What a comparison drops takes its place all the same.
                    taken.mark(step, place)?;
                    let Some((value, row)) = value.zip(out.get_mut(place)) else {
                        continue;
                    };
                    if row.get(step).is_some() {
                        return Err(EvalError::SameLabelset);
                    }
                    row.set(step, value);
                }
            }
        }
        let mut out = out.into_vec();
        out.retain(|row| !row.is_empty());
        self.budget(out.len())?;
        Ok(out)
    }

    /// The row of the "one" side at each step.
    fn partners(
        &self,
        pairing: &Pairing,
        rows: &[Row],
        indices: &[usize],
        live: &[bool],
        side: &'static str,
    ) -> Result<Vec<Option<usize>>, EvalError> {
        let mut partners: Vec<Option<usize>> = vec![None; self.steps.count()];
        for (index, row) in indices
            .iter()
            .filter_map(|index| Some((*index, rows.get(*index)?)))
        {
            for (step, partner) in partners.iter_mut().enumerate() {
                if row.get(step).is_none() || !live.get(step).is_some_and(|live| *live) {
                    continue;
                }
                if let Some(first) = partner.and_then(|first| rows.get(first)) {
                    let mut two = [row, first].map(|row| row.labels.to_string());
                    two.sort();
                    let [first, second] = two;
                    return Err(EvalError::ManyToMany {
                        group: pairing
                            .signature
                            .as_ref()
                            .map(ToString::to_string)
                            .unwrap_or_default(),
                        side,
                        first,
                        second,
                    });
                }
                *partner = Some(index);
            }
        }
        Ok(partners)
    }

    fn set_operation(
        &self,
        token: TokenId,
        matching: &Matching,
        mut left: Vec<Row>,
        mut right: Vec<Row>,
    ) -> Result<Vec<Row>, EvalError> {
        for pairing in pair(matching, &left, &right) {
            let has = |rows: &[Row], indices: &[usize], step| {
                indices
                    .iter()
                    .filter_map(|index| rows.get(*index))
                    .any(|row| row.get(step).is_some())
            };
            let (rows, indices, keep): (&mut [Row], &[usize], Vec<bool>) = match token {
                T_LOR => {
                    let keep = (0..self.steps.count())
                        .map(|step| !has(&left, &pairing.left, step))
                        .collect();
                    (&mut right, &pairing.right, keep)
                }
                _ => {
                    let wanted = token == T_LAND;
                    let keep = (0..self.steps.count())
                        .map(|step| has(&right, &pairing.right, step) == wanted)
                        .collect();
                    (&mut left, &pairing.left, keep)
                }
            };
            for index in indices {
                let Some(row) = rows.get_mut(*index) else { continue };
                for (cell, keep) in row.cells.iter_mut().zip(&keep) {
                    if !keep {
                        *cell = Cell::EMPTY;
                    }
                }
            }
        }
        if token == T_LOR {
            left.append(&mut right);
        }
        left.retain(|row| !row.is_empty());
        merge(left)
    }
}

/// The results of one match group so far, to notice a second one where there may be only one.
enum Taken {
    /// One-to-one: one result for each step.
    Steps(Vec<bool>),
    /// Many-to-one: one result for each step and set of labels.
    Places(HashSet<(usize, usize)>),
}

impl Taken {
    fn new(grouping: &Grouping, steps: usize) -> Self {
        match grouping {
            Grouping::None => Self::Steps(vec![false; steps]),
            _ => Self::Places(HashSet::new()),
        }
    }

    fn mark(&mut self, step: usize, place: usize) -> Result<(), EvalError> {
        match self {
            Self::Steps(steps) => match steps.get_mut(step) {
                Some(true) => Err(EvalError::ManyToOne),
                Some(free) => {
                    *free = true;
                    Ok(())
                }
                None => Ok(()),
            },
            Self::Places(places) => {
                if places.insert((step, place)) {
                    Ok(())
                } else {
                    Err(EvalError::AmbiguousGrouping)
                }
            }
        }
    }
}
