//! The record of everything an agent does, reads included.

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::requests::Requested;

/// What an audit event records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditKind {
    /// A run began; `input` is what triggered it.
    RunStarted,
    /// A tool was called.
    Observe,
    /// Something was concluded; `reasoned` says what.
    Reason,
    /// A read or a write was refused; `decided` says by which rule.
    Refuse,
    /// A write was judged, and is going to be made unless a person says no; `input` holds all that it was judged by, so that the
    /// judgement can be made again.
    Intend,
    /// A person decided on a write; `decided` says how.
    Vote,
    /// A write was permitted. It is sent after this record and not before.
    Permit,
    /// What came of a write; `input` says how to take it back.
    Outcome,
    /// How the object of a write was a while after it.
    Watch,
    /// Guards were changed by a person or by what happened: the emergency stop, a circuit breaker.
    Guard,
    /// Requests were sent to an API server, besides those of tools, which are in the records of their calls.
    Requests,
    /// A report was handed to a sink.
    Deliver,
    /// A run ended.
    RunFinished,
    /// The emergency stop was engaged; the actor is who or what asked for it.
    Stop,
    /// The emergency stop was released; the actor is the person who did.
    Release,
}

/// A digest of what a call returned, with a short excerpt; both taken after redaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// SHA-256 of the JSON of the answer without secrets, with its fields in the order in which the tool writes them;
    /// hexadecimal.
    pub digest: String,
    /// Size of that JSON in bytes.
    pub bytes: u64,
    /// The beginning of it.
    pub excerpt: String,
}

/// One event to be recorded.
///
/// What came from outside is redacted before it gets here: the input, the answer, reasons and errors. Run, step, actor and
/// subject are names, and stand as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// When it happened.
    pub time: Timestamp,
    /// The run that it belongs to.
    pub run: String,
    /// The step of the run, where there is one.
    pub step: Option<String>,
    /// On whose behalf.
    pub actor: String,
    /// What happened.
    pub kind: AuditKind,
    /// Tool, action or sink by name.
    pub subject: String,
    /// Arguments, action or trigger.
    pub input: Value,
    /// What came back.
    pub observed: Option<Observed>,
    /// What was concluded.
    pub reasoned: Option<String>,
    /// What was decided, and by which rules.
    pub decided: Option<String>,
    /// Why it was done.
    pub why: String,
    /// The error's kind and text when it failed, and the texts of the errors beneath it.
    pub error: Option<String>,
    /// The requests that were sent to an API server for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requested>,
}

/// Proof that an event is on durable storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReceipt {
    /// Position in the log, from 0.
    pub sequence: u64,
    /// Hash of the record, hexadecimal; the next record contains it.
    pub hash: String,
}

/// An event could not be recorded; what it would have recorded must not be used or done.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot take records: {reason}; nothing is read or written until it can")]
pub struct AuditError {
    /// What went wrong.
    pub reason: String,
    /// The underlying error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Where audit events go.
///
/// `append` returns only after the record is durable. Records of one log have one order.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Records one event.
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError>;
}

/// A signed statement of how far a log goes and what its records are. Kept where the log's writer cannot reach, it shows
/// every later change of what was written before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// Which log: the first line of the note.
    pub origin: String,
    /// How many records it is about.
    pub size: u64,
    /// The whole statement with its signature: a signed note in the form of C2SP `tlog-checkpoint`, a few lines of text.
    pub note: String,
}

/// A checkpoint could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint could not be kept: {reason}")]
pub struct CheckpointError {
    /// What went wrong, and what to do.
    pub reason: String,
    /// The underlying error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A place outside the log where its checkpoints are kept.
///
/// Each later checkpoint covers what the earlier ones did. So a checkpoint that could not be kept is not given again: the
/// next one is. An implementer may be given the same checkpoint twice, keeps at least the newest, and may be dropped in the
/// middle of a call. Whoever calls sets a deadline.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait CheckpointSink: Send + Sync {
    /// Name of the place in warnings; never an address that is a secret.
    fn name(&self) -> &str;

    /// Keeps a checkpoint. It is there for good when this returns.
    async fn keep(&self, checkpoint: &SignedCheckpoint) -> Result<(), CheckpointError>;

    /// The newest checkpoint that is kept there; `None` when there is none, or when the place cannot be read back. A log that
    /// is opened again has to go on from it: so a log that was set back, or written anew, while the agent was down is found.
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, CheckpointError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_as_it_was() {
        let event = AuditEvent {
            time: "2026-03-01T10:00:00.123456789Z".parse().unwrap(),
            run: "run-1".to_owned(),
            step: None,
            actor: "agent".to_owned(),
            kind: AuditKind::RunStarted,
            subject: "incident".to_owned(),
            input: serde_json::json!({"a": [1, 0.1]}),
            observed: Some(Observed {
                digest: "ab".to_owned(),
                bytes: 2,
                excerpt: "{}".to_owned(),
            }),
            reasoned: None,
            decided: None,
            why: "alert".to_owned(),
            error: None,
            requests: None,
        };
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.contains(r#""kind":"run_started""#), "{text}");
        assert_eq!(serde_json::from_str::<AuditEvent>(&text).unwrap(), event);
    }

    #[tokio::test]
    async fn a_sink_can_be_handed_around() {
        let mut sink = MockCheckpointSink::new();
        sink.expect_keep()
            .withf(|checkpoint| checkpoint.size == 7)
            .times(1)
            .returning(|_| Ok(()));
        let sink: std::sync::Arc<dyn CheckpointSink> = std::sync::Arc::new(sink);
        let checkpoint = SignedCheckpoint {
            origin: "log".to_owned(),
            size: 7,
            note: String::new(),
        };
        tokio::spawn(async move { sink.keep(&checkpoint).await.unwrap() })
            .await
            .unwrap();
    }

    #[test]
    fn an_error_says_what_follows_from_it() {
        let error = AuditError {
            reason: "the disk is full".to_owned(),
            source: None,
        };
        assert_eq!(
            error.to_string(),
            "the audit log cannot take records: the disk is full; nothing is read or written until it can"
        );
    }
}
