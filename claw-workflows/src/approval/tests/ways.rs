//! Carriers that votes are sent to, used as they are meant to be.

use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, StatusCode};
use claw_guardrails::approval::{Board, Post as _, PostError};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt as _;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::approval::{TokensError, router};

async fn ask(world: &World, request: HttpRequest<Body>) -> (StatusCode, Value) {
    let router = router(Some(world.http.clone()), Some(world.slack.clone()));
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn get(path: &str, token: &str) -> HttpRequest<Body> {
    let request = HttpRequest::get(path).header("authorization", format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

fn decide(token: &str, verdict: &str, digest: &str) -> HttpRequest<Body> {
    HttpRequest::post("/approvals/req-1/decision")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(
            json!({"verdict": verdict, "digest": digest}).to_string(),
        ))
        .unwrap()
}

#[tokio::test]
async fn a_person_looks_decides_and_sees_what_came_of_it() {
    let mut world = World::new().await;
    let (status, all) = ask(&world, get("/approvals", KIM)).await;
    assert_eq!(status, StatusCode::OK);
    let seen = &all["approvals"][0];
    assert_eq!(
        (&seen["id"], &seen["state"]),
        (&json!("req-1"), &json!("pending"))
    );
    assert_eq!(seen["diff"], json!(["spec.replicas: 3 → 6"]));
    let digest = seen["digest"].as_str().unwrap().to_owned();
    let (status, taken) = ask(&world, decide(KIM, "approve", &digest)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(taken, json!({"id": "req-1", "by": "kim", "verdict": "approve"}));
    // Said twice is said once.
    let (status, _) = ask(&world, decide(KIM, "approve", &digest)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    world.http.inbox().arrived().await;

    let board = Board::new().with(world.http.clone());
    let collected = board.collect(&world.cx(), &world.shown).await;
    assert_eq!(collected.votes.len(), 1);
    assert!(collected.failed.is_empty());
    for vote in collected.votes {
        world.request.vote(vote, at(0)).unwrap();
    }
    let state = world.request.state(at(0));
    assert!(board.show(&world.cx(), &world.shown, &state).await.is_empty());
    let (_, one) = ask(&world, get("/approvals/req-1", LEE)).await;
    assert_eq!(one["state"]["approved"]["at"], json!(at(0)));
    // Second thoughts are heard; another yes has nothing to decide.
    let (status, _) = ask(&world, decide(LEE, "deny", &digest)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, why) = ask(&world, decide(LEE, "approve", &digest)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(why["error"]["reason"], "the request is approved");
}

#[tokio::test]
async fn what_is_wrong_is_said_with_place_and_remedy() {
    let world = World::new().await;
    for (request, status, place) in [
        (
            get("/approvals", "nobody"),
            StatusCode::UNAUTHORIZED,
            "header Authorization",
        ),
        (get("/approvals/req-9", KIM), StatusCode::NOT_FOUND, "path"),
        (
            decide(KIM, "maybe", "0"),
            StatusCode::BAD_REQUEST,
            "body, line 1 column 31",
        ),
        (decide(KIM, "approve", "0"), StatusCode::CONFLICT, "digest"),
    ] {
        let (answered, why) = ask(&world, request).await;
        assert_eq!(answered, status);
        assert_eq!(why["error"]["place"], place);
        assert!(!why["error"]["remedy"].as_str().unwrap().is_empty());
    }
    let mut busy = 0;
    for _ in 0..100 {
        busy += usize::from(ask(&world, get("/approvals", KIM)).await.0 == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(busy > 40, "{busy}");
}

#[test]
fn tokens_are_of_one_person_each_and_never_the_agents() {
    let own = SecretString::from(WEBHOOK);
    let parse = |text: String| Tokens::parse(&SecretString::from(text), &[&own]);
    assert!(parse(format!("# people\n\nkim {KIM}\r\nlee {LEE}")).is_ok());
    assert_eq!(
        format!("{:?}", parse(format!("kim {KIM}")).unwrap()),
        r#"["kim"]"#
    );
    for (name, text) in [
        ("short", "kim secret".to_owned()),
        ("long", format!("kim {}", "x".repeat(513))),
        ("no token", "kim".to_owned()),
        ("three words", format!("kim {KIM} x")),
        ("name twice", format!("kim {KIM}\nkim {LEE}")),
        ("token twice", format!("kim {KIM}\nlee {KIM}")),
        ("look-alike", format!("k\u{456}m {KIM}")),
        ("tab", format!("kim\t{KIM}")),
    ] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, TokensError::Line { .. }), "{name}: {error}");
        assert!(!error.to_string().contains(KIM), "{name}");
    }
    assert_eq!(parse("# nobody\n".to_owned()).unwrap_err(), TokensError::Nobody);
    let error = parse(format!("kim {WEBHOOK}")).unwrap_err();
    assert_eq!(
        error,
        TokensError::OwnSide {
            name: "kim".to_owned()
        }
    );
}

proptest! {
    #[test]
    fn a_file_of_tokens_is_read_or_refused(text in "([ -~]{0,60}\n|[a-c] [a-f0-9]{30,40}\n|\\PC{0,20}\r\n){0,6}") {
        if let Ok(tokens) = Tokens::parse(&SecretString::from(text.clone()), &[]) {
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                if let Some((name, token)) = line.trim_end_matches('\r').split_once(' ').filter(|_| !line.trim().is_empty()) {
                    prop_assert_eq!(tokens.who(token.as_bytes()), Some(name));
                }
            }
            prop_assert_eq!(tokens.who(b""), None);
        }
    }
}

fn slack_at(server: &MockServer, documents: Arc<MemoryDocuments>) -> SlackButtons {
    let settings = SlackSettings {
        token: SecretString::from("xoxb-test\n"),
        signing_secret: SecretString::from(SECRET),
        channel: "C042".to_owned(),
        team: "T1".to_owned(),
        app: "A1".to_owned(),
    };
    let client = Client::new(ClientConfig::at(server.uri())).unwrap();
    SlackButtons::new(client, settings, documents, Arc::new(ManualClock::at(at(0)))).unwrap()
}

async fn answer(server: &MockServer, call: &str, body: Value) {
    Mock::given(method("POST"))
        .and(path(format!("/{call}")))
        .and(header("authorization", "Bearer xoxb-test"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(server)
        .await;
}

#[tokio::test]
async fn a_request_in_slack_is_one_message_also_after_a_restart() {
    let world = World::new().await;
    let server = MockServer::start().await;
    answer(
        &server,
        "chat.postMessage",
        json!({"ok": true, "channel": "C042", "ts": "9.1"}),
    )
    .await;
    answer(
        &server,
        "chat.update",
        json!({"ok": true, "channel": "C042", "ts": "9.1"}),
    )
    .await;
    let documents = Arc::new(MemoryDocuments::new());
    let first = slack_at(&server, documents.clone());
    first
        .show(&world.cx(), &world.shown, &State::Pending)
        .await
        .unwrap();
    let denied = State::Denied {
        by: "<!channel>".to_owned(),
        at: at(60),
    };
    let second = slack_at(&server, documents);
    second.show(&world.cx(), &world.shown, &denied).await.unwrap();
    let sent = server.received_requests().await.unwrap();
    let body = |at: usize| serde_json::from_slice::<Value>(&sent[at].body).unwrap();
    let asked = body(0);
    let buttons = &asked["blocks"].as_array().unwrap().last().unwrap()["elements"];
    assert_eq!(buttons[0]["action_id"], "claw_approve");
    assert_eq!(buttons[1]["value"], format!("req-1 {}", world.shown.digest));
    let settled = body(1);
    assert_eq!(
        (&settled["channel"], &settled["ts"]),
        (&json!("C042"), &json!("9.1"))
    );
    assert!(
        !settled.to_string().contains("claw_approve"),
        "nothing is left to click"
    );
    assert!(
        !settled["blocks"].to_string().contains("<!channel>"),
        "nobody is called"
    );
}

#[tokio::test]
async fn a_message_fits_whatever_it_says() {
    let mut world = World::new().await;
    let many: Vec<String> = (0..200)
        .map(|line| format!("spec.{line}: {}", "→`<".repeat(300)))
        .collect();
    world.shown.diff = many.clone();
    world.shown.warnings = many.clone();
    world.shown.reach = many.clone();
    world.shown.rules = many;
    world.shown.reason = "x".repeat(1_000);
    let server = MockServer::start().await;
    answer(
        &server,
        "chat.postMessage",
        json!({"ok": true, "channel": "C042", "ts": "9.1"}),
    )
    .await;
    slack_at(&server, Arc::default())
        .show(&world.cx(), &world.shown, &State::Pending)
        .await
        .unwrap();
    let sent = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let text = body["blocks"].to_string();
    let size: usize = text
        .chars()
        .map(|c| if c.is_ascii() { 1 } else { 6 * c.len_utf16() })
        .sum();
    assert!(size < 10_000, "{size}");
    assert!(
        text.contains("lines more: look at the request req-1 before you decide"),
        "{text}"
    );
    assert!(text.contains(&world.shown.digest));
}

#[tokio::test]
async fn what_slack_refuses_is_said_with_the_remedy() {
    let world = World::new().await;
    for (said, retryable) in [("not_in_channel", false), ("ratelimited", true)] {
        let server = MockServer::start().await;
        answer(&server, "chat.postMessage", json!({"ok": false, "error": said})).await;
        let slack = slack_at(&server, Arc::default());
        let error = slack
            .show(&world.cx(), &world.shown, &State::Pending)
            .await
            .unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(matches!(
            error,
            PostError::Refused { .. } | PostError::Unavailable { .. }
        ));
    }
}

#[test]
fn an_app_that_anybody_could_sign_for_is_refused() {
    let settings = |secret: &str, team: &str, app: &str| SlackSettings {
        token: SecretString::from("xoxb-test"),
        signing_secret: SecretString::from(secret.to_owned()),
        channel: "C042".to_owned(),
        team: team.to_owned(),
        app: app.to_owned(),
    };
    for settings in [
        settings("", "T1", "A1"),
        settings("short", "T1", "A1"),
        settings(SECRET, "", "A1"),
        settings(SECRET, "shop", "A1"),
        settings(SECRET, "T1", "T1"),
    ] {
        let client = Client::new(ClientConfig::default()).unwrap();
        let clock = Arc::new(ManualClock::at(at(0)));
        SlackButtons::new(client, settings, Arc::new(MemoryDocuments::new()), clock).unwrap_err();
    }
}
