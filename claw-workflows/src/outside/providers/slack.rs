//! Messages by Slack's Web API, with a bot token that has the scope `chat:write`.

use async_trait::async_trait;
use claw_core::execute::{ActionId, Standing};
use claw_core::http::{Client, HttpError, Response};
use claw_core::outside::{MAX_TEXT, Notification};
use claw_core::tool::ToolContext;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client;
use crate::deliver::slack::mrkdwn::{escaped, plain};
use crate::deliver::slack::remedy::{Remedy, code, remedy};
use crate::outside::perform::{Provider, ProviderError};

const SERVICE: &str = "slack";
/// Type of the metadata by which a message tells whose it is.
const EVENT: &str = "claw_action";
/// How many of the latest messages of a channel are looked through.
const LATEST: &str = "100";

/// One channel.
#[derive(Clone, Debug)]
pub struct Slack {
    client: Client,
    channel: String,
}

/// What Slack answers.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    channel: Option<String>,
    ts: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    metadata: Value,
}

/// Slack's own word for what went wrong.
#[derive(Debug, thiserror::Error)]
#[error("slack answered {0}")]
struct Said(String);

impl Slack {
    /// The channel with that id (`C…`), at the Web API under `base_url` (`https://slack.com/api`).
    ///
    /// # Errors
    /// [`HttpError::InvalidConfig`] for an address or a token that can be none.
    pub fn new(base_url: &str, token: &SecretString, channel: impl Into<String>) -> Result<Self, HttpError> {
        Ok(Self {
            client: client(Some(base_url), Some(token))?,
            channel: channel.into(),
        })
    }

