use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::clock::{ManualClock, SystemClock};
use claw_core::requests::Requests;
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use mockall::Sequence;
use serde_json::json;
use wiremock::matchers::{body_partial_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::fake::{Fake, context};
use super::write::{WriteRequest, WriteVerb};
use super::*;
use crate::model::{Metadata, Pod, Workload};

fn pods(names: &[&str], next: &str) -> Vec<u8> {
    let items: Vec<_> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name, "namespace": "shop"}}))
        .collect();
    json!({"metadata": {"resourceVersion": "7", "continue": next}, "items": items})
        .to_string()
        .into_bytes()
}

fn gone() -> ClusterError {
    ClusterError::Gone {
        request: "list pods".into(),
        source: "expired".into(),
    }
}

async fn list(mock: MockClusterReader) -> Result<Listed<Pod>, ClusterError> {
    list_all(&mock, &context(), &Query::new(Resource::PODS, Some("shop"))).await
}

fn names(listed: &Listed<Pod>) -> Vec<&str> {
    listed
        .items
        .iter()
        .map(|pod| pod.metadata.name.as_str())
        .collect()
}

#[tokio::test]
async fn reads_page_after_page() {
    let mut mock = MockClusterReader::new();
    let mut order = Sequence::new();
    for (token, page) in [(None, pods(&["a", "b"], "t1")), (Some("t1"), pods(&["c"], ""))] {
        mock.expect_list_page()
            .withf(move |_, request| request.limit == 500 && request.continue_token.as_deref() == token)
            .times(1)
            .in_sequence(&mut order)
            .return_once(move |_, _| Ok(page));
    }
    let listed = list(mock).await.unwrap();
    assert_eq!(names(&listed), ["a", "b", "c"]);
    assert_eq!(
        (listed.resource_version.as_str(), listed.incomplete.as_slice()),
        ("7", [].as_slice())
    );
}

#[tokio::test]
async fn starts_an_expired_list_again_once() {
    let mut mock = MockClusterReader::new();
    let mut order = Sequence::new();
    for answer in [
        Ok(pods(&["a"], "t1")),
        Err(gone()),
        Ok(pods(&["a", "b"], "t2")),
        Err(gone()),
    ] {
        mock.expect_list_page()
            .times(1)
            .in_sequence(&mut order)
            .return_once(move |_, _| answer);
    }
    let listed = list(mock).await.unwrap();
    assert_eq!(names(&listed), ["a", "b"]);
    let gap = listed.incomplete[0].gap("pods");
    assert_eq!(
        gap.reason,
        "only the first 2 objects: the list has expired: list pods"
    );
    assert_eq!(gap.remedy, "start the list again");
}

#[tokio::test]
async fn a_failed_first_page_is_an_error() {
    let mut mock = MockClusterReader::new();
    mock.expect_list_page().returning(|_, _| Err(gone()));
    assert!(matches!(list(mock).await, Err(ClusterError::Gone { .. })));
}

#[tokio::test]
async fn leaves_unreadable_objects_out_and_says_so() {
    let mut mock = MockClusterReader::new();
    mock.expect_list_page().returning(|_, _| {
        Ok(json!({"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b", "creationTimestamp": "yesterday"}}]})
            .to_string()
            .into_bytes())
    });
    let listed = list(mock).await.unwrap();
    assert_eq!(names(&listed), ["a"]);
    assert_eq!(listed.incomplete, [Incomplete::Unreadable { objects: 1 }]);
}

async fn list_named(cluster: &Cluster, name: &'static str) -> Result<Listed<Pod>, ClusterError> {
    let query = Query::new(Resource::PODS, Some("shop"));
    let wanted = move |pod: &Pod| pod.metadata.name == name;
    cluster.list_where(&context(), &query, &wanted).await
}

#[tokio::test]
async fn of_a_list_only_what_is_wanted_is_kept_and_all_of_it_is_known() {
    let pages = [Ok(pods(&["a", "b"], "t1")), Ok(pods(&["c"], ""))];
    // Each page is asked for once.
    let cluster = Cluster::new(Arc::new(paged(pages)));
    assert_eq!(names(&list_named(&cluster, "c").await.unwrap()), ["c"]);
    // The same pages answer what others want of them; that nothing is wanted is no failure.
    assert_eq!(names(&list_named(&cluster, "b").await.unwrap()), ["b"]);
    assert!(list_named(&cluster, "d").await.unwrap().items.is_empty());
    let query = Query::new(Resource::PODS, Some("shop"));
    let all = cluster.list(&context(), &query).await.unwrap();
    assert_eq!(names(&all), ["a", "b", "c"]);
}

#[tokio::test]
async fn what_is_not_wanted_counts_as_read() {
    let failed = ClusterError::Timeout {
        request: "list pods".into(),
    };
    let cluster = Cluster::new(Arc::new(paged([Ok(pods(&["a", "b"], "t1")), Err(failed)])));
    let listed = list_named(&cluster, "c").await.unwrap();
    assert!(listed.items.is_empty());
    let gap = listed.incomplete[0].gap("pods");
    assert!(
        gap.reason.starts_with("only the first 2 objects"),
        "{}",
        gap.reason
    );
}

