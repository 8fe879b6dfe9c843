use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::tool::ToolErrorKind;
use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn tool(server: &MockServer, public: Option<&str>) -> FindDashboards {
    let mut config = GrafanaConfig::at(format!("{}/grafana", server.uri()));
    config.http.max_retries = 0;
    config.public_url = public.map(str::to_owned);
    FindDashboards::new(config).unwrap()
}

fn query(about: &[EntityRef]) -> DashboardQuery {
    DashboardQuery {
        about: about.to_vec(),
        start: "2026-01-01T10:00:00Z".parse().unwrap(),
        end: "2026-01-01T12:00:00Z".parse().unwrap(),
    }
}

fn cart() -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", "cart")
}

fn hit(uid: &str, title: &str, tags: &[&str]) -> Value {
    let slug = title.to_lowercase().replace([' ', '/', '(', ')'], "-");
    json!({"id": 1, "uid": uid, "title": title, "url": format!("/grafana/d/{uid}/{slug}"), "type": "dash-db", "tags": tags})
}

fn variables(names: &[(&str, &str)]) -> Value {
    let list: Vec<Value> = names
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind, "current": {"value": "all"}}))
        .collect();
    json!({"meta": {}, "dashboard": {"templating": {"list": list}, "panels": []}})
}

/// A server that answers a search and is asked for one dashboard.
async fn server(hits: &[Value], uid: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/grafana/api/search"))
        .and(query_param("type", "dash-db"))
        .respond_with(ResponseTemplate::new(200).set_body_json(hits))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(format!("/grafana/api/dashboards/uid/{uid}")))
        .respond_with(answer)
        .expect(0..=1)
        .mount(&server)
        .await;
    server
}

fn json(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn the_one_that_names_it_is_linked_at_the_time_with_its_variables() {
    let hits = [
        hit("n0de", "Node Exporter / Nodes", &["node"]),
        hit("c4rt", "Cart", &["team-a"]),
        hit("cartoons", "Cartoons", &[]),
        hit("sh0p", "Overview", &["namespace:shop"]),
    ];
    let asks = variables(&[
        ("datasource", "datasource"),
        ("namespace", "query"),
        ("svc", "query"),
    ]);
    let server = server(&hits, "c4rt", json(&asks)).await;
    let list = tool(&server, Some("https://dashboards.example.com/g/"))
        .call(&cx(), query(&[cart()]))
        .await
        .unwrap();
    let found: Vec<(&str, &str)> = list
        .dashboards
        .iter()
        .map(|one| (one.url.as_str(), one.because.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "https://dashboards.example.com/g/d/c4rt/cart?from=1767261600000&to=1767268800000&var-namespace=shop",
                "its title has the name cart"
            ),
            (
                "https://dashboards.example.com/g/d/sh0p/overview?from=1767261600000&to=1767268800000",
                "its tag has the name shop, as the namespace of Deployment shop/cart is called"
            ),
        ]
    );
    assert_eq!(list.gaps, []);
}

#[tokio::test]
async fn one_for_all_workloads_is_linked_where_it_can_show_this_one() {
    let hits = [hit(
        "w0rk",
        "Kubernetes / Compute Resources / Workload",
        &["kubernetes-mixin"],
    )];
    let links = async |body: Value, about: EntityRef| {
        let server = server(&hits, "w0rk", json(&body)).await;
        let list = tool(&server, None).call(&cx(), query(&[about])).await.unwrap();
        let front = server.uri();
        list.dashboards
            .into_iter()
            .map(|one| one.url.replace(&front, ""))
            .collect::<Vec<_>>()
    };
    let mixin = [
        ("cluster", "query"),
        ("namespace", "query"),
        ("type", "query"),
        ("workload", "query"),
    ];
    let found = links(variables(&mixin), cart()).await;
    let end = "from=1767261600000&to=1767268800000&var-namespace=shop&var-type=deployment&var-workload=cart";
    assert!(
        matches!(found.as_slice(), [one] if one.starts_with("/grafana/d/w0rk/") && one.ends_with(end)),
        "{found:?}"
    );
    // It cannot be told to show it.
    assert!(links(variables(&mixin[..2]), cart()).await.is_empty());
    let constant = variables(&[("namespace", "query"), ("workload", "constant")]);
    assert!(links(constant, cart()).await.is_empty());
    // But it may do so anyhow; a longer name is another one's.
    let panel = |name: &str| {
        let expr = format!("sum(rate(container_cpu_usage_seconds_total{{pod=~\"{name}\"}}[5m]))");
        json!({"dashboard": {"panels": [{"panels": [{"targets": [{"expr": expr}]}]}]}})
    };
    assert_eq!(links(panel("cart"), cart()).await.len(), 1);
    assert!(links(panel("cart-db"), cart()).await.is_empty());
    // It shows no nodes.
    let node = EntityRef::cluster("Node", "ip-10-0-1-7");
    assert!(links(variables(&mixin), node).await.is_empty());
}

#[tokio::test]
async fn nothing_of_a_name_gets_into_an_address_as_it_is() {
    let odd = EntityRef::namespaced("Service", "a&b=c", "x y\"/><z");
    let hits = [hit("../admin?", "x y z", &[]), hit("w3b", "x y z", &[])];
    let server = server(
        &hits,
        "w3b",
        json(&variables(&[("namespace", ""), ("service", "query")])),
    )
    .await;
    let list = tool(&server, None).call(&cx(), query(&[odd])).await.unwrap();
    let urls: Vec<&str> = list.dashboards.iter().map(|one| one.url.as_str()).collect();
    assert!(
        matches!(urls.as_slice(), [one] if one.ends_with("&var-namespace=a%26b%3Dc&var-service=x+y%22%2F%3E%3Cz")),
        "{urls:?}"
    );
}

