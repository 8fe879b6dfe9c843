use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use claw_core::clock::ManualClock;
use claw_core::gate::Gate;
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::store::{Journal, MemoryJournal, RunStatus, SqliteStore};
use claw_core::workflow::RunId;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;
use crate::runtime::Runner;
use crate::trigger::Filter;
use crate::trigger::testing::Telling;

struct App {
    router: Router,
    runner: Runner,
    clock: Arc<ManualClock>,
}

fn app_with(journal: Arc<dyn Journal>, settings: ServerSettings, token: Option<&str>) -> App {
    let clock = Arc::new(ManualClock::at(at("2026-03-01T10:05:00Z")));
    let engine = Engine::new(Config::default(), clock.clone());
    let gate = Gate::new(
        Arc::new(engine),
        Arc::new(MemoryAuditLog::default()),
        clock.clone(),
        Redactor::new(),
    );
    let runner = Runner::builder(gate, Registry::new(), journal)
        .workflow(Telling::default())
        .build();
    let filter = Filter::any().only("severity", ["critical", "warning"]);
    let intake = Intake::new::<Telling>(runner.clone(), filter, clock.clone());
    let token = token.map(SecretString::from);
    let router = router(ServerState::new(intake, settings, token, clock.clone()));
    App {
        router,
        runner,
        clock,
    }
}