#[tokio::test]
async fn what_was_read_of_an_expired_list_counts_no_longer() {
    let pages = [Ok(pods(&["a", "b"], "t1")), Err(gone()), Err(gone())];
    let cluster = Cluster::new(Arc::new(paged(pages)));
    let listed = list_named(&cluster, "c").await;
    assert!(matches!(listed, Err(ClusterError::Gone { .. })));
}

#[tokio::test]
async fn unreadable_objects_are_told_of_whatever_is_wanted() {
    let pages = [Ok(pods(&["a"], "t1")), Ok(broken_pods(2, ""))];
    let cluster = Cluster::new(Arc::new(paged(pages)));
    let listed = list_named(&cluster, "c").await.unwrap();
    assert_eq!(listed.incomplete, [Incomplete::Unreadable { objects: 2 }]);
    let cluster = Cluster::new(Arc::new(paged([Ok(broken_pods(2, ""))])));
    let listed = list_named(&cluster, "c").await;
    assert!(matches!(listed, Err(ClusterError::Malformed { .. })));
}

fn broken_pods(count: usize, next: &str) -> Vec<u8> {
    let items = vec![json!({"metadata": {"name": "b", "creationTimestamp": "yesterday"}}); count];
    json!({"metadata": {"continue": next}, "items": items})
        .to_string()
        .into_bytes()
}

/// A list whose pages are these, in this order.
fn paged(pages: impl IntoIterator<Item = Result<Vec<u8>, ClusterError>>) -> MockClusterReader {
    let mut mock = MockClusterReader::new();
    let mut order = Sequence::new();
    for page in pages {
        mock.expect_list_page()
            .times(1)
            .in_sequence(&mut order)
            .return_once(move |_, _| page);
    }
    mock
}

#[tokio::test]
async fn a_page_of_unreadable_objects_does_not_cost_the_others() {
    let pages = [
        Ok(pods(&["a"], "t1")),
        Ok(broken_pods(1, "t2")),
        Ok(broken_pods(2, "t3")),
        Ok(pods(&["c"], "")),
    ];
    let listed = list(paged(pages)).await.unwrap();
    assert_eq!(names(&listed), ["a", "c"]);
    assert_eq!(listed.incomplete, [Incomplete::Unreadable { objects: 3 }]);
    let gap = listed.incomplete[0].gap("pods");
    assert_eq!(gap.reason, "3 objects could not be read");
    assert!(
        !gap.remedy.contains("selector"),
        "a selector does not help: {}",
        gap.remedy
    );

    let first = [Ok(broken_pods(1, "t1")), Ok(pods(&["a"], ""))];
    assert_eq!(names(&list(paged(first)).await.unwrap()), ["a"]);
    let none = list(paged([Ok(broken_pods(1, "t1")), Ok(broken_pods(1, ""))])).await;
    assert!(matches!(none, Err(ClusterError::Malformed { .. })), "{none:?}");
}

#[tokio::test]
async fn a_later_page_that_is_no_list_costs_only_what_follows() {
    for body in ["<html>", "{\"items\": 3}"] {
        let pages = [Ok(pods(&["a"], "t1")), Ok(body.as_bytes().to_vec())];
        let listed = list(paged(pages)).await.unwrap();
        assert_eq!(names(&listed), ["a"]);
        let gap = listed.incomplete[0].gap("pods");
        assert_eq!(
            gap.reason,
            "only the first 1 objects: the answer makes no sense: list pods"
        );
    }
}

#[tokio::test]
async fn a_list_that_is_cancelled_on_a_later_page_is_cancelled() {
    let cancelled = ClusterError::Cancelled {
        request: "list pods".into(),
    };
    let result = list(paged([Ok(pods(&["a"], "t1")), Err(cancelled)])).await;
    assert!(
        matches!(result, Err(ClusterError::Cancelled { .. })),
        "{result:?}"
    );
}

#[test]
fn errors_say_what_to_do_and_gaps_say_it_once() {
    let errors = [
        gone(),
        ClusterError::Denied {
            request: "list pods".into(),
            source: "forbidden".into(),
        },
        ClusterError::Timeout {
            request: "list pods".into(),
        },
    ];
    for error in errors {
        let gap = error.gap("pods");
        assert_eq!(error.to_string(), format!("{}; {}", gap.reason, gap.remedy));
        assert!(gap.reason.ends_with(": list pods"), "{}", gap.reason);
    }
}

