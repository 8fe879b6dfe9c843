//! Function calls.

use promql_parser::parser::{Call, Expr};

use super::super::labels::Labels;
use super::node::{Node, Row, distinct, merge};
use super::quantile::{complaint, nan_last};
use super::rate::Change;
use super::steps::seconds;
use super::{Eval, EvalError, calendar, math};

impl Eval<'_> {
    pub(super) fn call(&self, call: &Call) -> Result<Node, EvalError> {
        let name = call.func.name;
        let args = Args {
            name,
            all: &call.args.args,
        };
        match name {
            "time" => return Ok(Node::Scalar(self.steps.times().map(seconds).collect())),
            "pi" => return Ok(Node::Scalar(vec![std::f64::consts::PI; self.steps.count()])),
            "scalar" => return self.single(args.get(0)?).map(Node::Scalar),
            "vector" => {
                return Ok(Node::Vector(vec![Row::dense(
                    Labels::empty(),
                    self.scalars(args.get(0)?)?,
                )]));
            }
            _ => {}
        }
        if let Some(f) = math::unary(name) {
            let rows = self.vector(args.get(0)?)?;
            return self.renamed(rows.into_iter().map(|row| row.map(f)));
        }
        if let Some(part) = calendar::part(name) {
            return self.date_part(args.optional(0), part);
        }
        if let Some(rows) = self.range_call(args)? {
            return Ok(Node::Vector(rows));
        }
        self.vector_call(args).map(Node::Vector)
    }

    /// Functions of instant vectors.
    fn vector_call(&self, args: Args<'_>) -> Result<Vec<Row>, EvalError> {
        match args.name {
            "absent" => self.absent(args.get(0)?),
            "timestamp" => self.timestamp(args.get(0)?),
            "round" => {
                let to = args.optional(1).map(|to| self.scalars(to)).transpose()?;
                self.with_scalars(args.get(0)?, |step, value| {
                    Some(math::round(value, at(to.as_deref(), step).unwrap_or(1.0)))
                })
            }
            "clamp" => {
                let (low, high) = (self.scalars(args.get(1)?)?, self.scalars(args.get(2)?)?);
                self.with_scalars(args.get(0)?, |step, value| {
                    let (low, high) = (at(Some(&low), step)?, at(Some(&high), step)?);
                    if low > high {
                        None
                    } else {
                        Some(most(low, least(high, value)))
                    }
                })
            }
            "clamp_min" => {
                let low = self.scalars(args.get(1)?)?;
                self.with_scalars(args.get(0)?, |step, value| {
                    Some(most(at(Some(&low), step)?, value))
                })
            }
            "clamp_max" => {
                let high = self.scalars(args.get(1)?)?;
                self.with_scalars(args.get(0)?, |step, value| {
                    Some(least(at(Some(&high), step)?, value))
                })
            }
            "sort" => self.sorted(args.get(0)?, false),
            "sort_desc" => self.sorted(args.get(0)?, true),
            "label_replace" => self.label_replace(args),
            "label_join" => self.label_join(args),
            "histogram_quantile" => self.histogram_quantile(args),
            "histogram_fraction" => self.histogram_fraction(args),
            // Without native histograms there is nothing that these could be taken of.
            "histogram_avg" | "histogram_count" | "histogram_sum" | "histogram_stddev"
            | "histogram_stdvar" => {
                self.vector(args.get(0)?)?;
                Ok(Vec::new())
            }
            name => Err(EvalError::unsupported(format!("the function {name}"))),
        }
    }

    /// Functions of range vectors. None if the name is not one of theirs.
    fn range_call(&self, args: Args<'_>) -> Result<Option<Vec<Row>>, EvalError> {
        use super::{rate, regression, sum};
        let range = || self.range_argument(args.get(0)?);
        let rows = match args.name {
            "rate" | "increase" => {
                let ranges = range()?;
                let change = if args.name == "rate" {
                    Change::Rate
                } else {
                    Change::Increase
                };
                let rows = ranges.apply(self, |view| rate::extrapolated(change, view))?;
                self.note_gauges(&rows);
                rows
            }
            "delta" => range()?.apply(self, |view| rate::extrapolated(Change::Delta, view))?,
            "irate" => range()?.apply(self, rate::irate)?,
            "idelta" => range()?.apply(self, rate::idelta)?,
            "resets" => range()?.apply(self, |view| Some(rate::resets(view)))?,
            "changes" => range()?.apply(self, |view| Some(rate::changes(view)))?,
            "deriv" => range()?.apply(self, |view| Some(regression::line(view, view.first()?.0)?.slope))?,
            "predict_linear" => {
                let ahead = self.scalars(args.get(1)?)?;
                range()?.apply(self, |view| {
                    let line = regression::line(view, view.now)?;
                    Some(line.slope * at(Some(&ahead), view.step)? + line.intercept)
                })?
            }
            "avg_over_time" => {
                range()?.apply(self, |view| Some(view.values().collect::<sum::Mean>().mean()))?
            }
            "sum_over_time" => {
                range()?.apply(self, |view| Some(view.values().collect::<sum::Sum>().total()))?
            }
            "min_over_time" => range()?.apply(self, |view| view.values().reduce(sum::smaller))?,
            "max_over_time" => range()?.apply(self, |view| view.values().reduce(sum::larger))?,
            #[allow(clippy::cast_precision_loss)]
            "count_over_time" => range()?.apply(self, |view| Some(view.points.len() as f64))?,
            "present_over_time" => range()?.apply(self, |_| Some(1.0))?,
            "stdvar_over_time" => range()?.apply(self, |view| {
                Some(view.values().collect::<sum::Variance>().variance())
            })?,
            "stddev_over_time" => range()?.apply(self, |view| {
                Some(view.values().collect::<sum::Variance>().variance().sqrt())
            })?,
            // These two give values as they were, so the name stays.
            "last_over_time" => {
                return Ok(Some(distinct(
                    range()?.apply(self, |view| Some(view.last()?.1))?,
                )?));
            }
            "first_over_time" => {
                return Ok(Some(distinct(
                    range()?.apply(self, |view| Some(view.first()?.1))?,
                )?));
            }
            "quantile_over_time" => {
                let q = self.scalars(args.get(0)?)?;
                self.range_argument(args.get(1)?)?.apply(self, |view| {
                    let q = at(Some(&q), view.step)?;
                    if let Some(text) = complaint(q) {
                        self.notes.warn(text);
                    }
                    let mut values: Vec<f64> = view.values().collect();
                    Some(super::quantile::quantile(q, &mut values))
                })?
            }
            "absent_over_time" => return self.absent_over_time(args.get(0)?).map(Some),
            _ => return Ok(None),
        };
        Ok(Some(distinct(
            rows.into_iter().map(Row::without_metric).collect(),
        )?))
    }

    /// Says of metrics that do not look like counters that they may be none.
    fn note_gauges(&self, rows: &[Row]) {
        for name in rows
            .iter()
            .map(|row| row.labels.metric())
            .filter(|name| !name.is_empty())
        {
            if !["_total", "_sum", "_count", "_bucket"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
            {
                self.notes.info(format_args!(
                    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
                ));
            }
        }
    }

    fn single(&self, expr: &Expr) -> Result<Vec<f64>, EvalError> {
        let rows = self.vector(expr)?;
        let only = |step| {
            let mut values = rows.iter().filter_map(|row| row.get(step));
            match (values.next(), values.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        };
        Ok((0..self.steps.count()).map(only).collect())
    }

    fn date_part(
        &self,
        arg: Option<&Expr>,
        part: fn(jiff::civil::DateTime) -> f64,
    ) -> Result<Node, EvalError> {
        let rows = match arg {
            Some(expr) => self.vector(expr)?,
            None => vec![Row::dense(
                Labels::empty(),
                self.steps.times().map(seconds).collect(),
            )],
        };
        self.renamed(
            rows.into_iter()
                .map(|row| row.map(|value| calendar::date(value).map_or(f64::NAN, part))),
        )
    }

    fn with_scalars(
        &self,
        expr: &Expr,
        f: impl Fn(usize, f64) -> Option<f64>,
    ) -> Result<Vec<Row>, EvalError> {
        merge(
            self.vector(expr)?
                .into_iter()
                .map(|row| row.update(&f).without_metric())
                .collect(),
        )
    }

    /// When the samples of a plain selector were taken; for any other vector the time of the step.
    fn timestamp(&self, expr: &Expr) -> Result<Vec<Row>, EvalError> {
        let rows = match unwrapped(expr) {
            Expr::VectorSelector(selector) => self.select_times(selector)?,
            other => {
                let times: Vec<f64> = self.steps.times().map(seconds).collect();
                self.vector(other)?
                    .into_iter()
                    .map(|row| row.update(|step, _| at(Some(&times), step)))
                    .collect()
            }
        };
        merge(rows.into_iter().map(Row::without_metric).collect())
    }

    /// Sorts by value. The result of a range query has an order of its own, so nothing is sorted there.
    fn sorted(&self, expr: &Expr, falling: bool) -> Result<Vec<Row>, EvalError> {
        let mut rows = self.vector(expr)?;
        if !self.steps.is_instant() {
            self.notes
                .warn("sort is ineffective for range queries since results are always ordered by labels");
        } else {
            rows.retain(|row| !row.is_empty());
            rows.sort_by(|a, b| {
                let (a, b) = (a.get(0).unwrap_or(f64::NAN), b.get(0).unwrap_or(f64::NAN));
                if falling && !a.is_nan() && !b.is_nan() {
                    nan_last(&b, &a)
                } else {
                    nan_last(&a, &b)
                }
            });
        }
        Ok(rows)
    }

    fn renamed(&self, rows: impl Iterator<Item = Row>) -> Result<Node, EvalError> {
        merge(rows.map(Row::without_metric).collect()).map(Node::Vector)
    }
}

/// The arguments of a call.
#[derive(Clone, Copy)]
pub(super) struct Args<'a> {
    pub(super) name: &'static str,
    all: &'a [Box<Expr>],
}

impl<'a> Args<'a> {
    pub(super) fn get(&self, index: usize) -> Result<&'a Expr, EvalError> {
        self.optional(index).ok_or_else(|| {
            EvalError::parse(format!(
                "parse error: too few arguments in call to {:?}",
                self.name
            ))
        })
    }

    pub(super) fn optional(&self, index: usize) -> Option<&'a Expr> {
        self.all.get(index).map(AsRef::as_ref)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// A text argument, which the parser has checked to be one.
    pub(super) fn text(&self, index: usize) -> Result<&'a str, EvalError> {
        match unwrapped(self.get(index)?) {
            Expr::StringLiteral(text) => Ok(&text.val),
            _ => Err(EvalError::parse("expected a string literal")),
        }
    }
}

pub(super) fn unwrapped(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Paren(inner) = expr {
        expr = &inner.expr;
    }
    expr
}

pub(super) fn at(values: Option<&[f64]>, step: usize) -> Option<f64> {
    values.and_then(|values| values.get(step)).copied()
}

/// The larger of two numbers. Nothing is larger than infinity, not even what is no number.
fn most(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// The smaller of two numbers.
fn least(a: f64, b: f64) -> f64 {
    -most(-a, -b)
}
