//! The stop is engaged at once, for good, and by whoever asks; only a person releases it.

mod sources;
mod switching;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use claw_core::audit::{AuditKind, AuditLog};
use claw_core::clock::ManualClock;
use claw_core::tool::ToolContext;
use jiff::Timestamp;

use super::*;
use crate::audit::MemoryAuditLog;

/// A folder for the mark, and what is recorded.
struct Place {
    folder: tempfile::TempDir,
    audit: Arc<MemoryAuditLog>,
    clock: Arc<ManualClock>,
}

fn place() -> Place {
    Place {
        folder: tempfile::tempdir().unwrap(),
        audit: Arc::new(MemoryAuditLog::default()),
        clock: Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)),
    }
}

impl Place {
    /// The switch of a process that has just started here.
    fn switch(&self) -> Switch {
        self.switch_with(Arc::<MemoryAuditLog>::clone(&self.audit))
    }

    fn switch_with(&self, audit: Arc<dyn AuditLog>) -> Switch {
        Switch::new(Stop::new(), self.folder.path(), audit, self.clock.clone())
    }

    fn marks(&self) -> MarkFile {
        MarkFile::new(self.folder.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was recorded of the stop, with who did it.
    fn recorded(&self) -> Vec<(AuditKind, String)> {
        self.audit
            .events()
            .into_iter()
            .map(|event| (event.kind, event.actor))
            .collect()
    }

    fn cx(&self) -> ToolContext {
        ToolContext::new(self.clock.clone(), Duration::from_secs(2))
    }
}

fn recorded(expected: &[(AuditKind, &str)]) -> Vec<(AuditKind, String)> {
    expected
        .iter()
        .map(|(kind, who)| (*kind, (*who).to_owned()))
        .collect()
}
