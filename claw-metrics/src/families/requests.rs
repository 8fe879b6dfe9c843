//! Rate, errors and duration of requests.

use super::catalogue::{REQUESTS, Requests};
use super::selector::{Matcher, each, rates, sum};
use super::{Families, Query, Scope};
use crate::classify::{Measure, Stat, Unit};

impl Families {
    /// Requests per second.
    pub fn request_rate(&self, scope: &Scope) -> Vec<Query> {
        self.counted()
            .map(|requests| {
                let by = self.labels(requests.counter, requests.by);
                let all = rates(
                    requests.counter,
                    &self.ways(requests, requests.counter, scope),
                    scope.window,
                );
                query(
                    requests,
                    sum(&by, &all),
                    &by,
                    Measure::Traffic,
                    Stat::Value,
                    Unit::PerSecond,
                )
            })
            .collect()
    }

    /// Share of requests that failed by the server's fault (5xx and their like in gRPC). Zero where none failed; nothing where
    /// there were no requests.
    pub fn error_ratio(&self, scope: &Scope) -> Vec<Query> {
        self.counted()
            .filter_map(|requests| {
                let by = self.labels(requests.counter, requests.by);
                let ways = self.ways(requests, requests.counter, scope);
                let all = sum(&by, &rates(requests.counter, &ways, scope.window));
                let failed = self.failed(requests, &ways, scope)?;
                let failed = sum(&by, &failed);
                let ratio = format!("({failed} or {all} * 0) / ({all} > 0)");
                Some(query(
                    requests,
                    ratio,
                    &by,
                    Measure::Errors,
                    Stat::Value,
                    Unit::Ratio,
                ))
            })
            .collect()
    }

    /// The `q` quantile (0 to 1) of the duration of requests.
    pub fn latency_quantile(&self, scope: &Scope, q: f64) -> Vec<Query> {
        let q = if q.is_finite() { q.clamp(0.0, 1.0) } else { 0.95 };
        REQUESTS
            .iter()
            .filter(|requests| !requests.buckets.is_empty() && self.has(requests.buckets))
            .map(|requests| {
                let by = self.labels(requests.buckets, requests.by);
                let mut with_bound = by.clone();
                with_bound.push("le");
                let all = rates(
                    requests.buckets,
                    &self.ways(requests, requests.buckets, scope),
                    scope.window,
                );
                let quantile = format!("histogram_quantile({q}, {})", sum(&with_bound, &all));
                query(
                    requests,
                    quantile,
                    &by,
                    Measure::Latency,
                    Stat::Quantile(q),
                    requests.unit,
                )
            })
            .collect()
    }

    fn counted(&self) -> impl Iterator<Item = &'static Requests> {
        REQUESTS.iter().filter(|requests| self.has(requests.counter))
    }

    /// Rates of failed requests. Service graphs count them apart.
    fn failed(&self, requests: &Requests, ways: &[Vec<Matcher>], scope: &Scope) -> Option<String> {
        if requests.failed.is_empty() {
            let counter = requests
                .counter
                .replace("_request_total", "_request_failed_total");
            return self.has(&counter).then(|| rates(&counter, ways, scope.window));
        }
        let labels: Vec<&str> = requests.failed.iter().map(|(label, _)| *label).collect();
        let held = self.labels(requests.counter, &labels);
        let failed: Vec<Matcher> = requests
            .failed
            .iter()
            .filter(|(label, _)| held.contains(label))
            .map(|(label, pattern)| Matcher::matches(label, pattern))
            .collect();
        Some(rates(requests.counter, &each(ways, &failed), scope.window))
    }

    /// The ways to select what `scope` asks for: one for each label that may hold namespace and workload.
    pub(super) fn ways(&self, requests: &Requests, metric: &str, scope: &Scope) -> Vec<Vec<Matcher>> {
        let always = vec![
            requests
                .always
                .iter()
                .map(|text| Matcher::literal(text))
                .collect(),
        ];
        let by_label = |labels: &[&str], value: &Option<String>| -> Vec<Matcher> {
            let Some(value) = value else { return Vec::new() };
            self.labels(metric, labels)
                .into_iter()
                .map(|label| Matcher::equal(label, value))
                .collect()
        };
        let ways = each(&always, &by_label(requests.namespace, &scope.namespace));
        let mut workload = by_label(requests.workload, &scope.workload);
        if let Some(name) = &scope.workload
            && requests.by.contains(&"pod")
        {
            workload.push(Matcher::pods_of("pod", name));
        }
        each(&ways, &workload)
    }
}

pub(super) fn query(
    requests: &Requests,
    promql: String,
    by: &[&str],
    measure: Measure,
    stat: Stat,
    unit: Unit,
) -> Query {
    Query {
        promql,
        measure,
        stat,
        unit,
        family: requests.family,
        entity_labels: by.iter().map(|label| (*label).to_owned()).collect(),
    }
}
