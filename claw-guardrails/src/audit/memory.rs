//! The audit log in memory.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt};
use jiff::Timestamp;

use super::chain::Chain;
use super::file::canonical_event;
use super::head::Head;

/// An audit log that lasts as long as its process: for tests and replays. Its chain is that of the file.
///
/// Two runs that record the same events have the same log, byte for byte.
#[derive(Debug)]
pub struct MemoryAuditLog(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Chain,
    text: String,
    events: Vec<AuditEvent>,
}

impl MemoryAuditLog {
    /// An empty log named `log`, begun at `created`.
    pub fn new(log: impl Into<String>, created: Timestamp) -> Self {
        let (chain, text, _) = Chain::begin(created, &log.into(), "");
        Self(Mutex::new(Inner {
            chain,
            text,
            events: Vec::new(),
        }))
    }

    /// Everything recorded so far, in order.
    pub fn events(&self) -> Vec<AuditEvent> {
        self.inner().events.clone()
    }

    /// The log as the file would have it.
    pub fn text(&self) -> String {
        self.inner().text.clone()
    }

    /// How far the log goes.
    pub fn head(&self) -> Head {
        self.inner().chain.head()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryAuditLog {
    /// An empty log named `memory`, begun at the epoch.
    fn default() -> Self {
        Self::new("memory", Timestamp::UNIX_EPOCH)
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        let text = canonical_event(&event)?;
        let mut inner = self.inner();
        let (line, receipt) = inner.chain.link_event(&text);
        inner.text.push_str(&line);
        inner.events.push(event);
        Ok(receipt)
    }
}
