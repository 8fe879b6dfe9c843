use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::tool::ToolContext;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::compose::size;
use super::*;
use crate::deliver::{DeliverError, Sink as _, sample, untrusted};

fn context() -> ToolContext {
    ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5))
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text without links to pages of runbooks, whose addresses hold nothing that means something.
fn without_own_links(text: &str) -> String {
    let link = regex::Regex::new(r"<https?://[A-Za-z0-9][^<>|\s]*\|[^<>]*>").unwrap();
    link.replace_all(text, "").into_owned()
}

/// Fails on a message that Slack would refuse.
fn check(message: &Message) {
    assert!(!message.text.is_empty() && units(&message.text) <= MAX_TEXT);
    assert!(!message.blocks.is_empty() && message.blocks.len() <= MAX_BLOCKS);
    assert!(message.blocks.iter().map(size).sum::<usize>() <= MAX_BYTES);
    for block in &message.blocks {
        let texts: Vec<(&str, usize)> = match block {
            Block::Header { text } => {
                assert!(matches!(text, Text::PlainText { .. }));
                vec![(text.as_str(), MAX_HEADER)]
            }
            Block::Section { text } => vec![(text.as_str(), MAX_TEXT)],
            Block::Context { elements } => {
                assert!((1..=10).contains(&elements.len()));
                elements.iter().map(|text| (text.as_str(), MAX_TEXT)).collect()
            }
            Block::RichText { elements } => elements
                .iter()
                .flat_map(|element| match element {
                    RichElement::RichTextPreformatted { elements }
                    | RichElement::RichTextSection { elements } => elements,
                    other => panic!("{other:?}"),
                })
                .map(|inline| match inline {
                    Inline::Text { text } => (text.as_str(), MAX_TEXT),
                    other => panic!("{other:?}"),
                })
                .collect(),
            Block::Divider {} => vec![],
            Block::Actions { elements } => elements.iter().map(|button| (button.text.as_str(), 75)).collect(),
        };
        for (text, limit) in texts {
            assert!(!text.trim().is_empty() && units(text) <= limit, "{text:?}");
            assert!(!text.chars().any(untrusted::is_deceptive), "{text:?}");
        }
        if let Block::Section {
            text: Text::Mrkdwn { text, .. },
        } = block
        {
            let text = without_own_links(text);
            assert!(!text.contains(['<', '>']), "{text}");
        }
    }
}

#[test]
fn incident() {
    let options = MessageOptions {
        report_url: Some("https://reports.example/alert-4711".into()),
    };
    let message = message(&sample::incident(), &options);
    check(&message);
    insta::assert_json_snapshot!(message);
}

#[test]
fn unknown_says_so_and_names_what_was_not_seen() {
    let message = message(&sample::unknown(), &MessageOptions::default());
    check(&message);
    let text = serde_json::to_string(&message).unwrap();
    assert!(text.contains("what was seen does not say why") && text.contains("loki"));
}

#[test]
fn several_causes_are_numbered() {
    let message = message(&sample::ambiguous(5), &MessageOptions::default());
    check(&message);
    let text = serde_json::to_string(&message).unwrap();
    assert!(
        text.contains("*Possible cause 1*")
            && text.contains("*Possible cause 3*")
            && !text.contains("*Possible cause 4*")
    );
}

#[test]
fn an_address_that_slack_would_refuse_gets_no_button() {
    for url in ["javascript:alert(1)", "report.html", ""] {
        let options = MessageOptions {
            report_url: Some(url.into()),
        };
        let message = message(&sample::incident(), &options);
        assert!(
            !message
                .blocks
                .iter()
                .any(|block| matches!(block, Block::Actions { .. })),
            "{url}"
        );
    }
}

