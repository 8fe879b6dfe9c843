//! What is done again and again on nobody's behalf.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{Requested, Requests};
use crate::audit::{AuditError, AuditKind, AuditReceipt};
use crate::gate::{Entry, Gate, Scope};

/// The run that chores are recorded under.
const RUN: &str = "chores";

/// How much time one record is about.
const EVERY: Duration = Duration::from_secs(300);

/// How many requests one record is about.
const MOST: u64 = 1_000;

/// How long the log is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that an agent asks of an API server again and again while it runs, and not for a run: it renews a lease, it looks
/// whether people ask it to stop.
///
/// Before the first request a record says by which name all of them can be known. Then one record tells of all requests of five
/// minutes, or of a thousand if there are more: a lease that is renewed every two seconds would fill the log otherwise, and bury
/// what matters. After a crash the requests of the last minutes are known by the name.
///
/// That the log takes no records holds up no chore: the emergency stop is looked at all the same, and nothing is written without
/// the log. What could not be recorded is recorded when it can be.
///
/// Clones are the same one.
#[derive(Clone)]
pub struct Chore(Arc<Parts>);

struct Parts {
    gate: Gate,
    actor: String,
    subject: String,
    why: String,
    requests: Requests,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the requests that are in no record yet began. `None` before the first one.
    since: Option<Timestamp>,
    /// What is to be recorded.
    queue: VecDeque<Option<Requested>>,
    /// The record that is being written: the first of the queue.
    writing: Option<JoinHandle<Result<AuditReceipt, AuditError>>>,
}

impl fmt::Debug for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chore").field(&self.0.subject).finish()
    }
}

impl Chore {
    pub(crate) fn new(gate: Gate, name: String, actor: &str, subject: &str, why: &str) -> Self {
        Self(Arc::new(Parts {
            gate,
            actor: actor.to_owned(),
            subject: subject.to_owned(),
            why: why.to_owned(),
            requests: Requests::named(name),
            state: Mutex::default(),
        }))
    }

    /// For the context of the next call. Call it before each: that is when records are written.
    pub async fn requests(&self) -> Requests {
        if tokio::time::timeout(PATIENCE, self.keep_up()).await.is_err() {
            tracing::warn!(chore = self.0.subject, "the audit log takes its time");
        }
        self.0.requests.clone()
    }

    async fn keep_up(&self) {
        let mut state = self.0.state.lock().await;
        let now = self.0.gate.clock().now();
        match state.since {
            None => {
                state.since = Some(now);
                state.queue.push_back(None);
                self.write(&mut state);
                self.written(&mut state).await;
            }
            Some(since) => {
                let passed = now.duration_since(since).unsigned_abs();
                if passed >= EVERY || self.0.requests.waiting() >= MOST {
                    state.since = Some(now);
                    self.queue(&mut state);
                }
                if state.writing.as_ref().is_some_and(JoinHandle::is_finished) {
                    self.written(&mut state).await;
                }
                self.write(&mut state);
            }
        }
    }

    /// Records what is in no record yet: at the end of the agent, or where somebody wants to read it.
    ///
    /// # Errors
    /// When the log does not take it. It is tried again with the next call.
    pub async fn record(&self) -> Result<(), AuditError> {
        let mut state = self.0.state.lock().await;
        self.queue(&mut state);
        state.since = state.since.map(|_| self.0.gate.clock().now());
        while !state.queue.is_empty() {
            self.write(&mut state);
            if let Some(error) = self.written(&mut state).await {
                return Err(error);
            }
        }
        Ok(())
    }

    fn queue(&self, state: &mut State) {
        let taken = self.0.requests.take().map(Requested::parts);
        state.queue.extend(taken.into_iter().flatten().map(Some));
    }

    /// Begins to write the first record of the queue, unless one is being written.
    fn write(&self, state: &mut State) {
        if state.writing.is_some() {
            return;
        }
        let Some(next) = state.queue.front().cloned() else {
            return;
        };
        let parts = Arc::clone(&self.0);
        state.writing = Some(tokio::spawn(async move {
            let scope = Scope {
                run: RUN.to_owned(),
                step: None,
                actor: parts.actor.clone(),
                deadline: Timestamp::MAX,
                cancel: Default::default(),
            };
            let name = Requested {
                name: parts.requests.name().to_owned(),
                ..Requested::default()
            };
            let entry = Entry::new(AuditKind::Requests, &parts.subject, &parts.why)
                .with_requests(next.unwrap_or(name));
            parts.gate.record(&scope, entry).await
        }));
    }

    /// Waits for the record that is being written.
    async fn written(&self, state: &mut State) -> Option<AuditError> {
        let outcome = match state.writing.as_mut() {
            Some(writing) => writing.await,
            None => return None,
        };
        state.writing = None;
        let error = match outcome {
            Ok(Ok(_)) => {
                state.queue.pop_front();
                return None;
            }
            Ok(Err(error)) => error,
            Err(error) => AuditError {
                reason: "the recording was interrupted".to_owned(),
                source: Some(Box::new(error)),
            },
        };
        tracing::warn!(
            chore = self.0.subject,
            error = &error as &dyn std::error::Error,
            "requests are not recorded yet"
        );
        Some(error)
    }
}
