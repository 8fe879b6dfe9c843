//! Something that alerts are sent to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use claw_core::clock::{Clock as _, SystemClock};
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::route::change;
use super::{Testbed, wait_until};
use crate::error::Error;

/// What was posted, and when.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it came.
    pub at: Timestamp,
    /// The body.
    pub body: Value,
}

impl Received {
    /// The alerts in it, if it is one of Alertmanager's.
    pub fn alerts(&self) -> impl Iterator<Item = &Value> {
        self.body
            .pointer("/alerts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    }
}

type Kept = Arc<Mutex<Vec<Received>>>;

/// Listens on this machine and keeps what is posted to it. Ends when it is dropped.
#[derive(Debug)]
pub struct WebhookSink {
    url: String,
    kept: Kept,
    server: JoinHandle<()>,
}

impl WebhookSink {
    /// Listens on a free port.
    pub async fn start() -> Result<Self, Error> {
        let kept = Kept::default();
        let router = Router::new()
            .route("/{*any}", post(keep))
            .with_state(Arc::clone(&kept));
        let failed = Error::service::<std::io::Error>;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(failed("listen for webhooks"))?;
        let address = listener.local_addr().map_err(failed("listen for webhooks"))?;
        let server = tokio::spawn(async move {
            // Ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url: format!("http://{address}/alerts"),
            kept,
            server,
        })
    }

    /// Where to post.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes the testbed's Alertmanager send its alerts here too.
    ///
    /// Answers `false`, with a line that names `test`, where there is none of ours.
    pub async fn attach(&self, testbed: &Testbed, test: &str) -> Result<bool, Error> {
        let url = self.url.clone();
        change(testbed, test, |webhooks| webhooks.push(url)).await
    }

    /// Undoes [`WebhookSink::attach`], so that Alertmanager does not go on trying.
    pub async fn detach(self, testbed: &Testbed) -> Result<(), Error> {
        change(testbed, "detach", |webhooks| {
            webhooks.retain(|url| *url != self.url)
        })
        .await
        .map(|_| ())
    }

    /// All that has come.
    pub fn received(&self) -> Vec<Received> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an alert that `wanted` accepts.
    pub async fn alert(
        &self,
        within: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Error> {
        wait_until(within, what, async || {
            let received = self.received();
            let found = received
                .iter()
                .flat_map(Received::alerts)
                .find(|alert| wanted(alert));
            Ok(found.cloned().ok_or_else(|| format!("{} posts", received.len())))
        })
        .await
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn keep(State(kept): State<Kept>, body: String) {
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    let received = Received {
        at: SystemClock.now(),
        body,
    };
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(received);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::suite::Service;

    #[tokio::test]
    async fn what_is_posted_is_kept() {
        let sink = WebhookSink::start().await.unwrap();
        let service = Service::at(sink.url().strip_suffix("/alerts").unwrap()).unwrap();
        service
            .post("/alerts", &json!({ "alerts": [{ "status": "firing" }] }))
            .await
            .unwrap();
        let alert = sink.alert(Duration::from_secs(5), "an alert", |alert| {
            alert["status"] == "firing"
        });
        assert_eq!(alert.await.unwrap(), json!({ "status": "firing" }));
    }
}
