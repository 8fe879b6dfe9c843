//! Prometheus, Alertmanager, Loki: services that answer JSON over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::http::{Client, ClientConfig, Pem, Request};
use claw_core::tool::ToolContext;
use serde_json::Value;

use crate::error::{Error, one_line};

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A service at a URL.
#[derive(Debug)]
pub struct Service {
    client: Client,
}

impl Service {
    /// The service at `url`.
    pub fn at(url: &str) -> Result<Self, Error> {
        Self::with(ClientConfig::at(url), url)
    }

    /// The service at `url`, whose certificate one of the authorities in `ca` has signed.
    pub fn with_authority(url: &str, ca: &Path) -> Result<Self, Error> {
        let ca = Some(Pem::File(ca.to_owned()));
        Self::with(
            ClientConfig {
                ca,
                ..ClientConfig::at(url)
            },
            url,
        )
    }

    fn with(config: ClientConfig, url: &str) -> Result<Self, Error> {
        // Waiting is for the tests to decide.
        let config = ClientConfig {
            max_retries: 0,
            ..config
        };
        let client = Client::new(config).map_err(Error::service(format!("prepare requests to {url}")))?;
        Ok(Self { client })
    }

    /// Reads JSON, with query parameters.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Error> {
        let request = self.client.get(path).queries(query.iter().copied());
        Self::send(format!("GET {path}"), request).await
    }

    /// Posts JSON. What is not JSON in the answer is null.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        Self::send(format!("POST {path}"), self.client.post(path).json(body)).await
    }

    /// The status of reading `path` as somebody else.
    pub async fn status_as(&self, path: &str, token: &str) -> Result<u16, Error> {
        let cx = ToolContext::new(Arc::new(SystemClock), LIMIT);
        let request = self
            .client
            .get(path)
            .header("authorization", &format!("Bearer {token}"));
        let answer = request
            .send_any(&cx)
            .await
            .map_err(Error::service(format!("GET {path}")))?;
        Ok(answer.status())
    }

    /// The first value of an instant query, where there is one.
    pub async fn query(&self, promql: &str) -> Result<Option<f64>, Error> {
        let answer = self.get("/api/v1/query", &[("query", promql)]).await?;
        let value = answer.pointer("/data/result/0/value/1").and_then(Value::as_str);
        Ok(value.and_then(|value| value.parse().ok()))
    }

    /// Sends bytes that are no JSON.
    pub(crate) async fn send_bytes(
        &self,
        path: &str,
        content_type: &'static str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), Error> {
        let mut request = self.client.post(path).body(content_type, body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Self::send(format!("POST {path}"), request).await.map(|_| ())
    }

    async fn send(doing: String, request: Request) -> Result<Value, Error> {
        let cx = ToolContext::new(Arc::new(SystemClock), LIMIT);
        let answer = request
            .timeout(LIMIT)
            .send_any(&cx)
            .await
            .map_err(Error::service(doing.clone()))?;
        if !answer.is_success() {
            let why = one_line(&format!("{} {}", answer.status(), answer.text()));
            return Err(Error::Service { doing, why });
        }
        Ok(serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }
}
