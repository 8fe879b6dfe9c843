//! The HTTP API over a [`Store`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Bytes;
use axum::extract::{Path, Query as Params, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::query::{Malformed, parsing};
use super::search::Search;
use super::store::{Document, Store};
use crate::faults::Faults;
use crate::loopback::Loopback;

/// An Elasticsearch on a free port of the loopback interface. It ends when it is dropped.
///
/// It answers `_search` and `_count` over all indices or those that are named. What a query asks for and this server
/// does not know is refused.
#[derive(Debug)]
pub struct Server {
    loopback: Loopback,
    faults: Faults,
    store: Arc<RwLock<Store>>,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(store: Store) -> io::Result<Self> {
        let faults = Faults::with_error_body(fault);
        let store = Arc::new(RwLock::new(store));
        let loopback = Loopback::serve(faults.layer(router(store.clone()))).await?;
        Ok(Self {
            loopback,
            faults,
            store,
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

    /// Changes the documents.
    pub fn update(&self, change: impl FnOnce(&mut Store)) {
        change(&mut self.store.write().unwrap_or_else(PoisonError::into_inner));
    }
}

type Shared = State<Arc<RwLock<Store>>>;
type Options = Params<BTreeMap<String, String>>;

fn router(store: Arc<RwLock<Store>>) -> Router {
    Router::new()
        .route("/", get(info))
        .route("/_search", get(search_all).post(search_all))
        .route("/_count", get(count_all).post(count_all))
        .route("/{index}/_search", get(search).post(search))
        .route("/{index}/_count", get(count).post(count))
        .with_state(store)
}

async fn info() -> Response {
    Json(json!({
        "name": "claw-testkit",
        "cluster_name": "simulated",
        "version": { "number": "8.15.0", "build_flavor": "default" },
        "tagline": "You Know, for Search",
    }))
    .into_response()
}

async fn search_all(store: Shared, options: Options, body: Bytes) -> Response {
    search(store, Path(String::new()), options, body).await
}

async fn count_all(store: Shared, options: Options, body: Bytes) -> Response {
    count(store, Path(String::new()), options, body).await
}

async fn search(State(store): Shared, Path(index): Path<String>, options: Options, body: Bytes) -> Response {
    over(&store, &index, &options, &body, |search, documents, store| {
        search.run(documents, &store.mapping)
    })
}

async fn count(State(store): Shared, Path(index): Path<String>, options: Options, body: Bytes) -> Response {
    over(&store, &index, &options, &body, |search, documents, store| {
        let count = search.count(documents, &store.mapping);
        json!({ "count": count, "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 } })
    })
}

fn over(
    store: &RwLock<Store>,
    index: &str,
    options: &BTreeMap<String, String>,
    body: &[u8],
    answer: impl FnOnce(&Search, Vec<&Document>, &Store) -> Value,
) -> Response {
    let body = if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(body).map_err(|error| parsing(error.to_string()))
    };
    let search = match body.and_then(|body| Search::parse(&body)) {
        Ok(search) => search,
        Err(Malformed { kind, reason }) => return error(StatusCode::BAD_REQUEST, kind, &reason),
    };
    let on = |name: &str| {
        options
            .get(name)
            .is_some_and(|value| value.is_empty() || value == "true")
    };
    let store = store.read().unwrap_or_else(PoisonError::into_inner);
    match store.documents(index, on("ignore_unavailable")) {
        Ok(documents) => Json(answer(&search, documents, &store)).into_response(),
        Err(missing) => error(
            StatusCode::NOT_FOUND,
            "index_not_found_exception",
            &format!("no such index [{missing}]"),
        ),
    }
}

fn error(status: StatusCode, kind: &str, reason: &str) -> Response {
    let cause = json!({ "type": kind, "reason": reason });
    let body = json!({
        "error": { "root_cause": [cause], "type": kind, "reason": reason },
        "status": status.as_u16(),
    });
    (status, Json(body)).into_response()
}

fn fault(status: StatusCode) -> Response {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        StatusCode::SERVICE_UNAVAILABLE => "cluster_block_exception",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "security_exception",
        _ => "exception",
    };
    error(status, kind, status.canonical_reason().unwrap_or("error"))
}