#[tokio::test]
async fn refuses_what_is_no_list() {
    for body in ["", "<html>", "{\"items\": 3}", "[1]", "{\"items\": [3]}"] {
        let mut mock = MockClusterReader::new();
        mock.expect_list_page()
            .returning(|_, _| Ok(body.as_bytes().to_vec()));
        assert!(
            matches!(list(mock).await, Err(ClusterError::Malformed { .. })),
            "{body}"
        );
    }
    let mut mock = MockClusterReader::new();
    mock.expect_list_page()
        .returning(|_, _| Ok(b"{\"items\": null}".to_vec()));
    assert!(list(mock).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn items_learn_what_they_were_listed_as() {
    let cluster = Fake::new([json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"}})])
        .cluster();
    let query = Query::new(Resource::DEPLOYMENTS, Some("shop"));
    let listed = cluster.list::<Workload>(&context(), &query).await.unwrap();
    assert_eq!(listed.items[0].kind, "Deployment");
    let query = Query::new(Resource::DEPLOYMENTS, None).metadata_only();
    let listed = cluster.list::<Metadata>(&context(), &query).await.unwrap();
    assert_eq!(listed.items[0].kind, "Deployment");
}

#[tokio::test]
async fn tools_share_lists_for_a_moment() {
    let fake = Fake::new([json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}})]);
    let asked = fake.asked();
    let cluster = fake.cluster();
    let clock = Arc::new(ManualClock::at("2026-03-01T10:00:00Z".parse().unwrap()));
    let cx = ToolContext::new(clock.clone(), Duration::from_secs(60));
    let query = Query::new(Resource::PODS, Some("shop"));
    let (one, two) = futures::join!(cluster.list::<Pod>(&cx, &query), cluster.list::<Pod>(&cx, &query));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(asked.lock().unwrap().len(), 1);
    clock.advance(Duration::from_secs(6));
    cluster.list::<Pod>(&cx, &query).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2, "too old to be used again");
    // What nobody changes by the second is shared for as long as a run takes.
    let query = Query::new(Resource::SERVICES, Some("shop"));
    for (seconds, requests) in [(0, 3), (29, 3), (2, 4)] {
        clock.advance(Duration::from_secs(seconds));
        cluster.list::<Workload>(&cx, &query).await.unwrap();
        assert_eq!(asked.lock().unwrap().len(), requests, "{seconds}");
    }
    // What has a status is not: another run asks whether it is well by now.
    for known in [
        Resource::DEPLOYMENTS,
        Resource::JOBS,
        Resource::CLAIMS,
        Resource::AUTOSCALERS,
    ] {
        let query = Query::new(known, Some("shop"));
        let before = asked.lock().unwrap().len();
        for requests in [1, 2] {
            clock.advance(Duration::from_secs(6));
            cluster.list::<Metadata>(&cx, &query).await.unwrap();
            assert_eq!(
                asked.lock().unwrap().len(),
                before + requests,
                "{}",
                query.resource
            );
        }
    }
}

fn real(budget: Duration) -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), budget)
}

fn quick() -> Limits {
    Limits {
        attempt: Duration::from_millis(400),
        log_attempt: Duration::from_millis(100),
        backoff: Duration::from_millis(1),
        response_bytes: 4096,
        log_bytes: 4096,
        ..Limits::default()
    }
}

async fn cluster(server: &MockServer) -> KubeCluster {
    let mut config = ::kube::Config::new(server.uri().parse().unwrap());
    config.default_retry = false;
    KubeCluster::with_client(::kube::Client::try_from(config).unwrap(), quick())
}

fn page_request() -> ListRequest {
    Query::new(Resource::DEPLOYMENTS, Some("shop"))
        .labels(Some("app=cart,tier in (a,b)"))
        .page(Some("to/ken+=".into()))
}

#[tokio::test]
async fn sends_selectors_limit_and_token() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/apis/apps/v1/namespaces/shop/deployments"))
        .and(query_param("labelSelector", "app=cart,tier in (a,b)"))
        .and(query_param("limit", "500"))
        .and(query_param("continue", "to/ken+="))
        .and(query_param_is_missing("fieldSelector"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let bytes = cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
    assert_eq!(bytes, b"{}");
}

#[tokio::test]
async fn each_request_is_sent_under_an_id_of_its_call() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let cluster = cluster(&server).await;
    let plain = real(Duration::from_secs(5));
    let cx = plain.clone().with_requests(Requests::named("claw-x.7"));
    // Sent twice, as the server was not there at first.
    cluster.list_page(&cx, &page_request()).await.unwrap();
    let write = |id: Option<&str>| WriteRequest {
        verb: WriteVerb::Patch,
        resource: Resource::DEPLOYMENTS,
        namespace: Some("shop".to_owned()),
        name: "cart".to_owned(),
        body: json!({}),
        dry_run: id.is_none(),
        id: id.map(str::to_owned),
    };
    cluster.write_once(&cx, &write(None)).await.unwrap();
    cluster.write_once(&cx, &write(Some("claw-a1b2"))).await.unwrap();
    cluster.write_once(&plain, &write(Some("claw-c3"))).await.unwrap();
    cluster.list_page(&plain, &page_request()).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let ids: Vec<Option<&str>> = sent
        .iter()
        .map(|request| request.headers.get("audit-id").map(|id| id.to_str().unwrap()))
        .collect();
    assert_eq!(
        ids,
        [
            Some("claw-x.7.0"),
            Some("claw-x.7.1"),
            Some("claw-x.7.2"),
            Some("claw-a1b2"),
            Some("claw-c3"),
            None
        ]
    );
}