#[test]
fn the_gravest_report_is_cut_from_the_end() {
    let mut report = sample::crowded();
    for hypothesis in &mut report.hypotheses {
        hypothesis.cause = "原因".repeat(500);
    }
    let message = message(&report, &MessageOptions::default());
    check(&message);
    let text = serde_json::to_string(&message).unwrap();
    assert!(text.contains("Likely root cause"));
    assert!(text.contains("Shortened"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_report_fits(report in sample::arbitrary::report()) {
        check(&message(&report, &MessageOptions::default()));
    }
}

fn webhook(server: &MockServer) -> IncomingWebhook {
    let client = Client::new(ClientConfig::default()).unwrap();
    IncomingWebhook::new(
        client,
        SecretString::from(format!("{}/services/T0/B0/s3cret", server.uri())),
    )
}

fn post_message(server: &MockServer) -> PostMessage {
    let client = Client::new(ClientConfig::at(format!("{}/api", server.uri()))).unwrap();
    PostMessage::new(client, SecretString::from("xoxb-s3cret"), "C0123")
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn webhook_posts_the_message() {
    let server = MockServer::start().await;
    let expected = serde_json::to_value(message(&sample::incident(), &MessageOptions::default())).unwrap();
    Mock::given(method("POST"))
        .and(path("/services/T0/B0/s3cret"))
        .and(body_json(expected))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .expect(1)
        .mount(&server)
        .await;
    webhook(&server)
        .deliver(&context(), &sample::incident(), "alert-4711")
        .await
        .unwrap();
}

#[tokio::test]
async fn webhook_errors_have_a_remedy_and_hide_the_address() {
    for (status, body, code, remedy) in [
        (404, "no_service", "no_service", "make a new one"),
        (410, "channel_is_archived", "channel_is_archived", "archived"),
        (403, "action_prohibited", "action_prohibited", "administrator"),
        (400, "<html>s3cret</html>", "status 400", "check the address"),
    ] {
        let server = answering(ResponseTemplate::new(status).set_body_string(body)).await;
        let error = webhook(&server)
            .deliver(&context(), &sample::incident(), "k")
            .await
            .unwrap_err();
        let DeliverError::Refused {
            code: found,
            remedy: said,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(found, code);
        assert!(said.contains(remedy), "{said}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn webhook_in_trouble_may_be_tried_again() {
    let server = answering(ResponseTemplate::new(500).set_body_string("rollup_error")).await;
    let error = webhook(&server)
        .deliver(&context(), &sample::incident(), "k")
        .await
        .unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn rate_limit_says_how_long_to_wait() {
    // Longer than the deadline, so that the client does not wait itself.
    let limited = || ResponseTemplate::new(429).insert_header("retry-after", "30");
    let server = answering(limited().set_body_string("rate_limited")).await;
    let error = webhook(&server)
        .deliver(&context(), &sample::incident(), "k")
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    assert!(error.is_retryable());
    let server = answering(limited().set_body_json(json!({"ok": false, "error": "ratelimited"}))).await;
    let error = post_message(&server)
        .deliver(&context(), &sample::incident(), "k")
        .await
        .unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn post_message_sends_channel_token_thread_and_run() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/chat.postMessage"))
        .and(header("authorization", "Bearer xoxb-s3cret"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"ok": true, "channel": "C0123", "ts": "17.1"})),
        )
        .expect(1)
        .mount(&server)
        .await;
    let sink = post_message(&server).in_thread("16.9");
    let message = message(&sample::incident(), &MessageOptions::default());
    let posted = sink.post(&context(), &message, "alert-4711").await.unwrap();
    assert_eq!((posted.channel.as_str(), posted.ts.as_str()), ("C0123", "17.1"));
    let requests = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["channel"], "C0123");
    assert_eq!(body["thread_ts"], "16.9");
    assert_eq!(body["metadata"]["event_payload"]["run"], "alert-4711");
    assert_eq!(body["blocks"], serde_json::to_value(&message.blocks).unwrap());
}

#[tokio::test]
async fn post_message_errors_are_typed() {
    for (code, retryable, remedy) in [
        ("invalid_auth", false, "token"),
        ("missing_scope", false, "chat:write"),
        ("channel_not_found", false, "invite"),
        ("not_in_channel", false, "invite"),
        ("something_new", false, "documentation"),
        ("ratelimited", true, ""),
        ("internal_error", true, "internal_error"),
    ] {
        let server =
            answering(ResponseTemplate::new(200).set_body_json(json!({"ok": false, "error": code}))).await;
        let error = post_message(&server)
            .deliver(&context(), &sample::incident(), "k")
            .await
            .unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
        assert!(error.to_string().contains(remedy), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_slacks_is_refused() {
    let server = answering(ResponseTemplate::new(200).set_body_string("<html>sign in</html>")).await;
    let error = post_message(&server)
        .deliver(&context(), &sample::incident(), "k")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliverError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn delivery_ends_with_its_run_and_at_its_deadline() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(30))).await;
    let cancelled = context();
    cancelled.cancel.cancel();
    let error = webhook(&server)
        .deliver(&cancelled, &sample::incident(), "k")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliverError::Cancelled { .. }));
    let short = ToolContext::new(Arc::new(SystemClock), Duration::from_millis(100));
    let error = webhook(&server)
        .deliver(&short, &sample::incident(), "k")
        .await
        .unwrap_err();
    assert!(matches!(error, DeliverError::Timeout { .. }), "{error:?}");
    assert!(short.deadline <= SystemClock.now());
}

#[tokio::test]
async fn secrets_do_not_show() {
    let server = MockServer::start().await;
    let shown = format!("{:?} {:?}", webhook(&server), post_message(&server));
    assert!(!shown.contains("s3cret"), "{shown}");
}
