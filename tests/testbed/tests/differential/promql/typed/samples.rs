//! Series that queries are about, made from the queries.

use std::collections::{BTreeMap, BTreeSet};

use claw_testkit::prometheus::{Labels, Store};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr, LabelModifier};
use promql_parser::util::{ExprVisitor, walk_expr};

use crate::promql::samples::at;

/// Values that labels have. Each matcher needs one that it accepts; most should have one, too, that it refuses.
const VALUES: [&str; 36] = [
    "shop",
    "bank",
    "cart",
    "cart-7d4b9c6f5-x2k8p",
    "cart-0",
    "cartel-0",
    "orders",
    "500",
    "503",
    "200",
    "0",
    "14",
    "OK",
    "Unavailable",
    "failure",
    "success",
    "destination",
    "source",
    "waypoint",
    "inbound",
    "outbound",
    "OOMKilled",
    "cpu",
    "memory",
    "idle",
    "user",
    "ext4",
    "tmpfs",
    "main",
    "POD",
    "CrashLoopBackOff",
    "ErrImagePull",
    "Pending",
    "Failed",
    "Ready",
    "true",
];

/// Upper bounds of the buckets of every histogram.
const BOUNDS: [&str; 6] = ["0.1", "0.5", "1", "250", "1000", "+Inf"];

/// A metric, with the conditions and groupings that queries know its labels by.
#[derive(Debug, Default)]
struct Known {
    /// The matchers of each selector, by their text.
    selectors: BTreeMap<String, Vec<Matcher>>,
    /// Labels that results are grouped by.
    groups: BTreeSet<String>,
}

/// What a set of queries says of the metrics in it.
#[derive(Default)]
struct Reading {
    metrics: BTreeMap<String, Known>,
    /// Groupings around the selector that is being looked at.
    groups: Vec<Vec<String>>,
}

impl ExprVisitor for Reading {
    type Error = ();

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            Expr::Aggregate(aggregate) => {
                let by = match &aggregate.modifier {
                    Some(LabelModifier::Include(labels)) => labels.labels.clone(),
                    _ => Vec::new(),
                };
                self.groups.push(by);
                return Ok(true);
            }
            _ => return Ok(true),
        };
        let known = self
            .metrics
            .entry(selector.name.clone().unwrap_or_default())
            .or_default();
        let matchers = selector.matchers.matchers.clone();
        known.selectors.insert(selector.matchers.to_string(), matchers);
        known.groups.extend(self.groups.iter().flatten().cloned());
        Ok(true)
    }

    fn post_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        if matches!(expr, Expr::Aggregate(_)) {
            self.groups.pop();
        }
        Ok(true)
    }
}

/// Series of every metric: for each selector some that it accepts, and some that fail one of its conditions.
pub(super) fn samples(queries: &BTreeSet<String>) -> Store {
    let mut reading = Reading::default();
    for query in queries {
        let expr = parser::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        walk_expr(&mut reading, &expr).unwrap();
    }
    let mut store = Store::new();
    for (metric, known) in &reading.metrics {
        let mut sets: BTreeSet<BTreeMap<String, String>> = BTreeSet::new();
        for matchers in known.selectors.values() {
            let accepted = accepted(metric, matchers);
            for matcher in matchers {
                let refused = VALUES.iter().find(|value| !matcher.is_match(value));
                let mut labels = accepted.clone();
                labels.insert(
                    matcher.name.clone(),
                    refused.copied().unwrap_or_default().to_owned(),
                );
                sets.insert(labels);
            }
            sets.insert(accepted);
        }
        for (number, labels) in sets.into_iter().enumerate() {
            // Two of each, so that sums have something to add; one of them in another group.
            for copy in ["one", "two"] {
                let mut labels = labels.clone();
                labels.insert("copy".to_owned(), copy.to_owned());
                for group in known.groups.iter().filter(|group| *group != "le") {
                    let place = usize::from(copy == "two" && number % 2 == 1);
                    labels
                        .entry(group.clone())
                        .or_insert_with(|| VALUES[place].to_owned());
                }
                labels.insert("__name__".to_owned(), metric.clone());
                // Metrics that are compared must not be equal everywhere.
                series(&mut store, metric, &labels, (number + metric.len()) as i64);
            }
        }
    }
    store
}

/// Labels that all matchers accept.
fn accepted(metric: &str, matchers: &[Matcher]) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for Matcher { name, .. } in matchers {
        let of_label = || matchers.iter().filter(|matcher| matcher.name == *name);
        let equal = of_label().filter(|matcher| matcher.op == MatchOp::Equal);
        let equal = equal.map(|matcher| matcher.value.as_str());
        let value = VALUES
            .iter()
            .copied()
            .chain(equal)
            .find(|value| of_label().all(|matcher| matcher.is_match(value)));
        let value =
            value.unwrap_or_else(|| panic!("{metric}: no value of {name} fits {matchers:?}; add one"));
        labels.insert(name.clone(), value.to_owned());
    }
    labels
}

/// A counter, a histogram or a gauge, as its name says. Some counters start anew, and some series end.
fn series(store: &mut Store, metric: &str, labels: &BTreeMap<String, String>, number: i64) {
    let counts = ["_total", "_count", "_bucket", "_requests", "RetransSegs"]
        .iter()
        .any(|end| metric.ends_with(end));
    let steps = if number % 7 == 3 { 150 } else { 240 };
    let value = |scale: f64, n: i64| {
        let wave = ((n + number * 5) % 17) as f64;
        if counts {
            let since = if number % 5 == 2 && n >= 90 { n - 90 } else { n };
            scale * (since * (number + 3)) as f64 + scale * wave
        } else {
            // Flags are zero and one; everything is so now and then.
            scale
                * if number % 3 == 0 {
                    wave * 1000.0
                } else {
                    (n / 20 % 2) as f64
                }
        }
    };
    let mut put = |labels: &BTreeMap<String, String>, scale: f64| {
        let points = (0..steps).map(|n| (at(n * 15), value(scale, n)));
        store.insert(Labels::from(labels), points);
    };
    if metric.ends_with("_bucket") {
        for (place, bound) in BOUNDS.iter().enumerate() {
            let mut labels = labels.clone();
            labels.insert("le".to_owned(), (*bound).to_owned());
            put(&labels, (place + 1) as f64);
        }
    } else {
        put(labels, 1.0);
    }
}