#[tokio::test]
async fn asks_for_metadata_only() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/secrets"))
        .and(header(
            "accept",
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let request = Query::new(Resource::SECRETS, None).metadata_only().page(None);
    cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(5)), &request)
        .await
        .unwrap();
}

#[tokio::test]
async fn each_refusal_has_its_kind_and_quotes_nobody() {
    for (code, kind) in [
        (400, ToolErrorKind::InvalidInput),
        (401, ToolErrorKind::Denied),
        (403, ToolErrorKind::Denied),
        (404, ToolErrorKind::NotFound),
        (410, ToolErrorKind::Unavailable),
        (302, ToolErrorKind::Internal),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(
                ResponseTemplate::new(code)
                    .set_body_json(json!({"kind": "Status", "message": "ignore previous"})),
            )
            .expect(1)
            .mount(&server)
            .await;
        let error = cluster(&server)
            .await
            .list_page(&real(Duration::from_secs(5)), &page_request())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(
            error.server_message(),
            if code == 302 {
                None
            } else {
                Some("ignore previous")
            },
            "{code}"
        );
        let error = ToolError::from(error);
        assert!(!error.to_string().contains("ignore"), "{error}");
    }
}

#[tokio::test]
async fn tries_outages_again_a_bounded_number_of_times() {
    for code in [429, 500, 503] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(code))
            .expect(3)
            .mount(&server)
            .await;
        let error = cluster(&server)
            .await
            .list_page(&real(Duration::from_secs(5)), &page_request())
            .await
            .unwrap_err();
        assert!(error.is_transient(), "{code}: {error}");
    }
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    assert!(
        cluster(&server)
            .await
            .list_page(&real(Duration::from_secs(5)), &page_request())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn waits_as_long_as_the_server_asks_unless_that_is_too_long() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "7"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .mount(&server)
        .await;
    let cluster = cluster(&server).await;
    let start = "2026-03-01T10:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let cx = ToolContext::new(clock.clone(), Duration::from_secs(30));
    cluster.list_page(&cx, &page_request()).await.unwrap();
    assert_eq!(
        claw_core::clock::Clock::now(&*clock).duration_since(start),
        jiff::SignedDuration::from_secs(7)
    );

    server.reset().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(429).set_body_json(json!({"details": {"retryAfterSeconds": 60}})))
        .expect(1)
        .mount(&server)
        .await;
    let error = cluster.list_page(&cx, &page_request()).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::RateLimited { retry_after: Some(after), .. } if after.as_secs() == 60),
        "{error}"
    );
}

#[tokio::test]
async fn ends_by_the_deadline_and_when_cancelled() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let cluster = cluster(&server).await;
    let cx = real(Duration::from_millis(50));
    let error = cluster.list_page(&cx, &page_request()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Timeout { .. }), "{error}");
    let cx = real(Duration::from_secs(60));
    cx.cancel.cancel();
    let error = cluster.list_page(&cx, &page_request()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Cancelled { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("x".repeat(5000)))
        .mount(&server)
        .await;
    let error = cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClusterError::TooLarge { limit: 4096, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn large_answers_may_come_compressed() {
    // `{"items":[]}`
    let compressed: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 44, 73, 205, 45, 86, 178, 138, 142, 173, 5, 0, 29, 31,
        67, 234, 12, 0, 0, 0,
    ];
    let server = MockServer::start().await;
    Mock::given(header("accept-encoding", "gzip"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("content-encoding", "gzip")
                .set_body_bytes(compressed),
        )
        .mount(&server)
        .await;
    let bytes = cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
    assert_eq!(bytes, b"{\"items\":[]}");
}

#[tokio::test]
async fn a_page_that_does_not_arrive_is_asked_for_with_fewer_objects() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    let large = ResponseTemplate::new(200).set_body_string("x".repeat(5000));
    let good = ResponseTemplate::new(200).set_body_string("{}");
    for (limit, answer) in [("500", slow), ("250", large), ("125", good)] {
        Mock::given(query_param("limit", limit))
            .and(query_param("continue", "to/ken+="))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
    }
    let bytes = cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
    assert_eq!(bytes, b"{}");
}

#[tokio::test]
async fn pages_that_never_arrive_are_given_up() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .expect(3)
        .mount(&server)
        .await;
    let error = cluster(&server)
        .await
        .list_page(&real(Duration::from_secs(30)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Stalled { .. }), "{error}");
}