    fn body(&self, notification: &Notification) -> Value {
        let text = &notification.text;
        json!({
            "channel": self.channel,
            // For notifications on a screen, where blocks are not shown.
            "text": escaped(text, MAX_TEXT),
            "blocks": [{"type": "section", "text": {"type": "plain_text", "text": plain(text, MAX_TEXT), "emoji": false}}],
            "mrkdwn": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }
}

#[async_trait]
impl Provider<Notification> for Slack {
    async fn check(&self, cx: &ToolContext, notification: &Notification) -> Result<Value, ProviderError> {
        let asked = self.client.post("auth.test").once().send_any(cx).await;
        let asked = asked.map_err(|error| ProviderError::of_look(SERVICE, error))?;
        read(asked).map_err(|error| match error {
            ProviderError::Unknown { service, source } => ProviderError::Refused {
                service,
                remedy: "it did not say whether it knows the token; try again".to_owned(),
                source,
            },
            refused => refused,
        })?;
        Ok(self.body(notification))
    }

    async fn send(
        &self,
        cx: &ToolContext,
        notification: &Notification,
        id: &ActionId,
    ) -> Result<Value, ProviderError> {
        let mut body = self.body(notification);
        if let Some(fields) = body.as_object_mut() {
            let metadata = json!({"event_type": EVENT, "event_payload": {"action": id}});
            fields.insert("metadata".to_owned(), metadata);
        }
        let sent = self
            .client
            .post("chat.postMessage")
            .json(&body)
            .once()
            .send_any(cx)
            .await;
        let answer = read(sent.map_err(|error| ProviderError::of_request(SERVICE, error))?)?;
        Ok(json!({"channel": answer.channel, "ts": answer.ts}))
    }

    async fn standing(&self, cx: &ToolContext, id: &ActionId) -> Result<Standing, ProviderError> {
        let request = self
            .client
            .get("conversations.history")
            .query("channel", &self.channel)
            .query("include_all_metadata", "true")
            .query("limit", LATEST);
        let asked = request.send_any(cx).await;
        let answer = asked.map_err(|error| ProviderError::of_look(SERVICE, error))?;
        let ours = |message: &Message| {
            message.metadata.get("event_type").and_then(Value::as_str) == Some(EVENT)
                && message
                    .metadata
                    .pointer("/event_payload/action")
                    .and_then(Value::as_str)
                    == Some(&id.0)
        };
        Ok(match read(answer) {
            Ok(answer) if answer.messages.iter().any(ours) => Standing::Ours,
            // It may be older than what was looked through, or the app may not read the channel at all.
            _ => Standing::Gone,
        })
    }
}

/// The answer, if Slack says that it is one of success. Codes of errors come with any status.
fn read(answer: Response) -> Result<Answer, ProviderError> {
    let read: Result<Answer, _> = answer.json();
    match read {
        Ok(read) if read.ok && answer.is_success() => Ok(read),
        Ok(Answer {
            error: Some(error), ..
        }) => Err(refused(&error)),
        _ => match answer.of_success() {
            Err(error) => Err(ProviderError::of_request(SERVICE, error)),
            Ok(_) => Err(ProviderError::Unknown {
                service: SERVICE,
                source: Box::new(Said("neither yes nor no".to_owned())),
            }),
        },
    }
}

fn refused(error: &str) -> ProviderError {
    let Some(code) = code(error) else {
        return ProviderError::Unknown {
            service: SERVICE,
            source: Box::new(Said("something that is no code".to_owned())),
        };
    };
    let source = Box::new(Said(code.to_owned()));
    let remedy = match remedy(code) {
        Remedy::Fix(remedy) => remedy,
        Remedy::Wait => "it takes no more messages for now; propose it again later",
        // A fault on its side, perhaps after the message was kept.
        Remedy::Retry => {
            return ProviderError::Unknown {
                service: SERVICE,
                source,
            };
        }
    };
    ProviderError::Refused {
        service: SERVICE,
        remedy: remedy.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::outside::tests::{cx, id, only_request};

    fn slack(server: &MockServer) -> Slack {
        Slack::new(&server.uri(), &SecretString::from("xoxb-s3cret"), "C042").unwrap()
    }

    fn message() -> Notification {
        Notification {
            text: "<!channel> *cart* scaled & well".to_owned(),
        }
    }

    #[tokio::test]
    async fn sends_the_text_as_text_and_the_id_along() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/chat.postMessage"))
            .and(header("authorization", "Bearer xoxb-s3cret"))
            .and(body_json(json!({
                "channel": "C042",
                "text": "&lt;!channel&gt; ∗cart∗ scaled &amp; well",
                "blocks": [{"type": "section", "text":
                    {"type": "plain_text", "text": "<!channel> *cart* scaled & well", "emoji": false}}],
                "mrkdwn": false, "unfurl_links": false, "unfurl_media": false,
                "metadata": {"event_type": "claw_action", "event_payload": {"action": id().0}},
            })))
            .respond_with(ResponseTemplate::new(200).set_body_json(
                json!({"ok": true, "channel": "C042", "ts": "17.1", "message": {"text": "not for us"}}),
            ))
            .expect(1)
            .mount(&server)
            .await;
        let answer = slack(&server).send(&cx(), &message(), &id()).await.unwrap();
        assert_eq!(answer, json!({"channel": "C042", "ts": "17.1"}));
    }

    #[tokio::test]
    async fn is_sent_once_and_what_slack_says_decides_whether_it_is_known() {
        for (answer, refused) in [
            (
                ResponseTemplate::new(200).set_body_json(json!({"ok": false, "error": "not_in_channel"})),
                true,
            ),
            (
                ResponseTemplate::new(200).set_body_json(json!({"ok": false, "error": "fatal_error"})),
                false,
            ),
            (
                ResponseTemplate::new(200).set_body_json(json!({"ok": false, "error": "<b>"})),
                false,
            ),
            (ResponseTemplate::new(429).insert_header("retry-after", "0"), true),
            (ResponseTemplate::new(503), false),
            (ResponseTemplate::new(200).set_body_string("gateway"), false),
        ] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .respond_with(answer)
                .mount(&server)
                .await;
            let error = slack(&server).send(&cx(), &message(), &id()).await.unwrap_err();
            only_request(&server).await;
            assert_eq!(
                matches!(error, ProviderError::Refused { .. }),
                refused,
                "{error:?}"
            );
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }

    #[tokio::test]
    async fn the_latest_messages_tell_whether_it_stands() {
        let server = MockServer::start().await;
        let answer = json!({"ok": true, "messages": [
            {"text": "a"}, {"metadata": {"event_type": "other", "event_payload": {"action": "b"}}},
            {"metadata": {"event_type": "claw_action", "event_payload": {"action": id().0}}}]});
        Mock::given(method("GET"))
            .and(path("/conversations.history"))
            .and(query_param("channel", "C042"))
            .and(query_param("include_all_metadata", "true"))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
        let slack = slack(&server);
        assert_eq!(slack.standing(&cx(), &id()).await.unwrap(), Standing::Ours);
        let other = ActionId("b".to_owned());
        assert_eq!(slack.standing(&cx(), &other).await.unwrap(), Standing::Gone);
    }

    #[tokio::test]
    async fn a_dry_run_asks_for_the_token_alone() {
        let server = MockServer::start().await;
        Mock::given(path("/auth.test"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
            .mount(&server)
            .await;
        let shown = slack(&server).check(&cx(), &message()).await.unwrap();
        assert_eq!(shown["channel"], "C042");
        only_request(&server).await;
        assert!(!format!("{:?}", slack(&server)).contains("s3cret"));
    }
}
