use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::execute::{ActionId, ExecuteError, Executor as _, Standing};
use claw_core::gate::{Gate, Permit, Scope};
use claw_core::outside::Notification;
use claw_core::redact::Redactor;
use claw_core::tool::ToolContext;
use claw_guardrails::audit::MemoryAuditLog;
use claw_workflows::outside::Notifier;
use claw_workflows::outside::providers::Slack;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Server, Via, Workspace};
use crate::AllowAll;
use crate::faults::{Fault, Rule};
use crate::http_probe::{Answer, post, send};

async fn boot() -> Server {
    Server::start(Workspace::new("xoxb-1").with_channel("C1", "incidents"))
        .await
        .unwrap()
}

async fn call(server: &Server, method: &str, token: &str, body: &Value) -> Value {
    let url = format!("{}{method}", server.api_url());
    let authorization = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("authorization", authorization.as_str()),
    ];
    let answer = send("POST", &url, &headers, &body.to_string()).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn hook(server: &Server, body: &Value) -> Answer {
    post(&server.webhook_url(), "application/json", &body.to_string()).await
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

#[tokio::test]
async fn a_webhook_takes_what_is_within_the_limits() {
    let server = boot().await;
    let header = json!({ "type": "header", "text": { "type": "plain_text", "text": "h".repeat(150) } });
    let body = json!({ "text": "cart is down", "blocks": [
        header,
        section(&"t".repeat(3_000)),
        { "type": "divider" },
        { "type": "context", "elements": [{ "type": "mrkdwn", "text": "small" }] },
        { "type": "rich_text", "elements": [
            { "type": "rich_text_section", "elements": [{ "type": "text", "text": "rich" }] },
            { "type": "rich_text_list", "style": "bullet", "elements": [
                { "type": "rich_text_section", "elements": [{ "type": "link", "url": "https://example.com", "text": "item" }] },
            ] },
        ] },
        { "type": "actions", "elements": [
            { "type": "button", "action_id": "a", "text": { "type": "plain_text", "text": "Open" }, "style": "primary" },
        ] },
    ] });
    let answer = hook(&server, &body).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "ok"));
    let posts = server.posts();
    assert_eq!(
        (posts.len(), &posts[0].via, posts[0].text()),
        (1, &Via::Webhook, "cart is down")
    );
    assert!(
        posts[0].shown().ends_with("small\nrich\nitem\nOpen"),
        "{}",
        posts[0].shown()
    );
}

#[tokio::test]
async fn what_is_beyond_a_limit_is_refused_and_not_kept() {
    let server = boot().await;
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let button = |text: &str, id: &str| json!({ "type": "button", "action_id": id, "text": plain(text) });
    let one = |block: Value| json!({ "blocks": [block] });
    for (body, code) in [
        (
            json!({ "blocks": vec![json!({ "type": "divider" }); 51] }),
            "invalid_blocks",
        ),
        (one(section(&"t".repeat(3_001))), "invalid_blocks"),
        (one(section("")), "invalid_blocks"),
        (one(json!({ "type": "section" })), "invalid_blocks"),
        (
            one(json!({ "type": "header", "text": plain(&"h".repeat(151)) })),
            "invalid_blocks",
        ),
        // Characters outside of the basic plane count twice.
        (
            one(json!({ "type": "header", "text": plain(&"🔥".repeat(76)) })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "header", "text": { "type": "mrkdwn", "text": "h" } })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "section", "fields": vec![plain("f"); 11] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "section", "fields": [plain(&"f".repeat(2_001))] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "context", "elements": vec![plain("c"); 11] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "context", "elements": [] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "actions", "elements": vec![button("b", "x"); 2] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "actions", "elements": [button(&"b".repeat(76), "x")] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "actions", "elements": [button("b", &"x".repeat(256))] })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "image", "image_url": "https://example.com/a.png" })),
            "invalid_blocks",
        ),
        (
            one(json!({ "type": "rich_text", "elements": [
            { "type": "rich_text_section", "elements": [{ "type": "text", "text": "" }] },
        ] })),
            "invalid_blocks",
        ),
        (one(json!({ "type": "marquee" })), "invalid_blocks"),
        (one(json!({})), "invalid_blocks"),
        (
            json!({ "blocks": { "type": "divider" } }),
            "invalid_blocks_format",
        ),
        (
            json!({ "blocks": vec![section(&"t".repeat(3_000)); 5] }),
            "msg_blocks_too_long",
        ),
        (json!({ "text": "" }), "no_text"),
        (json!({ "text": "t".repeat(40_001) }), "msg_too_long"),
    ] {
        let answer = hook(&server, &body).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, code), "{body}");
        let mut body = body;
        body["channel"] = json!("C1");
        let answer = call(&server, "chat.postMessage", "xoxb-1", &body).await;
        assert_eq!(
            (&answer["ok"], &answer["error"]),
            (&json!(false), &json!(code)),
            "{body}"
        );
    }
    assert!(server.posts().is_empty());
    for text in ["", "[]", "{", "text"] {
        let answer = post(&server.webhook_url(), "application/json", text).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, "invalid_payload"));
    }
}

