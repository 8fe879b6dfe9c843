//! The HTTP API of Prometheus over a [`Store`].

mod encode;
mod handlers;
mod params;
mod reply;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use claw_core::clock::Clock;

use super::eval::Options;
use super::store::Store;
use crate::faults::Faults;
use crate::loopback::Loopback;

/// A Prometheus on a free port of the loopback interface. It ends when it is dropped.
///
/// It answers `/api/v1/query`, `query_range`, `series`, `labels`, `label/<name>/values`, `metadata` and
/// `status/buildinfo`, by GET and, where Prometheus does, by POST, as well as `/-/ready` and `/-/healthy`.
/// A query without a time is answered for the time that the clock shows.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    faults: Faults,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: RwLock<Arc<Store>>,
    clock: Arc<dyn Clock>,
    options: Options,
    timeout: Duration,
}

impl Shared {
    fn store(&self) -> Arc<Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

impl Server {
    /// Starts a server with the usual limits of Prometheus.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(store: Store, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Self::start_with(store, clock, Options::default(), Duration::from_secs(120)).await
    }

    /// Starts a server with limits of its own: what a query may hold and how long it may take.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start_with(
        store: Store,
        clock: Arc<dyn Clock>,
        options: Options,
        timeout: Duration,
    ) -> io::Result<Self> {
        let faults = Faults::with_error_body(reply::fault);
        let shared = Arc::new(Shared {
            store: RwLock::new(Arc::new(store)),
            clock,
            options,
            timeout,
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

    /// Changes the series. Queries that are being answered still see the old ones.
    pub fn update(&self, change: impl FnOnce(&mut Store)) {
        let mut store = self.shared.store.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut store));
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let read = |text: &'static str| get(move || async move { text });
    Router::new()
        .route("/api/v1/query", get(handlers::query).post(handlers::query))
        .route(
            "/api/v1/query_range",
            get(handlers::query_range).post(handlers::query_range),
        )
        .route("/api/v1/series", get(handlers::series).post(handlers::series))
        .route("/api/v1/labels", get(handlers::labels).post(handlers::labels))
        .route("/api/v1/label/{name}/values", get(handlers::label_values))
        .route("/api/v1/metadata", get(handlers::metadata))
        .route("/api/v1/status/buildinfo", get(handlers::build_info))
        .route("/-/ready", read("Prometheus Server is Ready.\n"))
        .route("/-/healthy", read("Prometheus Server is Healthy.\n"))
        .with_state(shared)
}

#[cfg(test)]
mod tests;
