//! Opening the audit log of a command.

use std::path::Path;
use std::sync::Arc;

use claw_core::audit::CheckpointSink;
use claw_core::clock::Clock;
use claw_guardrails::audit::checkpoint::FileSink;
use claw_guardrails::audit::{AuditSettings, FileAuditLog};

use crate::args::AuditLogArguments;
use crate::failure::Failure;

/// Opens the log at `path`, or begins it.
pub(crate) async fn open(
    path: &Path,
    given: &AuditLogArguments,
    clock: Arc<dyn Clock>,
) -> Result<Arc<FileAuditLog>, Failure> {
    let mut settings = AuditSettings::default().with_adopt_unsigned(given.audit_adopt_unsigned);
    settings.key_file.clone_from(&given.audit_key);
    settings.previous_keys.clone_from(&given.audit_previous_keys);
    let kept = given.audit_checkpoints.as_ref();
    let sinks = kept.map(|path| Arc::new(FileSink::new(path)) as Arc<dyn CheckpointSink>);
    let log = FileAuditLog::open_with(path, clock, settings, sinks.into_iter().collect()).await?;
    Ok(Arc::new(log))
}