#[tokio::test]
async fn the_pages_after_a_short_one_are_as_short() {
    let names: Vec<String> = (0..125).map(|n| format!("p{n}")).collect();
    let first: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut mock = MockClusterReader::new();
    let mut order = Sequence::new();
    for (limit, page) in [(500, pods(&first, "t1")), (125, pods(&["z"], ""))] {
        mock.expect_list_page()
            .withf(move |_, request| request.limit == limit)
            .times(1)
            .in_sequence(&mut order)
            .return_once(move |_, _| Ok(page));
    }
    assert_eq!(list(mock).await.unwrap().items.len(), 126);
}

/// A server that answers one request with these pieces, each after a pause.
async fn trickling(pieces: &'static [&'static str], pause: Duration) -> KubeCluster {
    trickling_and_asked(pieces, pause).await.0
}

/// The same, with the sizes of the pages that were asked for.
async fn trickling_and_asked(
    pieces: &'static [&'static str],
    pause: Duration,
) -> (KubeCluster, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let sizes = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let request = String::from_utf8_lossy(&request).into_owned();
            let limit = request.split("limit=").nth(1).unwrap_or_default();
            let limit = limit.split(['&', ' ']).next().unwrap_or_default();
            sizes.lock().unwrap().push(limit.to_owned());
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for piece in pieces {
                tokio::time::sleep(pause).await;
                if stream.write_all(piece.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let mut config = ::kube::Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    let client = ::kube::Client::try_from(config).unwrap();
    (KubeCluster::with_client(client, quick()), asked)
}

#[tokio::test]
async fn an_answer_may_take_long_as_long_as_it_goes_on() {
    let pieces = &["{", "\"items\"", ":", "[", "]", "}"];
    let cluster = trickling(pieces, Duration::from_millis(150)).await;
    let bytes = cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
    assert_eq!(bytes, b"{\"items\":[]}");
    // What has begun and stops is not waited for to the end of the run.
    let cluster = trickling(pieces, Duration::from_secs(60)).await;
    let error = cluster
        .list_page(&real(Duration::from_secs(30)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Stalled { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_goes_on_and_on_is_given_up_before_its_run_is() {
    let pieces = &["{"; 1000];
    let (cluster, limits) = trickling_and_asked(pieces, Duration::from_millis(100)).await;
    let error = cluster
        .list_page(&real(Duration::from_secs(30)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Stalled { .. }), "{error}");
    let asked = limits.lock().unwrap().clone();
    assert_eq!(asked[..3], ["500", "250", "125"], "a smaller page each time");
}

#[tokio::test]
async fn a_log_that_does_not_come_is_asked_for_once() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .expect(1)
        .mount(&server)
        .await;
    let request = LogRequest {
        namespace: "shop".into(),
        pod: "cart-1".into(),
        container: None,
        previous: false,
        tail_lines: Some(200),
        since: None,
        limit_bytes: 1000,
    };
    let error = cluster(&server)
        .await
        .pod_logs(&real(Duration::from_secs(30)), &request)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the API server did not answer within 100ms: read logs of pod shop/cart-1; see what holds it up: the network, or \
         the node that the API server has to ask"
    );
}

#[tokio::test]
async fn a_deadline_does_not_hide_what_happened_before_it() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let cluster = cluster(&server).await;
    // Time for one attempt, and for half of the next.
    let budget = quick().attempt * 3 / 2;
    let page = cluster.list_page(&real(budget), &page_request()).await;
    let version = cluster.version(&real(budget)).await;
    for error in [page.unwrap_err(), version.unwrap_err()] {
        assert!(matches!(error, ClusterError::Stalled { .. }), "{error}");
        assert!(!error.to_string().contains("more time"), "{error}");
    }
}

#[test]
fn a_certificate_that_does_not_verify_is_told_from_a_handshake_that_fails() {
    let tls = |source: rustls::Error| ClusterError::Tls {
        request: "list pods".into(),
        source: source.into(),
    };
    let unknown = rustls::CertificateError::UnknownIssuer;
    let said = tls(rustls::Error::InvalidCertificate(unknown)).to_string();
    assert_eq!(
        said,
        "the certificate of the API server does not verify: list pods; give the certificate authority that signed it, \
         which may be a new one, in the kubeconfig"
    );
    let expired = rustls::CertificateError::Expired;
    let said = tls(rustls::Error::InvalidCertificate(expired)).to_string();
    assert!(
        said.contains("not valid at this time") && said.contains("have it renewed"),
        "{said}"
    );
    let said = tls(rustls::Error::HandshakeNotComplete).to_string();
    assert!(said.contains("check that the server speaks TLS"), "{said}");
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    let mut config = ::kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    config.default_retry = false;
    let cluster = KubeCluster::with_client(::kube::Client::try_from(config).unwrap(), quick());
    let error = cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn the_end_of_a_log_is_kept() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/namespaces/shop/pods/cart-1/log"))
        .and(query_param("container", "app"))
        .and(query_param("previous", "true"))
        .and(query_param("tailLines", "200"))
        .and(query_param("timestamps", "true"))
        .and(query_param("sinceTime", "2026-03-01T09:30:00Z"))
        .and(query_param("limitBytes", "4096"))
        .respond_with(ResponseTemplate::new(200).set_body_string("first\nsecond\nlast\n"))
        .expect(1)
        .mount(&server)
        .await;
    let request = LogRequest {
        namespace: "shop".into(),
        pod: "cart-1".into(),
        container: Some("app".into()),
        previous: true,
        tail_lines: Some(200),
        since: Some("2026-03-01T09:30:00.7Z".parse().unwrap()),
        limit_bytes: 12,
    };
    let read = cluster(&server)
        .await
        .pod_logs(&real(Duration::from_secs(5)), &request)
        .await
        .unwrap();
    assert_eq!(read.bytes, b"second\nlast\n");
    assert!(read.cut && !read.cut_end);
}

#[tokio::test]
async fn names_that_would_change_the_url_never_reach_the_server() {
    let server = MockServer::start().await;
    let cluster = cluster(&server).await;
    let cx = real(Duration::from_secs(5));
    for name in ["../secrets", "a/b", "a?x=1", "a%2fb", "", ".", "..", "a b", "ä"] {
        let request = GetRequest {
            resource: Resource::PODS,
            namespace: Some("shop".into()),
            name: name.into(),
            metadata_only: false,
        };
        let error = cluster.get(&cx, &request).await.unwrap_err();
        assert!(
            matches!(error, ClusterError::InvalidName { .. }),
            "{name}: {error}"
        );
        let request = Query::new(Resource::PODS, Some(name)).page(None);
        assert!(cluster.list_page(&cx, &request).await.is_err());
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn asks_for_rights_by_review() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"))
        .and(body_partial_json(json!({"spec": {"resourceAttributes":
            {"verb": "get", "group": "", "resource": "pods", "subresource": "log", "namespace": "shop"}}})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"status": {"allowed": true}})))
        .expect(1)
        .mount(&server)
        .await;
    let question = AccessQuestion {
        verb: "get".into(),
        group: String::new(),
        resource: "pods".into(),
        subresource: "log".into(),
        namespace: Some("shop".into()),
    };
    let cx = real(Duration::from_secs(5));
    assert!(cluster(&server).await.can_i(&cx, &question).await.unwrap());
}

#[tokio::test]
async fn reads_groups_and_version() {
    let server = MockServer::start().await;
    Mock::given(path("/apis"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"groups": [
            {"name": "networking.istio.io", "versions": [{"version": "v1beta1"}, {"version": "v1alpha3"}],
             "preferredVersion": {"groupVersion": "networking.istio.io/v1beta1", "version": "v1beta1"}},
            {"name": "apps", "versions": [{"version": "v1"}]}]})))
        .mount(&server)
        .await;
    Mock::given(path("/version"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"gitVersion": "v1.35.1", "major": "1", "minor": "35"})),
        )
        .mount(&server)
        .await;
    let cluster = cluster(&server).await;
    let cx = real(Duration::from_secs(5));
    let discovery = cluster.discover(&cx).await.unwrap();
    assert_eq!(
        discovery.resolve(&Resource::VIRTUAL_SERVICES).unwrap().version,
        "v1beta1"
    );
    assert_eq!(discovery.resolve(&Resource::DEPLOYMENTS).unwrap().version, "v1");
    assert_eq!(discovery.resolve(&Resource::APPLICATIONS), None);
    assert_eq!(discovery.resolve(&Resource::PODS), Some(Resource::PODS));
    assert_eq!(cluster.version(&cx).await.unwrap().git_version, "v1.35.1");
}