fn app() -> App {
    app_with(Arc::new(MemoryJournal::new()), ServerSettings::default(), None)
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn alert(fingerprint: &str, status: &str, severity: &str, starts_at: &str) -> Value {
    json!({
        "status": status, "fingerprint": fingerprint, "startsAt": starts_at, "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "High", "severity": severity, "namespace": "shop"}, "annotations": {},
        "generatorURL": "http://prometheus",
    })
}

fn firing(fingerprint: &str) -> Value {
    alert(fingerprint, "firing", "critical", "2026-03-01T10:00:00Z")
}

fn resolved(fingerprint: &str) -> Value {
    alert(fingerprint, "resolved", "critical", "2026-03-01T10:00:00Z")
}

fn notification(alerts: Vec<Value>) -> Value {
    json!({"version": "4", "groupKey": "{}:{alertname=\"High\"}", "status": "firing", "receiver": "claw",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "truncatedAlerts": 0,
        "alerts": alerts})
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/webhook/alertmanager").body(body.into()).unwrap()
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

impl App {
    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn notify(&self, alerts: Vec<Value>) -> Value {
        let (status, receipt) = self.send(post(notification(alerts).to_string())).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{receipt}");
        receipt
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[tokio::test]
async fn a_notification_opens_a_run_that_can_be_looked_at() {
    let app = app();
    let receipt = app.notify(vec![firing("a"), firing("b")]).await;
    assert_eq!(receipt["runs"], receipt["opened"]);
    let run = receipt["runs"][0].as_str().unwrap().to_owned();
    assert!(run.starts_with("inc-"));
    let (status, queued) = app.get(&format!("/runs/{run}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(queued["run"]["status"], "queued");
    assert_eq!(queued["report"], Value::Null);

    app.runner.drive_to_end(&RunId(run.clone())).await.unwrap();
    let (_, done) = app.get(&format!("/runs/{run}")).await;
    assert_eq!(done["run"]["status"], "done");
    assert_eq!(done["report"]["summary"], "a b");
    let (_, list) = app.get("/runs?status=done").await;
    assert_eq!(list["runs"][0]["id"], run.as_str());
    assert_eq!(count(&app.get("/runs?status=queued").await.1["runs"]), 0);
}

#[tokio::test]
async fn the_same_alerts_open_one_run_however_often_they_are_sent() {
    let app = app();
    let first = app.notify(vec![firing("a"), firing("b")]).await;
    for again in [
        vec![firing("b"), firing("a")],
        vec![firing("a")],
        vec![firing("b"), resolved("a")],
    ] {
        let receipt = app.notify(again).await;
        assert_eq!(receipt["runs"], first["runs"]);
        assert_eq!(count(&receipt["opened"]), 0);
    }
    assert_eq!(count(&app.get("/runs").await.1["runs"]), 1);
}

#[tokio::test]
async fn an_alert_that_is_new_in_its_group_opens_a_run() {
    let app = app();
    let first = app.notify(vec![firing("a")]).await;
    let second = app.notify(vec![firing("a"), firing("c")]).await;
    assert_eq!(count(&second["opened"]), 1);
    assert_ne!(first["runs"], second["runs"]);
}

#[tokio::test]
async fn a_run_is_closed_when_its_last_alert_is_resolved_and_the_alert_opens_another_when_it_fires_again() {
    let app = app();
    let first = app.notify(vec![firing("a"), firing("b")]).await;
    let run = first["runs"][0].as_str().unwrap().to_owned();
    app.runner.drive_to_end(&RunId(run.clone())).await.unwrap();
    assert_eq!(count(&app.notify(vec![resolved("a")]).await["closed"]), 0);
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.notify(vec![resolved("b")]).await["closed"], first["runs"]);
    let (_, closed) = app.get(&format!("/runs/{run}")).await;
    assert_eq!(closed["run"]["status"], "done");
    assert_eq!(closed["run"]["resolved_at"], "2026-03-01T10:06:00Z");

    let again = alert("a", "firing", "critical", "2026-03-01T11:00:00Z");
    let second = app.notify(vec![again]).await;
    assert_eq!(count(&second["opened"]), 1);
    assert_ne!(first["runs"], second["runs"]);
}

#[tokio::test]
async fn a_run_that_has_not_begun_ends_with_its_alerts() {
    let app = app();
    let first = app.notify(vec![firing("a")]).await;
    app.notify(vec![resolved("a")]).await;
    let run = RunId(first["runs"][0].as_str().unwrap().to_owned());
    let ended = app.runner.look(&run).await.unwrap().unwrap();
    assert_eq!(ended.run.status, RunStatus::Cancelled);
    assert_eq!(ended.run.reason.as_deref(), Some("its alerts were resolved"));
}

#[tokio::test]
async fn an_alert_that_is_resolved_and_fires_in_one_notification_is_not_over() {
    let app = app();
    let first = app.notify(vec![firing("a")]).await;
    let both = app.notify(vec![resolved("a"), firing("a")]).await;
    assert_eq!(count(&both["closed"]), 0);
    assert_eq!(both["runs"], first["runs"]);
}

#[tokio::test]
async fn a_resolution_that_comes_late_does_not_close_the_run_of_the_next_period() {
    let app = app();
    let first = app.notify(vec![firing("a")]).await;
    let again = alert("a", "firing", "critical", "2026-03-01T11:00:00Z");
    let second = app.notify(vec![again]).await;
    assert_eq!(count(&second["opened"]), 1);
    assert_eq!(second["closed"], first["runs"]);
    let status = async |receipt: &Value| {
        let run = RunId(receipt["runs"][0].as_str().unwrap().to_owned());
        app.runner.look(&run).await.unwrap().unwrap().run.status
    };
    assert_eq!(status(&first).await, RunStatus::Cancelled);
    assert_eq!(count(&app.notify(vec![resolved("a")]).await["closed"]), 0);
    assert_eq!(status(&second).await, RunStatus::Queued);
    let over = alert("a", "resolved", "critical", "2026-03-01T11:00:00Z");
    assert_eq!(app.notify(vec![over]).await["closed"], second["runs"]);
}

#[tokio::test]
async fn only_alerts_that_the_filter_lets_through_open_runs() {
    let app = app();
    let info = alert("i", "firing", "info", "2026-03-01T10:00:00Z");
    let mut bare = firing("n");
    bare["labels"] = json!({});
    let receipt = app.notify(vec![info.clone(), bare.clone()]).await;
    assert_eq!((count(&receipt["runs"]), &receipt["filtered"]), (0, &json!(2)));
    let receipt = app.notify(vec![info, firing("a"), bare]).await;
    let run = RunId(receipt["runs"][0].as_str().unwrap().to_owned());
    let ended = app.runner.drive_to_end(&run).await.unwrap();
    assert_eq!(ended.report.unwrap().summary, "a");
}

#[tokio::test]
async fn an_accepted_notification_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let app = app_with(Arc::new(store.clone()), ServerSettings::default(), None);
    let first = app.notify(vec![firing("a")]).await;
    drop(app);
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let app = app_with(Arc::new(store.clone()), ServerSettings::default(), None);
    let again = app.notify(vec![firing("a")]).await;
    assert_eq!(again["runs"], first["runs"]);
    assert_eq!(count(&again["opened"]), 0);
    let run = RunId(first["runs"][0].as_str().unwrap().to_owned());
    assert!(app.runner.drive_to_end(&run).await.unwrap().report.is_some());
}

#[tokio::test]
async fn a_malformed_body_is_answered_with_place_and_remedy() {
    let app = app();
    let mut bad = notification(vec![firing("a"), firing("b")]);
    bad["alerts"][1]["startsAt"] = json!("soon");
    let (status, answer) = app.send(post(bad.to_string())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["error"]["place"], "alerts[1].startsAt");
    assert!(answer["error"]["remedy"].as_str().unwrap().contains("RFC 3339"));
    let (status, answer) = app.send(post("{")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["error"]["place"], "line 1, column 1");
    assert_eq!(count(&app.get("/runs").await.1["runs"]), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_its_length_is_told_or_not() {
    let settings = ServerSettings::default().with_body_bytes(1000);
    let app = app_with(Arc::new(MemoryJournal::new()), settings, None);
    let (status, answer) = app.send(post(vec![b' '; 1001])).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer["error"]["reason"].as_str().unwrap().contains("1000 bytes"));
    let chunks = futures::stream::iter((0..1000).map(|_| Ok::<_, std::io::Error>("          ")));
    let (status, _) = app.send(post(Body::from_stream(chunks))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_in_is_given_up() {
    let app = app();
    let drops = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, std::io::Error>(" "), ()))
    });
    let (status, _) = app.send(post(Body::from_stream(drops))).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let settings = ServerSettings::default().with_rate(2, 3);
    let app = app_with(Arc::new(MemoryJournal::new()), settings, None);
    for _ in 0..3 {
        assert_eq!(app.get("/runs").await.0, StatusCode::OK);
    }
    let request = post(notification(vec![firing("a")]).to_string());
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(app.get("/healthz").await.0, StatusCode::OK);
    app.clock.advance(Duration::from_millis(500));
    assert_eq!(app.get("/runs").await.0, StatusCode::OK);
    assert_eq!(app.get("/runs").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn who_has_no_token_does_not_use_up_the_room() {
    let settings = ServerSettings::default().with_rate(1, 1);
    let app = app_with(Arc::new(MemoryJournal::new()), settings, Some("secret"));
    for _ in 0..5 {
        assert_eq!(app.get("/runs").await.0, StatusCode::UNAUTHORIZED);
    }
    let request = Request::get("/runs").header(header::AUTHORIZATION, "Bearer secret");
    let (status, _) = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_token_is_asked_for_where_one_is_set() {
    let app = app_with(
        Arc::new(MemoryJournal::new()),
        ServerSettings::default(),
        Some("s3cret"),
    );
    let send = |authorization: Option<&'static str>| {
        let mut request = post(notification(vec![firing("a")]).to_string());
        if let Some(value) = authorization {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        app.send(request)
    };
    for wrong in [
        None,
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer s3cre"),
        Some("Bearer s3cret "),
        Some("Basic s3cret"),
    ] {
        let (status, answer) = send(wrong).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        assert!(!answer.to_string().contains("s3cret"));
    }
    assert_eq!(app.get("/runs").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.get("/runs/a").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(app.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(app.get("/readyz").await.0, StatusCode::OK);
    assert_eq!(send(Some("Bearer s3cret")).await.0, StatusCode::ACCEPTED);
    assert_eq!(send(Some("bearer s3cret")).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_journal_that_is_closed_makes_the_agent_unready_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("journal.db")).await.unwrap();
    let app = app_with(Arc::new(store.clone()), ServerSettings::default(), None);
    assert_eq!(app.get("/readyz").await.0, StatusCode::OK);
    store.close().await;
    assert_eq!(app.get("/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (status, answer) = app.send(post(notification(vec![firing("a")]).to_string())).await;
    assert!(status.is_server_error(), "{status}");
    assert!(!answer.to_string().contains("journal.db"), "{answer}");
}

#[tokio::test]
async fn unknown_paths_methods_runs_and_queries_are_answered_as_json() {
    let app = app();
    let delete = Request::builder()
        .method(Method::DELETE)
        .uri("/runs")
        .body(Body::empty())
        .unwrap();
    for (answer, expected) in [
        (app.get("/nothing").await, StatusCode::NOT_FOUND),
        (app.get("/runs/inc-0").await, StatusCode::NOT_FOUND),
        (
            app.get("/webhook/alertmanager").await,
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (app.send(delete).await, StatusCode::METHOD_NOT_ALLOWED),
        (app.get("/runs?status=burning").await, StatusCode::BAD_REQUEST),
        (app.get("/runs?state=done").await, StatusCode::BAD_REQUEST),
        (app.get("/runs?limit=-1").await, StatusCode::BAD_REQUEST),
    ] {
        let (status, body) = answer;
        assert_eq!(status, expected);
        assert!(body["error"]["remedy"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn fits_into_another_application() {
    let app = app();
    let nested = Router::new().nest("/claw", app.router.clone());
    let request = Request::post("/claw/webhook/alertmanager")
        .body(Body::from(notification(vec![firing("a")]).to_string()))
        .unwrap();
    let (status, _) = read(nested.oneshot(request).await.unwrap()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_client_that_drips_its_headers_is_cut_off_and_others_are_served() {
    let settings = ServerSettings::default()
        .with_timeout(Duration::from_millis(150))
        .with_connections(2);
    let app = app_with(Arc::new(MemoryJournal::new()), settings, None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, app.router.clone(), settings, stop.clone()));

    let drip = tokio::spawn(async move {
        let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
        for _ in 0..200 {
            if slow.write_all(b"X").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the client was never cut off");
    });
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drip.await.unwrap();
    stop.cancel();
    served.await.unwrap().unwrap();
}

#[test]
fn a_bucket_fills_evenly_and_not_over() {
    let start = at("2026-03-01T10:00:00Z");
    let bucket = Bucket::new(3, 2, start);
    let take = |millis: i64| bucket.take(start + jiff::SignedDuration::from_millis(millis));
    assert_eq!([take(0), take(0), take(0)], [Ok(()), Ok(()), Err(1)]);
    assert_eq!([take(333), take(334)], [Err(1), Ok(())]);
    // A clock that goes back fills nothing and takes nothing.
    assert_eq!(take(-5000), Err(1));
    assert_eq!(
        [take(600_000), take(600_000), take(600_000)],
        [Ok(()), Ok(()), Err(1)]
    );
}
