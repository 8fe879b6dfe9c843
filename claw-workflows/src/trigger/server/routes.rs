//! What is answered to each request.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use claw_core::store::{RunRecord, RunStatus};
use claw_core::workflow::RunId;
use serde::{Deserialize, Serialize};

use super::ServerState;
use super::error::Failure;
use crate::runtime::{Ended, RunnerError};
use crate::trigger::alertmanager;
use crate::trigger::intake::Receipt;

/// Most runs in one answer.
const MOST_RUNS: u32 = 500;

pub(super) async fn alertmanager(
    State(state): State<ServerState>,
    request: Request,
) -> Result<(StatusCode, Json<Receipt>), Failure> {
    let body = async {
        let body = Bytes::from_request(request, &()).await;
        body.map_err(|rejection| unreadable(&state, &rejection))
    };
    let body = within(&state, StatusCode::REQUEST_TIMEOUT, body).await?;
    let answer = async {
        let webhook = alertmanager::parse(&body)?;
        let receipt = state.0.intake.accept(webhook).await?;
        Ok((StatusCode::ACCEPTED, Json(receipt)))
    };
    in_time(&state, answer).await
}

fn unreadable(state: &ServerState, rejection: &BytesRejection) -> Failure {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body",
            format!("the body is longer than {} bytes", state.0.settings.body_bytes),
            "set max_alerts in Alertmanager's webhook_config, or raise body_bytes",
        );
    }
    Failure::new(
        StatusCode::BAD_REQUEST,
        "body",
        "the body ended before it was whole",
        "send it again",
    )
}

/// Which runs to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    status: Option<RunStatus>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Runs {
    runs: Vec<RunRecord>,
}

pub(super) async fn runs(
    State(state): State<ServerState>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Runs>, Failure> {
    let Query(which) = which.map_err(|error| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            "query",
            error.body_text(),
            "ask for ?status=queued|running|waiting|done|failed|cancelled&limit=50",
        )
    })?;
    let limit = which.limit.unwrap_or(50).min(MOST_RUNS);
    let answer = async {
        let journal = state.0.intake.runner().journal();
        let runs = journal
            .runs(which.status, limit)
            .await
            .map_err(RunnerError::from)?;
        Ok(Json(Runs { runs }))
    };
    in_time(&state, answer).await
}

pub(super) async fn run(
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<Ended>, Failure> {
    let answer = async {
        let run = state.0.intake.runner().look(&RunId(id)).await?;
        run.map(Json).ok_or_else(|| {
            Failure::new(
                StatusCode::NOT_FOUND,
                "path",
                "there is no such run",
                "see /runs for those that there are",
            )
        })
    };
    in_time(&state, answer).await
}

pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

pub(super) async fn readyz(State(state): State<ServerState>) -> Response {
    let answer = async {
        let journal = state.0.intake.runner().journal();
        let readable = journal.runs(None, 1).await;
        readable.map_err(|error| Failure {
            status: StatusCode::SERVICE_UNAVAILABLE,
            ..Failure::from(RunnerError::from(error))
        })?;
        Ok("ok\n")
    };
    in_time(&state, answer).await.into_response()
}

pub(super) async fn not_found() -> Failure {
    Failure::new(
        StatusCode::NOT_FOUND,
        "path",
        "there is nothing here",
        "send notifications to POST /webhook/alertmanager, and read GET /runs",
    )
}

pub(super) async fn method_not_allowed() -> Failure {
    Failure::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "this path does not answer to that method",
        "send notifications to POST /webhook/alertmanager, and read GET /runs",
    )
}

/// The answer, if the journal gives it in time.
async fn in_time<T>(
    state: &ServerState,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    within(state, StatusCode::SERVICE_UNAVAILABLE, answer).await
}

async fn within<T>(
    state: &ServerState,
    late: StatusCode,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let timeout = state.0.settings.timeout;
    tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
        Err(Failure::new(
            late,
            "request",
            format!("the request took longer than {timeout:?}"),
            "send it again",
        ))
    })
}