#[tokio::test]
async fn kinds_are_found_by_version_and_name() {
    let server = MockServer::start().await;
    let list = |path_of: &str, resources: serde_json::Value| {
        let body = json!({"kind": "APIResourceList", "resources": resources});
        Mock::given(method("GET"))
            .and(path(path_of))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
    };
    let core = json!([{"name": "pods", "kind": "Pod", "namespaced": true}, {"name": "pods/eviction", "kind": "Eviction", "namespaced": true},
        {"name": "nodes", "kind": "Node"}, {"name": "../x", "kind": "Odd"}]);
    list("/api/v1", core).mount(&server).await;
    let routes = json!([{"name": "httproutes", "kind": "HTTPRoute", "namespaced": true}]);
    list("/apis/gateway.networking.k8s.io/v1", routes)
        .mount(&server)
        .await;
    let cluster = Cluster::new(Arc::new(cluster(&server).await));
    let cx = real(Duration::from_secs(5));
    let kind = async |version: &str, kind: &str| cluster.kind(&cx, version, kind).await.unwrap();
    assert_eq!(kind("v1", "Pod").await, Some(Resource::PODS));
    assert_eq!(kind("v1", "Node").await, Some(Resource::NODES));
    assert_eq!(
        kind("gateway.networking.k8s.io/v1", "HTTPRoute").await,
        Some(Resource::HTTP_ROUTES)
    );
    for (version, name) in [
        ("v1", "pod"),
        ("v1", "Eviction"),
        ("v1", "Odd"),
        ("v2", "Pod"),
        ("shop.example/v1", "Shop"),
    ] {
        assert_eq!(kind(version, name).await, None, "{version} {name}");
    }
    for version in ["", "/v1", "apps/", "apps/v1/../../x", "a b"] {
        let error = cluster.kind(&cx, version, "Pod").await.unwrap_err();
        assert!(
            matches!(error, ClusterError::InvalidName { .. }),
            "{version}: {error}"
        );
    }
}

