//! The queries that Claw builds, and those of the testbed's alerts: about samples that are made from the queries themselves,
//! so that new ones join by themselves.

mod samples;

use std::collections::BTreeSet;

use claw_metrics::families::{Families, Scope};
use promql_parser::parser::{self, Expr};
use promql_parser::util::{ExprVisitor, walk_expr};

use self::samples::samples;
use super::both::{Both, instant, range};
use super::samples::at;

const NAMESPACE: &str = "shop";
const WORKLOAD: &str = "cart";

/// Families that have all metrics, and those that lack one or two of them: queries fall back on others then.
fn families() -> Vec<Families> {
    let names: Vec<&str> = Families::known_metrics().collect();
    let mut all = Vec::new();
    for (place, first) in names.iter().enumerate() {
        for second in &names[place..] {
            all.push(Families::of(
                names
                    .iter()
                    .copied()
                    .filter(|name| name != first && name != second),
            ));
        }
    }
    all.push(Families::of(names));
    all
}

fn scopes() -> [Scope; 5] {
    [
        Scope::cluster(),
        Scope::namespace(NAMESPACE),
        Scope::namespace(NAMESPACE).with_workload(WORKLOAD),
        Scope::cluster().with_workload(WORKLOAD).with_window(300),
        Scope::namespace(NAMESPACE)
            .with_workload(WORKLOAD)
            .with_window(30),
    ]
}

/// Everything that is built of typed queries.
fn built() -> BTreeSet<String> {
    let mut queries = BTreeSet::new();
    for family in families() {
        for scope in scopes() {
            queries.extend(family.all(&scope, 0.95).into_iter().map(|query| query.promql));
        }
    }
    // Where a server's labels are known, those that only it has are used too.
    let labels = samples(&queries);
    let with_labels = labels.series().fold(
        Families::of(Families::known_metrics()),
        |families, (labels, _)| {
            let names = labels
                .iter()
                .map(|(name, _)| name)
                .chain(["k8s_namespace_name", "k8s_pod_name"]);
            families.with_labels(labels.metric(), names)
        },
    );
    for scope in scopes() {
        queries.extend(with_labels.all(&scope, 0.5).into_iter().map(|query| query.promql));
    }
    queries
}

/// The expressions of the testbed's alerts.
fn of_rules() -> BTreeSet<String> {
    let text = include_str!("../../../../rules/workloads.yaml");
    let rules: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules
        .map(|rule| rule["expr"].as_str().unwrap().trim().to_owned())
        .collect()
}

/// The parts of expressions that are vectors of their own and filter nothing.
fn parts(queries: &BTreeSet<String>) -> BTreeSet<String> {
    struct Parts(BTreeSet<String>);
    impl ExprVisitor for Parts {
        type Error = ();
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
            if matches!(expr, Expr::VectorSelector(_) | Expr::Call(_)) {
                self.0.insert(expr.to_string());
            }
            Ok(true)
        }
    }
    let mut parts = Parts(BTreeSet::new());
    for query in queries {
        walk_expr(&mut parts, &parser::parse(query).unwrap()).unwrap();
    }
    parts.0
}

/// Compares the answers to `queries`; those that are not in `may_be_silent` have to have one.
async fn compare(test: &str, queries: &BTreeSet<String>, may_be_silent: &BTreeSet<String>) {
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, test, samples(queries)).await else {
        return;
    };
    let mut silent = Vec::new();
    for query in queries {
        let range = both.same(&range(query, (at(0), at(3900)), 47_000)).await;
        for moment in [600_000, 1_800_007, 3_599_000] {
            both.same(&instant(query, at(0) + moment)).await;
        }
        if range.results() == 0 && !may_be_silent.contains(query) {
            silent.push(query.as_str());
        }
    }
    println!("{} queries", queries.len());
    both.end(test);
    // A comparison of nothing with nothing proves nothing.
    assert!(silent.is_empty(), "without any answer:\n{}", silent.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_answer_the_typed_queries_alike() {
    compare("typed queries", &built(), &BTreeSet::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_prometheus_evaluate_the_alerts_of_the_testbed_alike() {
    let alerts = of_rules();
    // Most alerts are silent, what they look at is not.
    let queries = &parts(&alerts) | &alerts;
    compare("expressions of alerts", &queries, &alerts).await;
}

#[test]
fn there_are_many_typed_queries() {
    let queries = built();
    assert!(queries.len() > 150, "{}", queries.len());
    assert!(of_rules().len() > 5);
}
