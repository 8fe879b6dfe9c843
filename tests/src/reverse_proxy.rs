//! A real server with the fault switches of the simulated ones.
//!
//! What a network does to one request is hard to bring about at a real API server: two hundred refusals and then none, a
//! list that breaks off after its first page. The proxy stands before it, hands everything on, and fails as its
//! [`Faults`] say. Clients speak plain HTTP with it; it speaks TLS with the server.
//!
//! ```no_run
//! use std::time::Duration;
//! use claw_testkit::faults::{Fault, Rule};
//! use claw_testkit::reverse_proxy::ReverseProxy;
//!
//! # async fn example(config: kube::Config) -> std::io::Result<()> {
//! let proxy = ReverseProxy::before_api_server(config).await?;
//! proxy.faults().add(Rule::new("**/pods", Fault::too_many_requests(Duration::from_secs(1))).times(2));
//! # Ok(())
//! # }
//! ```

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use kube::config::AuthInfo;

use crate::api;
use crate::faults::{ErrorBody, Faults};
use crate::loopback::Loopback;

/// The largest request that is handed on, in bytes. [`Faults`] take no larger ones either.
const MAX_REQUEST_BYTES: usize = 32 << 20;

/// A running proxy. Dropping it ends it, and the requests that it carries.
#[derive(Debug)]
pub struct ReverseProxy {
    faults: Faults,
    server: Loopback,
}

impl ReverseProxy {
    /// Before the API server that `config` leads to. Who asks is who the request says: the credentials of `config` are not
    /// used.
    ///
    /// # Errors
    /// If no client can be made of `config`, or no port can be bound.
    pub async fn before_api_server(mut config: kube::Config) -> io::Result<Self> {
        config.auth_info = AuthInfo::default();
        Self::start(config, api::of_fault).await
    }

    /// Before a server that speaks plain HTTP, such as a Prometheus.
    ///
    /// # Errors
    /// If `url` is none, or no port can be bound.
    pub async fn before(url: &str) -> io::Result<Self> {
        let url: Uri = url.parse().map_err(io::Error::other)?;
        let plain: ErrorBody = |status| (status, status.to_string()).into_response();
        Self::start(kube::Config::new(url), plain).await
    }

    async fn start(mut config: kube::Config, error_body: ErrorBody) -> io::Result<Self> {
        // Answers are handed on as they are.
        config.disable_compression = true;
        config.default_retry = false;
        let upstream = kube::Client::try_from(config).map_err(io::Error::other)?;
        let faults = Faults::with_error_body(error_body);
        let router = Router::new().fallback(forward).with_state(upstream);
        let server = Loopback::serve(faults.layer(router)).await?;
        Ok(Self { faults, server })
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The fault switches, and the log of requests.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

/// What a proxy answers by itself: 502 where the server does not answer.
async fn forward(State(upstream): State<kube::Client>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut request = axum::http::Request::new(kube::client::Body::from(body));
    *request.method_mut() = head.method;
    *request.uri_mut() = head.uri;
    *request.headers_mut() = head.headers;
    // They are about the connection with the client.
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    #[allow(clippy::disallowed_methods)] // what is asked is for the client of the proxy to decide
    let answer = upstream.send(request).await;
    let (head, body) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            tracing::debug!(%error, "the server behind the proxy does not answer");
            return StatusCode::BAD_GATEWAY.into_response();
        }
    };
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    for name in [CONNECTION, TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use claw_core::clock::SystemClock;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{ApiServer, Cluster, User};
    use crate::faults::{Fault, Rule};
    use crate::http_probe;

    const MAPS: &str = "/api/v1/namespaces/shop/configmaps";

    async fn proxied() -> (ApiServer, ReverseProxy) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "a"}});
        let cluster = Cluster::new(vec![namespace, map], Arc::new(SystemClock));
        let server = ApiServer::start(cluster).await.unwrap();
        let mut config = kube::Config::new(server.url().parse().unwrap());
        config.auth_info.token = Some("the proxy's own".to_owned().into());
        let proxy = ReverseProxy::before_api_server(config).await.unwrap();
        (server, proxy)
    }

    #[tokio::test]
    async fn requests_and_answers_are_handed_on_whole() {
        let (server, proxy) = proxied().await;
        let url = format!("{}{MAPS}", proxy.url());
        let made = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}});
        let made = http_probe::post(&url, "application/json", &made.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let list = http_probe::get(&url, &[("labelSelector", "!x")]).await;
        assert_eq!(list.json()["items"][0]["metadata"]["name"], "a");
        let direct = http_probe::get(&format!("{}{MAPS}", server.url()), &[]).await;
        assert_eq!(list.json(), direct.json());
        let missing = http_probe::get(&format!("{url}/z"), &[]).await;
        assert_eq!(
            (missing.status, &missing.json()["reason"]),
            (404, &json!("NotFound"))
        );
        assert_eq!(proxy.faults().count(), 3);
    }

    #[tokio::test]
    async fn who_asks_is_who_the_request_says() {
        let (server, proxy) = proxied().await;
        let ops = User::service_account("shop", "ops");
        server.cluster().allow_token("known", ops);
        let url = format!("{}{MAPS}", proxy.url());
        for (token, expected) in [("known", 403), ("other", 401)] {
            let bearer = format!("Bearer {token}");
            let answer = http_probe::send("GET", &url, &[("authorization", &bearer)], "").await;
            assert_eq!(answer.status, expected, "{}", answer.text);
        }
    }

    #[tokio::test]
    async fn faults_are_worded_as_the_api_server_words_them_and_do_not_reach_it() {
        let (server, proxy) = proxied().await;
        let gone = Fault::Status {
            code: StatusCode::GONE,
            retry_after: None,
        };
        proxy.faults().add(
            Rule::new("**/configmaps", gone)
                .query_contains("continue=")
                .times(1),
        );
        let url = format!("{}{MAPS}", proxy.url());
        let answer = http_probe::get(&url, &[("continue", "x")]).await;
        let said: Value = answer.json();
        assert_eq!((answer.status, &said["reason"]), (410, &json!("Expired")));
        assert_eq!(server.faults().count(), 0);
        assert_eq!(http_probe::get(&url, &[]).await.status, 200);
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_a_bad_gateway() {
        let (server, proxy) = proxied().await;
        drop(server);
        let answer = http_probe::get(&format!("{}{MAPS}", proxy.url()), &[]).await;
        assert_eq!(answer.status, 502);
    }

    #[tokio::test]
    async fn a_plain_server_is_proxied_too() {
        let (server, _) = proxied().await;
        let proxy = ReverseProxy::before(&server.url()).await.unwrap();
        assert_eq!(
            http_probe::get(&format!("{}{MAPS}", proxy.url()), &[])
                .await
                .status,
            200
        );
        proxy.faults().add(Rule::new("**", Fault::unavailable()));
        let answer = http_probe::get(&format!("{}{MAPS}", proxy.url()), &[]).await;
        assert_eq!((answer.status, &*answer.text), (503, "503 Service Unavailable"));
    }
}
