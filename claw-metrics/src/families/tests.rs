use proptest::prelude::*;

use super::*;
use crate::classify::subject_of;
use crate::series::Labels;

/// Everything that any family has.
fn everything() -> Families {
    Families::of(Families::known_metrics())
}

#[test]
fn no_builder_of_queries_is_forgotten() {
    let sources = [
        include_str!("requests.rs"),
        include_str!("edges.rs"),
        include_str!("resources.rs"),
    ];
    let builders: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split("    pub fn ").skip(1))
        .filter_map(|rest| rest.split_once("(&self, scope: &Scope"))
        .map(|(name, _)| name)
        .collect();
    assert!(builders.len() >= 15, "{builders:?}");
    let all = include_str!("mod.rs");
    for builder in builders {
        assert!(
            all.contains(&format!("self.{builder}(scope")),
            "{builder} is not in Families::all"
        );
    }
}

#[test]
fn families_are_told_by_names() {
    let found = Families::of([
        "up",
        "istio_requests_total",
        "container_cpu_usage_seconds_total",
        "http_requests_total",
    ]);
    assert_eq!(
        found.families(),
        BTreeSet::from([Family::Istio, Family::Http, Family::Cadvisor])
    );
    assert!(Families::of(["up"]).all(&Scope::cluster(), 0.95).is_empty());
}

#[test]
fn all_queries_are_promql_that_the_tool_lets_through() {
    for scope in [
        Scope::cluster(),
        Scope::namespace("shop"),
        Scope::namespace("shop").with_workload("cart").with_window(300),
    ] {
        let queries = everything().all(&scope, 0.95);
        assert!(queries.len() > 50, "{}", queries.len());
        for query in queries {
            crate::tools::check_promql(&query.promql)
                .unwrap_or_else(|error| panic!("{}: {error}", query.promql));
        }
    }
}

#[test]
fn the_queries_of_one_family() {
    let families = Families::of([
        "istio_requests_total",
        "istio_request_duration_milliseconds_bucket",
        "container_cpu_cfs_periods_total",
        "container_cpu_cfs_throttled_periods_total",
        "http_requests_total",
    ])
    .with_labels("http_requests_total", ["namespace", "pod", "app", "code"]);
    let queries = families.all(&Scope::namespace("shop").with_workload("cart"), 0.95);
    insta::assert_json_snapshot!(queries);
}

#[test]
fn answers_name_their_entity() {
    for query in everything().all(&Scope::cluster(), 0.95) {
        let labels: Labels = query
            .entity_labels
            .iter()
            .map(|label| (label.clone(), "x".to_owned()))
            .collect();
        assert!(
            subject_of(&labels).is_some() || query.family == Family::NodeExporter,
            "{query:?}"
        );
    }
    for query in everything().call_edges(&Scope::cluster()) {
        let labels: Labels = query
            .entity_labels
            .iter()
            .map(|label| (label.clone(), "x".to_owned()))
            .collect();
        assert!(subject_of(&labels).unwrap().peer.is_some(), "{query:?}");
    }
}

/// How many selectors and matchers a query has.
fn shape(promql: &str) -> (usize, usize) {
    struct Count(usize, usize);
    impl promql_parser::util::ExprVisitor for Count {
        type Error = ();
        fn pre_visit(&mut self, expr: &promql_parser::parser::Expr) -> Result<bool, ()> {
            use promql_parser::parser::Expr;
            let selector = match expr {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return Ok(true),
            };
            self.0 += 1;
            self.1 += selector.matchers.matchers.len() + selector.matchers.or_matchers.len();
            Ok(true)
        }
    }
    let mut count = Count(0, 0);
    let expr = promql_parser::parser::parse(promql).unwrap_or_else(|error| panic!("{promql}: {error}"));
    promql_parser::util::walk_expr(&mut count, &expr).unwrap();
    (count.0, count.1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn names_cannot_break_out_of_a_query(namespace in "(.|[\"\\\\{}()|,\n]){0,12}", workload in "(.|[\"\\\\{}()|,\n]){0,12}") {
        let families = Families::of([
            "istio_requests_total",
            "http_requests_total",
            "container_memory_working_set_bytes",
            "kube_pod_container_resource_limits",
            "traces_service_graph_request_total",
        ]);
        let hostile = families.all(&Scope::namespace(namespace).with_workload(workload), 0.95);
        let harmless = families.all(&Scope::namespace("a").with_workload("b"), 0.95);
        for (hostile, harmless) in hostile.iter().zip(&harmless) {
            prop_assert_eq!(shape(&hostile.promql), shape(&harmless.promql), "{}", hostile.promql);
        }
    }
}