#[test]
fn what_is_no_address_of_a_page_is_refused_with_what_to_write() {
    let refused = |public: &str| {
        let config = GrafanaConfig {
            public_url: Some(public.to_owned()),
            ..GrafanaConfig::at("http://grafana.monitoring:3000")
        };
        match FindDashboards::new(config) {
            Err(HttpError::InvalidConfig { reason }) => reason,
            other => panic!("{public}: {other:?}"),
        }
    };
    for (public, advice) in [
        (
            "grafana.example.com",
            "write it with its scheme: https://grafana.example.com",
        ),
        (
            "grafana.example.com:8443/g",
            "write it with its scheme: https://grafana.example.com:8443/g",
        ),
        ("", "such as https://grafana.example.com"),
        ("https://", "such as https://grafana.example.com"),
        ("javascript:alert(1)", "public_url"),
        ("javascript:alert(1)//?", "such as https://grafana.example.com"),
        ("ftp://x", "such as https://grafana.example.com"),
        (
            "https://dashboards.example.com?orgId=1",
            "without user, query and fragment",
        ),
        (
            "https://kim:secret@dashboards.example.com",
            "without user, query and fragment",
        ),
        (
            "kim:secret@dashboards.example.com",
            "without user, query and fragment",
        ),
    ] {
        let reason = refused(public);
        assert!(
            reason.starts_with("public_url: ") && reason.contains(advice),
            "{public}: {reason}"
        );
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn a_search_that_was_cut_is_a_gap_also_where_nothing_fits() {
    for (count, gaps) in [(LOOKED_AT - 1, 0), (LOOKED_AT, 1)] {
        let all: Vec<Value> = (0..count)
            .map(|number| hit(&format!("u{number}"), "Sales", &[]))
            .collect();
        let server = server(&all, "u0", json(&json!({}))).await;
        let list = tool(&server, None).call(&cx(), query(&[cart()])).await.unwrap();
        assert_eq!((list.dashboards.len(), list.gaps.len()), (0, gaps), "{count}");
        assert!(
            list.gaps.iter().all(|gap| gap.reason.contains("2000 dashboards")),
            "{:?}",
            list.gaps
        );
    }
}

#[tokio::test]
async fn a_name_of_one_word_counts_for_less_unless_something_confirms_it() {
    let order = async |hits: &[Value], asks: &[(&str, &str)], about: EntityRef| {
        let server = server(hits, "c4rt", json(&variables(asks))).await;
        let list = tool(&server, None).call(&cx(), query(&[about])).await.unwrap();
        list.dashboards
            .into_iter()
            .map(|one| one.title)
            .collect::<Vec<_>>()
    };
    let shopping = hit("c4rt", "Cart conversion", &["sales"]);
    let of_namespace = hit("sh0p", "Overview", &["shop"]);
    let both = [shopping.clone(), of_namespace.clone()];
    assert_eq!(order(&both, &[], cart()).await, ["Overview", "Cart conversion"]);
    assert_eq!(
        order(&both, &[("app", "query")], cart()).await,
        ["Cart conversion", "Overview"],
        "it can be told to show it"
    );
    let in_its_namespace = [shopping, hit("c4rt", "Cart and checkout of the shop", &[])];
    assert_eq!(
        order(&in_its_namespace, &[], cart()).await,
        ["Cart and checkout of the shop", "Cart conversion"]
    );
    // Nobody means something else by a name of several words.
    let api = EntityRef::namespaced("Deployment", "shop", "cart-api");
    let both = [of_namespace, hit("c4rt", "Cart API", &[])];
    assert_eq!(order(&both, &[], api).await, ["Cart API", "Overview"]);
}

#[tokio::test]
async fn one_that_may_not_be_read_is_linked_without_variables_and_is_a_gap() {
    let server = server(&[hit("c4rt", "Cart", &[])], "c4rt", ResponseTemplate::new(403)).await;
    let list = tool(&server, None).call(&cx(), query(&[cart()])).await.unwrap();
    assert!(list.dashboards[0].url.ends_with("&to=1767268800000"));
    assert!(
        list.gaps[0].reason.contains("dashboard Cart could not be read"),
        "{:?}",
        list.gaps
    );
}

#[tokio::test]
async fn nothing_fits_and_nothing_more_is_asked() {
    let server = server(
        &[hit("n0de", "Node Exporter / Nodes", &[])],
        "n0de",
        json(&json!({})),
    )
    .await;
    let list = tool(&server, None).call(&cx(), query(&[cart()])).await.unwrap();
    assert_eq!(list, DashboardList::default());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_that_is_refused_is_an_error() {
    for (status, body, expected) in [
        (403, r#"{"message":"no"}"#, ToolErrorKind::Denied),
        (404, "not found", ToolErrorKind::Unavailable),
        (200, "<html>sign in</html>", ToolErrorKind::Internal),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/grafana/api/search"))
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .mount(&server)
            .await;
        let error = tool(&server, None)
            .call(&cx(), query(&[cart()]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), expected, "{status} {body}");
    }
}