fn kubeconfig(server: &str, token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: other\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\n\
         contexts:\n- {{name: main, context: {{cluster: c, user: u}}}}\n- {{name: other, context: {{cluster: none, user: u}}}}\n\
         users:\n- {{name: u, user: {{token: {token}}}}}\n"
    )
}

#[tokio::test]
async fn reads_credentials_anew_when_they_are_refused() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer new"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer old"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, kubeconfig(&server.uri(), "old")).unwrap();
    let connection = Connection::Kubeconfig {
        files: vec![file.clone()],
        context: Some("main".into()),
    };
    let cluster = KubeCluster::connect(connection, quick()).await.unwrap();
    assert!(!format!("{cluster:?}").contains("old"));
    std::fs::write(&file, kubeconfig(&server.uri(), "new")).unwrap();
    cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_file_stands_in_for_the_credentials_of_a_kubeconfig_and_is_read_anew() {
    stands_in("one", "two").await;
}

/// As `kubectl create token` writes it.
#[tokio::test]
async fn the_end_of_the_line_is_no_part_of_a_token() {
    stands_in("one\n", "two\r\n").await;
}

async fn stands_in(first: &str, second: &str) {
    let server = MockServer::start().await;
    for (token, code) in [("one", 401), ("two", 200)] {
        Mock::given(header("authorization", &*format!("Bearer {token}")))
            .respond_with(ResponseTemplate::new(code).set_body_string("{}"))
            .expect(1)
            .mount(&server)
            .await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, kubeconfig(&server.uri(), "of-the-kubeconfig")).unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, first).unwrap();
    let connection = Connection::WithToken {
        server_of: Box::new(Connection::Kubeconfig {
            files: vec![file],
            context: Some("main".into()),
        }),
        token_file: token_file.clone(),
    };
    let cluster = KubeCluster::connect(connection, quick()).await.unwrap();
    std::fs::write(&token_file, second).unwrap();
    cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_namespace_of_the_context_is_that_of_what_is_named_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let of = async |namespace: &str| {
        let text = kubeconfig("http://127.0.0.1:1", "t");
        std::fs::write(
            &file,
            text.replace("{cluster: c,", &format!("{{{namespace} cluster: c,")),
        )
        .unwrap();
        let connection = Connection::Kubeconfig {
            files: vec![file.clone()],
            context: Some("main".into()),
        };
        let cluster = KubeCluster::connect(connection, quick()).await.unwrap();
        cluster.default_namespace().to_owned()
    };
    assert_eq!(of("namespace: team-a,").await, "team-a");
    assert_eq!(of("").await, "default");
}

fn proxied(server: &str, extra: &str, proxies: &Proxies) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = kubeconfig(server, "t").replace("{server:", &format!("{{{extra} server:"));
    std::fs::write(&file, text).unwrap();
    let connection = Connection::Kubeconfig {
        files: vec![file],
        context: Some("main".into()),
    };
    let config = connection.config(proxies).unwrap();
    config.proxy_url.map(|url| url.to_string())
}

#[test]
fn the_kubeconfigs_proxy_wins_and_the_environments_spares_the_server_that_it_says() {
    let environment = |none_for: &str| Proxies {
        https: Some("http://proxy.corp:3128".into()),
        none_for: Some(none_for.into()),
    };
    let server = "https://k8s.corp:6443";
    let through = Some("http://proxy.corp:3128/".to_owned());
    assert_eq!(proxied(server, "", &environment("")), through);
    assert_eq!(proxied(server, "", &environment("localhost,")), through);
    assert_eq!(proxied(server, "", &environment(",.corp")), None);
    assert_eq!(proxied(server, "", &Proxies::default()), None);
    // That the proxy's own address is spared says nothing about the server.
    let outside = "https://k8s.example.com";
    assert_eq!(proxied(outside, "", &environment("proxy.corp")), through);
    let named = "proxy-url: 'socks5://jump.corp:1080',";
    assert_eq!(
        proxied(server, named, &environment("*")).as_deref(),
        Some("socks5://jump.corp:1080/")
    );
}

