//! Delivery to any service that takes JSON.

use std::fmt;

use async_trait::async_trait;
use claw_core::digest::sha256;
use claw_core::http::Client;
use claw_core::report::Report;
use claw_core::tool::ToolContext;
use secrecy::{ExposeSecret as _, SecretString};

use super::sink::{DeliverError, Sink};
use super::{json, transport};

/// Longest key that is sent as it is.
const MAX_KEY: usize = 128;
/// Largest answer that is read, in bytes; it is not used.
const MAX_ANSWER: usize = 256 * 1024;

/// Posts the report as JSON.
///
/// The header `Idempotency-Key` holds the run's id, so that the service can tell a repeated delivery. The address is
/// treated as a secret, because many services put a token into it. Credentials in headers belong into the client's
/// configuration.
#[derive(Clone)]
pub struct GenericWebhook {
    name: String,
    client: Client,
    url: SecretString,
}

impl GenericWebhook {
    /// A service called `name` in logs and errors, at `url`. `client` must have no base URL.
    pub fn new(name: impl Into<String>, client: Client, url: SecretString) -> Self {
        Self {
            name: name.into(),
            client,
            url,
        }
    }
}

#[async_trait]
impl Sink for GenericWebhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, cx: &ToolContext, report: &Report, key: &str) -> Result<(), DeliverError> {
        self.client
            .post(self.url.expose_secret())
            .header("idempotency-key", &header_value(key))
            .body("application/json", json::render(report))
            .max_bytes(MAX_ANSWER)
            .idempotent()
            .send(cx)
            .await
            .map(drop)
            .map_err(|error| transport::failed(&self.name, error))
    }
}

impl fmt::Debug for GenericWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenericWebhook")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The key as it is, or its digest where it does not fit into a header.
fn header_value(key: &str) -> String {
    if !key.is_empty() && key.len() <= MAX_KEY && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        key.to_owned()
    } else {
        sha256(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use claw_core::clock::SystemClock;
    use claw_core::http::ClientConfig;
    use wiremock::matchers::{body_string, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::deliver::sample;

    async fn deliver(server: &MockServer, key: &str) -> Result<(), DeliverError> {
        let client = Client::new(ClientConfig::default()).unwrap();
        let url = SecretString::from(format!("{}/hooks/s3cret", server.uri()));
        let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(5));
        GenericWebhook::new("tickets", client, url)
            .deliver(&cx, &sample::incident(), key)
            .await
    }

    #[tokio::test]
    async fn posts_the_report_with_the_key_of_the_run() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/hooks/s3cret"))
            .and(header("idempotency-key", "alert-4711"))
            .and(header("content-type", "application/json"))
            .and(body_string(json::render(&sample::incident())))
            .respond_with(ResponseTemplate::new(202))
            .expect(1)
            .mount(&server)
            .await;
        deliver(&server, "alert-4711").await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do_and_not_the_address() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(403))
            .expect(1)
            .mount(&server)
            .await;
        let error = deliver(&server, "k").await.unwrap_err();
        assert!(!error.is_retryable());
        assert_eq!(
            error.to_string(),
            "tickets refused the report (status 403): check the credentials and what they allow"
        );
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_service_in_trouble_is_asked_again_and_may_be_later() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(503))
            .expect(3)
            .mount(&server)
            .await;
        assert!(deliver(&server, "k").await.unwrap_err().is_retryable());
    }

    #[test]
    fn keys_that_are_no_header_are_digested() {
        assert_eq!(header_value("alert-4711"), "alert-4711");
        assert_eq!(header_value("a b\n").len(), 64);
        assert_ne!(header_value("a b"), header_value("a c"));
    }

    #[test]
    fn the_address_does_not_show() {
        let client = Client::new(ClientConfig::default()).unwrap();
        let sink = GenericWebhook::new("tickets", client, SecretString::from("https://x.example/s3cret"));
        assert!(!format!("{sink:?}").contains("s3cret"));
    }
}
