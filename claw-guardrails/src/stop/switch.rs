//! Engages and releases the stop so that it lasts and is known.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use claw_core::audit::{AuditError, AuditEvent, AuditKind, AuditLog};
use claw_core::clock::Clock;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::mark::{Mark, MarkError, MarkFile, Order, words};
use super::state::Stop;

/// What records of the stop are about, in place of a run.
const RUN: &str = "emergency-stop";

/// The emergency stop was not engaged for good, or not released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// Nothing to release.
    #[error("the emergency stop is not engaged")]
    NotEngaged,
    /// Nobody takes responsibility.
    #[error("say who releases the emergency stop, and why the agent may go on")]
    Anonymous,
    /// Somebody still asks for it.
    #[error("{source_name} still asks for the emergency stop; take that away first")]
    StillAsked {
        /// Who or what.
        source_name: String,
    },
    /// The stop is another than the one that was to be released.
    #[error("the emergency stop was engaged anew since by {by}; look at its reason before it is released")]
    EngagedAnew {
        /// By whom.
        by: String,
    },
    /// The mark failed. The stop is engaged as long as the process runs.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// It could not be recorded: a stop that is engaged stands all the same, and none is released.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The process is ending.
    #[error("the agent is ending; see how the emergency stop stands when it runs again")]
    Ending,
}

/// How the stop stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Why it is engaged; `None` where it is not.
    pub engaged: Option<String>,
    /// The mark, with who engaged it and when.
    pub mark: Option<Mark>,
    /// Places of which it is not known whether they ask for it, with the reason: meanwhile nothing is written.
    pub blind: BTreeMap<String, String>,
}

/// Engages and releases a [`Stop`]: in memory at once, for good by a mark beside the journal, and in the audit log.
///
/// Clones share everything.
#[derive(Clone)]
pub struct Switch(Arc<Inner>);

struct Inner {
    stop: Stop,
    marks: MarkFile,
    audit: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    /// What is in memory and what is on disk change together.
    change: Mutex<()>,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch")
            .field("stop", &self.0.stop)
            .field("marks", &self.0.marks)
            .finish_non_exhaustive()
    }
}

impl Switch {
    /// A switch for `stop`, whose mark is kept in `folder`.
    pub fn new(
        stop: Stop,
        folder: impl Into<PathBuf>,
        audit: Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner {
            stop,
            marks: MarkFile::new(folder),
            audit,
            clock,
            change: Mutex::new(()),
        }))
    }

    /// The stop.
    pub fn stop(&self) -> &Stop {
        &self.0.stop
    }

    /// How the stop stands.
    ///
    /// # Errors
    /// [`SwitchError::Mark`] if the mark cannot be read.
    pub async fn status(&self) -> Result<Status, SwitchError> {
        let mark = self.files(|marks| marks.read()).await?;
        Ok(Status {
            engaged: self.0.stop.reason(),
            mark,
            blind: self.0.stop.blind(),
        })
    }

    /// Engages the stop on behalf of `by`. In memory it is engaged before this returns for the first time, whatever fails
    /// afterwards. Where it is engaged already the first reason stands, and a mark that is missing is left.
    ///
    /// # Errors
    /// [`SwitchError::Mark`] where it would not survive a restart, [`SwitchError::Audit`] where it is not recorded.
    pub async fn engage(&self, by: &str, reason: &str) -> Result<(), SwitchError> {
        let mark = Mark::new(self.0.clock.now(), by, reason);
        let first = self.0.stop.engage(mark.line());
        // Not broken off where the caller goes away.
        self.apart(move |inner| async move { inner.keep(first, mark).await })
            .await
    }

    /// Releases the stop on behalf of a person, and records it before it is done.
    ///
    /// # Errors
    /// [`SwitchError`] says why it stays engaged.
    pub async fn release(&self, by: &str, reason: &str) -> Result<Mark, SwitchError> {
        let (by, reason) = (words(by), words(reason));
        self.apart(move |inner| async move { inner.release(by, reason, None).await })
            .await
    }

    /// Takes up what is on disk: engages where there is a mark, leaves one where it is missing, and does what a person has
    /// ordered. To be called before anything else is done, and then again and again.
    ///
    /// # Errors
    /// [`SwitchError::Mark`] if it cannot be read or left.
    pub async fn take_up(&self) -> Result<(), SwitchError> {
        self.apart(move |inner| async move { inner.take_up().await })
            .await
    }

    /// Records that nothing is written because of a place that cannot be looked at.
    pub(super) async fn record_blind(&self, source: &str, reason: &str) {
        let event = AuditEvent {
            decided: Some("nothing is written until it can be looked at again".to_owned()),
            ..self.0.event(AuditKind::Refuse, source, words(reason))
        };
        if let Err(error) = self.0.audit.append(event).await {
            tracing::error!(%error, "that a place cannot be looked at for the emergency stop is not recorded");
        }
    }

    async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&MarkFile) -> Result<T, MarkError> + Send + 'static,
    ) -> Result<T, SwitchError> {
        self.0.files(work).await
    }

    async fn apart<T, F, Fut>(&self, work: F) -> Result<T, SwitchError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>) -> Fut,
        Fut: Future<Output = Result<T, SwitchError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(&self.0))).await;
        done.unwrap_or(Err(SwitchError::Ending))
    }
}

