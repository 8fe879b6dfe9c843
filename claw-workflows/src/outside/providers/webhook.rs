//! Messages and pipelines by a webhook of anybody's, signed as the specification Standard Webhooks has it.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_core::execute::ActionId;
use claw_core::http::{Client, HttpError};
use claw_core::outside::{Notification, PipelineRun};
use claw_core::tool::ToolContext;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::client;
use crate::outside::perform::{Provider, ProviderError};

const SERVICE: &str = "webhook";
/// What secrets begin with that are written as base64.
const PREFIX: &str = "whsec_";
/// The shortest key, in bytes: the specification asks for as many.
const MIN_KEY: usize = 24;

/// A place that takes signed JSON.
///
/// It gets `{"type", "timestamp", "data"}`, with the headers `webhook-id` (the action's id, which is the same however often it
/// comes), `webhook-timestamp` and `webhook-signature` (`v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`), and
/// `idempotency-key`. The address is treated as a secret, because many services put a token into it.
#[derive(Clone)]
pub struct SignedWebhook {
    client: Client,
    name: String,
    url: SecretString,
    key: hmac::Key,
}

impl SignedWebhook {
    /// The webhook at `url`, for the channel or the pipeline of that name. `secret` signs: `whsec_` and base64, or as it is.
    ///
    /// # Errors
    /// [`HttpError::InvalidConfig`] for a secret that is too short or no base64, or if no client can be made.
    pub fn new(name: impl Into<String>, url: SecretString, secret: &SecretString) -> Result<Self, HttpError> {
        let text = secret.expose_secret().trim();
        let bytes = match text.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < MIN_KEY {
            return Err(HttpError::InvalidConfig {
                reason: format!(
                    "the secret that signs has fewer than {MIN_KEY} bytes, or is no base64 after {PREFIX}; make a longer one"
                ),
            });
        }
        Ok(Self {
            client: client(None, None)?,
            name: name.into(),
            url,
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        })
    }

    async fn post(
        &self,
        cx: &ToolContext,
        kind: &str,
        data: Value,
        id: &ActionId,
    ) -> Result<Value, ProviderError> {
        let now = cx.clock.now();
        let body = json!({"type": kind, "timestamp": now, "data": data}).to_string();
        let seconds = now.as_second().to_string();
        let signed = hmac::sign(&self.key, format!("{}.{seconds}.{body}", id.0).as_bytes());
        let request = self
            .client
            .post(self.url.expose_secret())
            .header("webhook-id", &id.0)
            .header("webhook-timestamp", &seconds)
            .header(
                "webhook-signature",
                &format!("v1,{}", STANDARD.encode(signed.as_ref())),
            )
            .header("idempotency-key", &id.0)
            .body("application/json", body);
        let sent = request.once().send(cx).await;
        let answer = sent.map_err(|error| ProviderError::of_request(SERVICE, error))?;
        Ok(json!({"status": answer.status()}))
    }

    fn message(&self, notification: &Notification) -> Value {
        json!({"channel": self.name, "text": notification.text})
    }

    fn pipeline(&self, run: &PipelineRun) -> Value {
        json!({"pipeline": self.name, "inputs": run.inputs})
    }
}

impl fmt::Debug for SignedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedWebhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider<Notification> for SignedWebhook {
    async fn check(&self, _cx: &ToolContext, content: &Notification) -> Result<Value, ProviderError> {
        Ok(self.message(content))
    }

    async fn send(
        &self,
        cx: &ToolContext,
        content: &Notification,
        id: &ActionId,
    ) -> Result<Value, ProviderError> {
        self.post(cx, "claw.notification", self.message(content), id)
            .await
    }
}

#[async_trait]
impl Provider<PipelineRun> for SignedWebhook {
    async fn check(&self, _cx: &ToolContext, content: &PipelineRun) -> Result<Value, ProviderError> {
        Ok(self.pipeline(content))
    }

    async fn send(
        &self,
        cx: &ToolContext,
        content: &PipelineRun,
        id: &ActionId,
    ) -> Result<Value, ProviderError> {
        self.post(cx, "claw.pipeline_run", self.pipeline(content), id)
            .await
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::outside::tests::{cx, id, only_request, run};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn webhook(server: &MockServer) -> SignedWebhook {
        let url = SecretString::from(format!("{}/hooks/s3cret", server.uri()));
        SignedWebhook::new("deploy-cart", url, &SecretString::from(SECRET)).unwrap()
    }

    #[tokio::test]
    async fn what_is_sent_is_signed_with_its_id_and_time() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/hooks/s3cret"))
            .and(header("webhook-id", id().0.as_str()))
            .and(header("idempotency-key", id().0.as_str()))
            .and(header("content-type", "application/json"))
            .respond_with(ResponseTemplate::new(202))
            .expect(2)
            .mount(&server)
            .await;
        let text = "cart is well".to_owned();
        let webhook = webhook(&server);
        webhook.send(&cx(), &Notification { text }, &id()).await.unwrap();
        let answer = webhook.send(&cx(), &run(), &id()).await.unwrap();
        assert_eq!(answer, json!({"status": 202}));
        let expected = [
            (
                "claw.notification",
                json!({"channel": "deploy-cart", "text": "cart is well"}),
            ),
            (
                "claw.pipeline_run",
                json!({"pipeline": "deploy-cart", "inputs": {"version": "1.2"}}),
            ),
        ];
        let key = STANDARD.decode(SECRET.trim_start_matches(PREFIX)).unwrap();
        for (request, (kind, data)) in server.received_requests().await.unwrap().iter().zip(expected) {
            let text = |name: &str| request.headers[name].to_str().unwrap().to_owned();
            let body = String::from_utf8(request.body.clone()).unwrap();
            let signature = STANDARD
                .decode(text("webhook-signature").trim_start_matches("v1,"))
                .unwrap();
            let signed = format!("{}.{}.{body}", id().0, text("webhook-timestamp"));
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&body["type"], &body["data"]), (&json!(kind), &data));
        }
    }

    /// The example of the specification.
    #[test]
    fn signs_as_the_specification_does() {
        let key = STANDARD.decode(SECRET.trim_start_matches(PREFIX)).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = hmac::sign(
            &key,
            br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#,
        );
        assert_eq!(
            STANDARD.encode(signed.as_ref()),
            "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[tokio::test]
    async fn is_sent_once_and_neither_address_nor_secret_shows() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(503))
            .mount(&server)
            .await;
        let webhook = webhook(&server);
        let error = webhook.send(&cx(), &run(), &id()).await.unwrap_err();
        only_request(&server).await;
        assert!(matches!(error, ProviderError::Unknown { .. }));
        let shown = format!("{error:?} {error} {webhook:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("MfKQ"), "{shown}");
    }

    #[test]
    fn a_secret_that_signs_nothing_is_refused() {
        for bad in ["short", "whsec_???", "whsec_YWJj", ""] {
            let url = SecretString::from("https://ci.example/s3cret");
            assert!(
                SignedWebhook::new("a", url, &SecretString::from(bad)).is_err(),
                "{bad}"
            );
        }
    }
}
