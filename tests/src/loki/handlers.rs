//! One function for each endpoint.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::logql::{LogQuery, Matcher};
use super::params::{BadRequest, Params};
use super::server::Shared;
use super::store::Store;
use crate::prometheus::Labels;

type Answer = Result<Response, BadRequest>;

/// How far back a query without a start reaches.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How far back a question for labels without a start reaches.
const SIX_HOURS: Duration = Duration::from_secs(6 * 60 * 60);

fn read(shared: &Shared) -> RwLockReadGuard<'_, Store> {
    shared.store.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn query_range(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let span = params.span(shared.now(), HOUR)?;
    let limit = params.limit()?;
    let direction = params.direction()?;
    let query = LogQuery::parse(params.get("query").unwrap_or_default())?;
    let found = read(&shared).search(&query, span, direction, limit);
    let returned: usize = found.iter().map(|stream| stream.entries.len()).sum();
    let result: Vec<_> = found
        .into_iter()
        .map(|stream| {
            let values: Vec<_> = stream
                .entries
                .iter()
                .map(|(time, line)| [time.to_string(), line.to_string()])
                .collect();
            json!({ "stream": stream.labels, "values": values })
        })
        .collect();
    Ok(Json(json!({
        "status": "success",
        "data": {
            "resultType": "streams",
            "result": result,
            "stats": { "summary": { "totalEntriesReturned": returned } },
        },
    }))
    .into_response())
}

pub(super) async fn query(State(_): State<Arc<Shared>>, params: Params) -> Answer {
    LogQuery::parse(params.get("query").unwrap_or_default())?;
    Err(BadRequest(
        "log queries are not supported as an instant query type, please change your query to a range query type"
            .to_owned(),
    ))
}

pub(super) async fn labels(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let found = streams(&shared, &params, params.get("query").into_iter().collect())?;
    let names: BTreeSet<&str> = found
        .iter()
        .flat_map(|labels| labels.iter().map(|(name, _)| name))
        .collect();
    Ok(list(&names))
}

pub(super) async fn label_values(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let found = streams(&shared, &params, params.get("query").into_iter().collect())?;
    let values: BTreeSet<&str> = found
        .iter()
        .map(|labels| labels.get(&name))
        .filter(|v| !v.is_empty())
        .collect();
    Ok(list(&values))
}

pub(super) async fn series(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let found = streams(&shared, &params, params.all(&["match[]", "match"]).collect())?;
    Ok(success(found))
}

/// The streams that one of the selectors accepts and that have lines in the given time.
fn streams(shared: &Shared, params: &Params, selectors: Vec<&str>) -> Result<BTreeSet<Labels>, BadRequest> {
    let span = params.span(shared.now(), SIX_HOURS)?;
    let mut wanted: Vec<Vec<Matcher>> = selectors
        .into_iter()
        .map(LogQuery::parse_selector)
        .collect::<Result<_, _>>()?;
    if wanted.is_empty() {
        wanted.push(Vec::new());
    }
    let store = read(shared);
    Ok(wanted
        .iter()
        .flat_map(|matchers| store.streams(matchers, span))
        .cloned()
        .collect())
}

/// Names or values. Of none there is no `data`.
fn list(names: &BTreeSet<&str>) -> Response {
    if names.is_empty() {
        return Json(json!({ "status": "success" })).into_response();
    }
    success(names)
}

fn success(data: impl Serialize) -> Response {
    Json(json!({ "status": "success", "data": data })).into_response()
}

pub(super) async fn push(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(BadRequest(
            "not supported by the simulated Loki: pushing anything but JSON".to_owned(),
        ));
    }
    let mut store = shared.store.write().unwrap_or_else(PoisonError::into_inner);
    super::push::push(&mut store, &body)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