impl Inner {
    /// Leaves a mark, and records it where the stop was not engaged before.
    async fn keep(&self, first: bool, mark: Mark) -> Result<(), SwitchError> {
        let _changing = self.change.lock().await;
        let left = self.leave(mark.clone()).await;
        if first {
            tracing::warn!(
                by = mark.by,
                reason = mark.reason,
                "the emergency stop is engaged"
            );
            // Also where the mark failed: the more it has to be known.
            self.audit
                .append(self.event(AuditKind::Stop, &mark.by, mark.reason))
                .await?;
        }
        left
    }

    /// Leaves a mark, unless there is one.
    async fn leave(&self, mark: Mark) -> Result<(), SwitchError> {
        self.files(move |marks| match marks.read()? {
            Some(_) => Ok(()),
            None => marks.write(&mark),
        })
        .await
    }

    async fn release(&self, by: String, reason: String, seen: Option<Mark>) -> Result<Mark, SwitchError> {
        let _changing = self.change.lock().await;
        if by.is_empty() || reason.is_empty() {
            return Err(SwitchError::Anonymous);
        }
        let mark = self.files(|marks| marks.read()).await?;
        let mark = match (mark, self.stop.reason()) {
            (Some(mark), _) => mark,
            (None, Some(reason)) => Mark {
                since: self.clock.now(),
                by: "this process".to_owned(),
                reason,
            },
            (None, None) => return Err(SwitchError::NotEngaged),
        };
        if seen.is_some_and(|seen| seen != mark) {
            return Err(SwitchError::EngagedAnew { by: mark.by });
        }
        if let Some(source_name) = self.stop.asking() {
            return Err(SwitchError::StillAsked { source_name });
        }
        let event = AuditEvent {
            input: json!({"engaged": mark}),
            ..self.event(AuditKind::Release, &by, reason)
        };
        self.audit.append(event.clone()).await?;
        if let Err(error) = self.files(|marks| marks.remove()).await {
            let event = AuditEvent {
                error: Some(format!("it stays engaged: {error}")),
                ..event
            };
            self.audit.append(event).await?;
            return Err(error);
        }
        self.stop.release();
        tracing::warn!(by, "the emergency stop is released");
        Ok(mark)
    }

    async fn take_up(&self) -> Result<(), SwitchError> {
        self.compare().await?;
        let Some(order) = self
            .files(|marks| marks.order())
            .await?
            .filter(|order| order.refused.is_none())
        else {
            return Ok(());
        };
        let (by, reason) = (words(&order.by), words(&order.reason));
        let released = self.release(by, reason, Some(order.mark.clone())).await;
        match released {
            Ok(_) => self.files(|marks| marks.take_back()).await,
            Err(error) => {
                tracing::warn!(%error, by = order.by, "the emergency stop is not released");
                let refused = Some(error.to_string());
                self.files(move |marks| marks.give(&Order { refused, ..order }))
                    .await
            }
        }
    }

    /// Engaged in memory and a mark on disk, or neither.
    async fn compare(&self) -> Result<(), SwitchError> {
        let _changing = self.change.lock().await;
        let mark = self.files(|marks| marks.read()).await?;
        match (mark, self.stop.reason()) {
            (Some(mark), None) => {
                self.stop.engage(mark.line());
                tracing::warn!(
                    by = mark.by,
                    reason = mark.reason,
                    "the emergency stop is engaged"
                );
                let event = AuditEvent {
                    // A restart, or a person with the command, and no place that was looked at.
                    input: json!({"found": mark}),
                    ..self.event(AuditKind::Stop, &mark.by, mark.reason)
                };
                self.audit.append(event).await?;
                Ok(())
            }
            (None, Some(reason)) => {
                let mark = Mark {
                    since: self.clock.now(),
                    by: "this process".to_owned(),
                    reason,
                };
                self.leave(mark).await
            }
            _ => Ok(()),
        }
    }

    fn event(&self, kind: AuditKind, by: &str, why: String) -> AuditEvent {
        AuditEvent {
            time: self.clock.now(),
            run: RUN.to_owned(),
            step: None,
            actor: by.to_owned(),
            kind,
            subject: "emergency stop".to_owned(),
            input: json!({}),
            observed: None,
            reasoned: None,
            decided: None,
            why,
            error: None,
            requests: None,
        }
    }

    async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&MarkFile) -> Result<T, MarkError> + Send + 'static,
    ) -> Result<T, SwitchError> {
        let marks = self.marks.clone();
        match tokio::task::spawn_blocking(move || work(&marks)).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(SwitchError::Ending),
        }
    }
}
