//! The middleware that carries the rules out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};

use super::log::Exchange;
use super::{Fault, Faults};

/// A larger request body is refused, so that a broken client cannot fill the memory.
const MAX_REQUEST_BYTES: usize = 32 << 20;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>;

pub(super) async fn answer(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let in_flight = faults.0.log.enter();
    let (mut head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    let plan = faults.plan(&head.method, head.uri.path(), &query);
    let mut headers = head.headers.clone();
    if let Some(value) = headers.get_mut(AUTHORIZATION) {
        value.set_sensitive(true);
    }
    let (ticket, sent) = faults.0.log.open(Exchange {
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        query,
        headers,
        body: body.clone(),
        status: None,
        sent: 0,
        fault: plan.fault.clone(),
    });
    if !plan.latency.is_zero() {
        tokio::time::sleep(plan.latency).await;
    }
    if plan.switches != super::Switches::default() {
        head.extensions.insert(plan.switches);
    }
    let request = Request::from_parts(head, Body::from(body));
    let response = match plan.fault {
        Some(fault) => carry_out(&faults, fault, request, next).await,
        None => run(request, next).await,
    };
    faults.0.log.answered(ticket, response.status());
    response.map(|body| counted(body, sent, in_flight))
}

async fn carry_out(faults: &Faults, fault: Fault, request: Request, next: Next) -> Response {
    match fault {
        Fault::Latency(_) | Fault::Switch(_) => run(request, next).await,
        Fault::Hang => std::future::pending().await,
        Fault::Status { code, retry_after } => {
            let mut response = (faults.0.error_body)(code);
            if let Some(wait) = retry_after {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
            }
            response
        }
        Fault::StatusAfterEffect(code) => {
            next.run(request).await;
            (faults.0.error_body)(code)
        }
        Fault::Cut { after_bytes } => run(request, next).await.map(|body| cut(body, after_bytes)),
        Fault::Malformed => {
            let mut response = run(request, next).await;
            response.headers_mut().remove(CONTENT_LENGTH);
            response.map(halve)
        }
        Fault::Trickle { bytes, pause } => run(request, next)
            .await
            .map(|body| trickle(body, bytes.max(1), pause)),
        Fault::Replace { content_type, body } => ([(CONTENT_TYPE, content_type)], body).into_response(),
    }
}

/// Runs the handler and writes down the length of a body that is known, which a wrapped body can no longer tell.
async fn run(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert(HeaderValue::from(length));
    }
    response
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

fn counted(body: Body, sent: Arc<AtomicU64>, in_flight: super::log::InFlight) -> Body {
    let chunks = body.into_data_stream().inspect(move |chunk| {
        // The body holds the guard: a request is in flight until its last byte.
        let _ = &in_flight;
        if let Ok(chunk) = chunk {
            sent.fetch_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    });
    Body::from_stream(chunks)
}

/// Lets `limit` bytes pass, then fails the body, upon which the server closes the connection.
fn cut(body: Body, limit: usize) -> Body {
    let chunks: Chunks = Box::pin(body.into_data_stream());
    Body::from_stream(stream::unfold(Some((chunks, limit)), |state| async move {
        let (mut chunks, left) = state?;
        let next = if left == 0 { None } else { chunks.next().await };
        match next {
            Some(Ok(mut chunk)) => {
                chunk.truncate(left);
                let left = left.saturating_sub(chunk.len());
                Some((Ok(chunk), Some((chunks, left))))
            }
            _ => {
                // Gives the connection a turn to send what came before.
                tokio::task::yield_now().await;
                Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
            }
        }
    }))
}

fn halve(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().take(1).map(|chunk| {
        chunk.map(|mut bytes| {
            bytes.truncate(bytes.len() / 2);
            bytes
        })
    }))
}

fn trickle(body: Body, bytes: usize, pause: Duration) -> Body {
    let chunks: Chunks = Box::pin(body.into_data_stream());
    Body::from_stream(stream::unfold(
        (chunks, Bytes::new()),
        move |(mut chunks, mut rest)| async move {
            if rest.is_empty() {
                match chunks.next().await? {
                    Ok(chunk) => rest = chunk,
                    Err(error) => return Some((Err(error), (chunks, rest))),
                }
            }
            let piece = rest.split_to(bytes.min(rest.len()));
            tokio::time::sleep(pause).await;
            Some((Ok(piece), (chunks, rest)))
        },
    ))
}
