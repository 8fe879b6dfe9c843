//! Messages by an incoming webhook of Slack, whose address is a secret: who knows it can post.

use std::fmt;

use async_trait::async_trait;
use claw_core::execute::ActionId;
use claw_core::http::{Client, HttpError};
use claw_core::outside::{MAX_TEXT, Notification};
use claw_core::tool::ToolContext;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::client;
use crate::deliver::slack::mrkdwn::{escaped, plain};
use crate::outside::perform::{Provider, ProviderError};

const SERVICE: &str = "slack_webhook";

/// The channel that a webhook leads to. It says nothing of what was posted, and takes no id.
#[derive(Clone)]
pub struct SlackWebhook {
    client: Client,
    url: SecretString,
}

impl SlackWebhook {
    /// The webhook at `url`.
    ///
    /// # Errors
    /// [`HttpError::InvalidConfig`] if no client can be made.
    pub fn new(url: SecretString) -> Result<Self, HttpError> {
        Ok(Self {
            client: client(None, None)?,
            url,
        })
    }
}

impl fmt::Debug for SlackWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackWebhook").finish_non_exhaustive()
    }
}

fn body(notification: &Notification) -> Value {
    let text = &notification.text;
    json!({
        "text": escaped(text, MAX_TEXT),
        "blocks": [{"type": "section", "text": {"type": "plain_text", "text": plain(text, MAX_TEXT), "emoji": false}}],
    })
}

#[async_trait]
impl Provider<Notification> for SlackWebhook {
    async fn check(&self, _cx: &ToolContext, notification: &Notification) -> Result<Value, ProviderError> {
        Ok(body(notification))
    }

    async fn send(
        &self,
        cx: &ToolContext,
        notification: &Notification,
        _id: &ActionId,
    ) -> Result<Value, ProviderError> {
        let request = self
            .client
            .post(self.url.expose_secret())
            .json(&body(notification));
        let sent = request.once().send(cx).await;
        sent.map_err(|error| ProviderError::of_request(SERVICE, error))?;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use claw_core::execute::Standing;
    use wiremock::matchers::{body_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::outside::tests::{cx, id, only_request};

    #[tokio::test]
    async fn posts_the_text_once_and_shows_the_address_to_nobody() {
        let message = Notification {
            text: "cart <scaled>".to_owned(),
        };
        for status in [200, 404, 500] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .and(path("/services/s3cret"))
                .and(body_json(json!({
                    "text": "cart &lt;scaled&gt;",
                    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "cart <scaled>", "emoji": false}}],
                })))
                .respond_with(ResponseTemplate::new(status))
                .mount(&server)
                .await;
            let url = SecretString::from(format!("{}/services/s3cret", server.uri()));
            let webhook = SlackWebhook::new(url).unwrap();
            let answer = webhook.send(&cx(), &message, &id()).await;
            only_request(&server).await;
            assert!(!format!("{webhook:?} {answer:?}").contains("s3cret"));
            match (status, answer) {
                (200, Ok(_))
                | (404, Err(ProviderError::Refused { .. }))
                | (500, Err(ProviderError::Unknown { .. })) => {}
                (_, answer) => panic!("{status}: {answer:?}"),
            }
            assert_eq!(webhook.standing(&cx(), &id()).await.unwrap(), Standing::Gone);
            only_request(&server).await;
        }
    }
}
