//! The HTTP API of Loki over a [`Store`].

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use claw_core::clock::Clock;

use super::handlers;
use super::store::{Store, nanoseconds};
use crate::faults::Faults;
use crate::loopback::Loopback;

/// A Loki on a free port of the loopback interface. It ends when it is dropped.
///
/// It answers `/loki/api/v1/query_range`, `query`, `labels`, `label/<name>/values`, `series`, `push` and `/ready`. Of
/// LogQL it knows stream selectors and line filters; anything else is refused.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    faults: Faults,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: RwLock<Store>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    pub(super) fn now(&self) -> i64 {
        nanoseconds(self.clock.now())
    }
}

impl Server {
    /// Starts a server. Queries without a time are about the time that the clock shows.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(store: Store, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let faults = Faults::with_error_body(fault);
        let shared = Arc::new(Shared {
            store: RwLock::new(store),
            clock,
        });
        let loopback = Loopback::serve(faults.layer(router(shared.clone()))).await?;
        Ok(Self {
            loopback,
            faults,
            shared,
        })
    }

    /// The base address, without a trailing slash.
    pub fn url(&self) -> String {
        self.loopback.url()
    }

    /// The server behind the address: to break connections.
    pub fn loopback(&self) -> &Loopback {
        &self.loopback
    }

    /// The fault switches and the log of requests.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Changes the streams.
    pub fn update(&self, change: impl FnOnce(&mut Store)) {
        change(&mut self.shared.store.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(
            "/loki/api/v1/query_range",
            get(handlers::query_range).post(handlers::query_range),
        )
        .route("/loki/api/v1/query", get(handlers::query).post(handlers::query))
        .route(
            "/loki/api/v1/labels",
            get(handlers::labels).post(handlers::labels),
        )
        .route(
            "/loki/api/v1/label/{name}/values",
            get(handlers::label_values).post(handlers::label_values),
        )
        .route(
            "/loki/api/v1/series",
            get(handlers::series).post(handlers::series),
        )
        .route("/loki/api/v1/push", post(handlers::push))
        .route("/ready", get(|| async { "ready\n" }))
        .with_state(shared)
}

fn fault(status: StatusCode) -> Response {
    let text = match status {
        StatusCode::TOO_MANY_REQUESTS => "too many outstanding requests",
        other => other.canonical_reason().unwrap_or("error"),
    };
    (status, text.to_owned()).into_response()
}
