//! Who calls whom, and how that goes.

use super::selector::{Matcher, rates, sum};
use super::{Families, Family, Query, Scope};
use crate::classify::{Measure, Stat, Unit};

/// Metrics that see both ends of a call.
struct Edges {
    family: Family,
    counter: &'static str,
    buckets: &'static str,
    unit: Unit,
    always: &'static [&'static str],
    /// Selects failures, or is empty where `failures` counts them.
    failed: &'static str,
    failures: &'static str,
    /// Pairs of labels that may hold the namespace: at the caller, at the called.
    namespaces: &'static [&'static str],
    workloads: &'static [&'static str],
    by: &'static [&'static str],
}

const EDGES: &[Edges] = &[
    Edges {
        family: Family::Istio,
        counter: "istio_requests_total",
        buckets: "istio_request_duration_milliseconds_bucket",
        unit: Unit::Milliseconds,
        // The caller's side sees calls that never arrive.
        always: &["reporter=\"source\""],
        failed: "response_code=~\"5..|0\"",
        failures: "",
        namespaces: &["source_workload_namespace", "destination_service_namespace"],
        workloads: &["source_workload", "destination_service_name"],
        by: &[
            "source_workload",
            "source_workload_namespace",
            "destination_service_name",
            "destination_service_namespace",
        ],
    },
    Edges {
        family: Family::Linkerd,
        counter: "response_total",
        buckets: "response_latency_ms_bucket",
        unit: Unit::Milliseconds,
        always: &["direction=\"outbound\"", "dst_deployment!=\"\""],
        failed: "classification=\"failure\"",
        failures: "",
        namespaces: &["namespace", "dst_namespace"],
        workloads: &["deployment", "dst_deployment"],
        by: &["namespace", "deployment", "dst_namespace", "dst_deployment"],
    },
    Edges {
        family: Family::ServiceGraph,
        counter: "traces_service_graph_request_total",
        buckets: "traces_service_graph_request_server_seconds_bucket",
        unit: Unit::Seconds,
        always: &[],
        failed: "",
        failures: "traces_service_graph_request_failed_total",
        namespaces: &[],
        workloads: &["client", "server"],
        by: &["client", "server"],
    },
];

impl Families {
    /// Calls per second along each edge: the answer's series are the call graph.
    pub fn call_edges(&self, scope: &Scope) -> Vec<Query> {
        self.edges()
            .map(|edges| {
                let all = rates(edges.counter, &edges.ways(scope), scope.window);
                edges.query(
                    sum(edges.by, &all),
                    Measure::Traffic,
                    Stat::Value,
                    Unit::PerSecond,
                )
            })
            .collect()
    }

    /// Share of calls along each edge that failed, as the caller sees it.
    pub fn edge_error_ratio(&self, scope: &Scope) -> Vec<Query> {
        self.edges()
            .filter(|edges| edges.failures.is_empty() || self.has(edges.failures))
            .map(|edges| {
                let ways = edges.ways(scope);
                let all = sum(edges.by, &rates(edges.counter, &ways, scope.window));
                let failed = if edges.failed.is_empty() {
                    rates(edges.failures, &ways, scope.window)
                } else {
                    let only: Vec<Vec<Matcher>> = ways
                        .into_iter()
                        .map(|way| way.into_iter().chain([Matcher::literal(edges.failed)]).collect())
                        .collect();
                    rates(edges.counter, &only, scope.window)
                };
                let failed = sum(edges.by, &failed);
                let ratio = format!("({failed} or {all} * 0) / ({all} > 0)");
                edges.query(ratio, Measure::Errors, Stat::Value, Unit::Ratio)
            })
            .collect()
    }

    /// The `q` quantile (0 to 1) of the duration of calls along each edge.
    pub fn edge_latency_quantile(&self, scope: &Scope, q: f64) -> Vec<Query> {
        let q = if q.is_finite() { q.clamp(0.0, 1.0) } else { 0.95 };
        self.edges()
            .filter(|edges| self.has(edges.buckets))
            .map(|edges| {
                let mut by = edges.by.to_vec();
                by.push("le");
                let all = rates(edges.buckets, &edges.ways(scope), scope.window);
                let quantile = format!("histogram_quantile({q}, {})", sum(&by, &all));
                edges.query(quantile, Measure::Latency, Stat::Quantile(q), edges.unit)
            })
            .collect()
    }

    fn edges(&self) -> impl Iterator<Item = &'static Edges> {
        EDGES.iter().filter(|edges| self.has(edges.counter))
    }
}

impl Edges {
    /// Edges that begin or end in the scope.
    fn ways(&self, scope: &Scope) -> Vec<Vec<Matcher>> {
        let always: Vec<Matcher> = self.always.iter().map(|text| Matcher::literal(text)).collect();
        let mut ways = Vec::new();
        for end in 0..2 {
            let mut way = always.clone();
            let at_end = |labels: &[&str], value: &Option<String>| {
                Some(Matcher::equal(labels.get(end).copied()?, value.as_deref()?))
            };
            way.extend(at_end(self.namespaces, &scope.namespace));
            way.extend(at_end(self.workloads, &scope.workload));
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        ways
    }

    fn query(&self, promql: String, measure: Measure, stat: Stat, unit: Unit) -> Query {
        Query {
            promql,
            measure,
            stat,
            unit,
            family: self.family,
            entity_labels: self.by.iter().map(|label| (*label).to_owned()).collect(),
        }
    }
}