#[tokio::test]
async fn a_refusal_by_the_api_names_the_place() {
    let server = boot().await;
    let body = json!({ "channel": "C1", "blocks": [section("ok"), section("")] });
    let answer = call(&server, "chat.postMessage", "xoxb-1", &body).await;
    assert_eq!(
        answer["response_metadata"]["messages"],
        json!(["[ERROR] must be more than 0 characters [json-pointer:/blocks/1/text/text]"])
    );
}

#[tokio::test]
async fn the_api_knows_tokens_channels_threads_and_updates() {
    let server = boot().await;
    let post = |channel: &str| json!({ "channel": channel, "text": "hello" });
    let error = async |method: &str, token: &str, body: Value| {
        call(&server, method, token, &body).await["error"].clone()
    };
    assert_eq!(
        error("chat.postMessage", "wrong", post("C1")).await,
        "invalid_auth"
    );
    assert_eq!(
        error("chat.postMessage", "xoxb-1", post("C2")).await,
        "channel_not_found"
    );
    let first = call(&server, "chat.postMessage", "xoxb-1", &post("#incidents")).await;
    assert_eq!((&first["ok"], &first["channel"]), (&json!(true), &json!("C1")));
    let ts = first["ts"].as_str().unwrap();
    let reply = json!({ "channel": "C1", "text": "more", "thread_ts": ts });
    let second = call(&server, "chat.postMessage", "xoxb-1", &reply).await;
    assert!(second["ts"].as_str().unwrap() > ts);
    let lost = json!({ "channel": "C1", "text": "more", "thread_ts": "1.2" });
    assert_eq!(
        error("chat.postMessage", "xoxb-1", lost).await,
        "thread_not_found"
    );
    let change = json!({ "channel": "C1", "ts": ts, "text": "resolved" });
    assert_eq!(call(&server, "chat.update", "xoxb-1", &change).await["ok"], true);
    assert_eq!(
        error(
            "chat.update",
            "xoxb-1",
            json!({ "channel": "C1", "ts": "1.2", "text": "x" })
        )
        .await,
        "message_not_found"
    );
    assert_eq!(call(&server, "auth.test", "xoxb-1", &json!({})).await["ok"], true);
    let texts: Vec<String> = server.posts().iter().map(|post| post.text().to_owned()).collect();
    assert_eq!(texts, ["resolved", "more"]);
    let anonymous = crate::http_probe::post(
        &format!("{}chat.postMessage", server.api_url()),
        "application/json",
        "{}",
    )
    .await;
    assert_eq!(anonymous.json()["error"], "not_authed");
}

#[tokio::test]
async fn forms_are_taken_too() {
    let server = boot().await;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", r#"{"text":"form"}"#)
        .finish();
    assert_eq!(
        post(&server.webhook_url(), "application/x-www-form-urlencoded", &body)
            .await
            .status,
        200
    );
    let unknown = post(
        &server.webhook_url().replace("secret", "other"),
        "application/json",
        "{}",
    )
    .await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, "no_service"));
    assert_eq!(server.posts()[0].text(), "form");
}

/// A notifier whose only channel is on this server, and the permit for a message of that text.
async fn permitted(server: &Server, text: &str) -> (Notifier, claw_core::action::Action, Permit) {
    let slack = Slack::new(&server.api_url(), &SecretString::from("xoxb-1"), "C1").unwrap();
    let notifier = Notifier::new().channel("incidents", Arc::new(slack));
    let text = text.to_owned();
    let action = Notification { text }.action("incidents", "people should know");
    let audit = Arc::new(MemoryAuditLog::default());
    let gate = Gate::new(Arc::new(AllowAll), audit, Arc::new(SystemClock), Redactor::new());
    let scope = Scope {
        run: "r".to_owned(),
        step: None,
        actor: "test".to_owned(),
        deadline: SystemClock.deadline(Duration::from_secs(10)),
        cancel: tokio_util::sync::CancellationToken::new(),
    };
    let permit = gate.admit(&scope, &action).await.unwrap();
    (notifier, action, permit)
}

fn cx() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(10))
}

#[tokio::test]
async fn a_message_of_an_agent_is_shown_as_it_was_permitted_and_found_again() {
    let server = boot().await;
    // As long as can be, and with what Slack would take for markup.
    let text = format!("<!channel> *cart* {}", "&".repeat(2_900));
    let (notifier, action, permit) = permitted(&server, &text).await;
    let id = permit.action_id();
    notifier.dry_run(&cx(), &action).await.unwrap();
    assert!(server.posts().is_empty());
    notifier.perform(&cx(), permit, &action).await.unwrap();
    assert_eq!(server.posts()[0].shown(), text);
    assert_eq!(
        notifier.standing(&cx(), &action, &id).await.unwrap(),
        Standing::Ours
    );
    let other = ActionId("other".to_owned());
    assert_eq!(
        notifier.standing(&cx(), &action, &other).await.unwrap(),
        Standing::Gone
    );
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_posted_once_and_found() {
    let server = boot().await;
    let lost = Fault::StatusAfterEffect(StatusCode::BAD_GATEWAY);
    server.faults().add(Rule::new("/api/chat.postMessage", lost));
    let (notifier, action, permit) = permitted(&server, "cart is well").await;
    let id = permit.action_id();
    let error = notifier.perform(&cx(), permit, &action).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Unknown { .. }), "{error}");
    assert_eq!(server.posts().len(), 1);
    assert_eq!(
        notifier.standing(&cx(), &action, &id).await.unwrap(),
        Standing::Ours
    );
}