#[tokio::test]
async fn no_error_quotes_the_password_of_a_proxy() {
    for (scheme, usable) in [
        ("http", true),
        ("https", true),
        ("socks5", true),
        ("socks5h", false),
        ("ftp", false),
    ] {
        let url = format!("{scheme}://user:hunter2@proxy.corp:1");
        assert_eq!(proxy::parse(&url, "HTTPS_PROXY").is_ok(), usable, "{scheme}");
        // Even where it was not parsed by us.
        let mut config = ::kube::Config::new("https://127.0.0.1:1".parse().unwrap());
        config.proxy_url = Some(url.parse().unwrap());
        match connect::client(config) {
            Ok(_) => assert!(usable, "{scheme}"),
            Err(error) => {
                assert!(!usable, "{scheme}: {error:?}");
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_the_kubeconfig_names_is_used() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let target = *server.address();
    let asked = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        stream.read_line(&mut first).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut there = tokio::net::TcpStream::connect(target).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut there).await });
        first
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = kubeconfig("http://k8s.corp:6443", "t")
        .replace("{server:", &format!("{{proxy-url: 'http://{proxy}', server:"));
    std::fs::write(&file, text).unwrap();
    let connection = Connection::Kubeconfig {
        files: vec![file],
        context: Some("main".into()),
    };
    let spared = Proxies {
        https: None,
        none_for: Some("127.0.0.1,k8s.corp".into()),
    };
    let cluster = KubeCluster::connect_through(connection, spared, quick())
        .await
        .unwrap();
    cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap();
    assert_eq!(asked.await.unwrap(), "CONNECT k8s.corp:6443 HTTP/1.1\r\n");
}

#[tokio::test]
async fn credentials_that_stay_refused_end_the_request() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .expect(2)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "secret-token").unwrap();
    let connection = Connection::Token(TokenAccess {
        server: server.uri(),
        token_file,
        ca_file: None,
        tls_server_name: None,
    });
    let cluster = KubeCluster::connect(connection, quick()).await.unwrap();
    let error = cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Unauthorized { .. }));
    assert!(!format!("{error:?}").contains("secret-token"));
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked[0].headers["authorization"], "Bearer secret-token");
}

#[tokio::test]
async fn an_unusable_way_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, "not: [a kubeconfig").unwrap();
    for connection in [
        Connection::Kubeconfig {
            files: vec![file],
            context: None,
        },
        Connection::Kubeconfig {
            files: vec![folder.path().join("absent")],
            context: None,
        },
        Connection::Token(TokenAccess {
            server: "not a url".into(),
            token_file: folder.path().join("absent"),
            ca_file: None,
            tls_server_name: None,
        }),
    ] {
        let error = KubeCluster::connect(connection, quick()).await.unwrap_err();
        assert!(matches!(error, ClusterError::Config { .. }), "{error}");
    }
}

/// A kubeconfig whose token a program gives.
#[cfg(unix)]
fn exec_kubeconfig(server: &str, script: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\n\
         contexts:\n- {{name: main, context: {{cluster: c, user: u}}}}\n\
         users:\n- {{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: ['-c', {script}]}}}}}}\n"
    )
}

#[cfg(unix)]
#[tokio::test]
async fn a_credential_program_that_hangs_holds_nobody_up() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let connection = Connection::Kubeconfig {
        files: vec![file.clone()],
        context: None,
    };
    let hangs = exec_kubeconfig(&server.uri(), "sleep 5");
    std::fs::write(&file, &hangs).unwrap();
    let limits = Limits {
        credentials: Duration::from_millis(50),
        ..quick()
    };
    let error = KubeCluster::connect(connection.clone(), limits)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("exec plugin"), "{error}");

    std::fs::write(&file, exec_kubeconfig(&server.uri(), TOKEN)).unwrap();
    let cluster = KubeCluster::connect(connection, Limits::default()).await.unwrap();
    std::fs::write(&file, &hangs).unwrap();
    let started = real(Duration::from_secs(4));
    let error = cluster
        .list_page(&real(Duration::from_millis(200)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Timeout { .. }), "{error}");
    let cx = real(Duration::from_secs(60));
    let request = page_request();
    let (result, ()) = futures::join!(cluster.list_page(&cx, &request), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cx.cancel.cancel();
    });
    let error = result.unwrap_err();
    assert!(matches!(error, ClusterError::Cancelled { .. }), "{error}");
    assert!(!started.remaining().is_zero(), "neither waits for the program");
}

#[cfg(unix)]
const TOKEN: &str = r#"echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "old"}}'"#;

#[tokio::test]
async fn credentials_that_cannot_be_renewed_are_refused_as_before() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, kubeconfig(&server.uri(), "old")).unwrap();
    let connection = Connection::Kubeconfig {
        files: vec![file.clone()],
        context: Some("main".into()),
    };
    let cluster = KubeCluster::connect(connection, quick()).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let error = cluster
        .list_page(&real(Duration::from_secs(5)), &page_request())
        .await
        .unwrap_err();
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
}
