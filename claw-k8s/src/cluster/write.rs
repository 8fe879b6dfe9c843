//! Writes, as requests. [`apply`](crate::apply) makes them with a permit, and [`approval`](crate::approval) those that ask people
//! for one.

use serde_json::Value;

use super::Resource;

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteVerb {
    /// A JSON merge patch.
    Patch,
    /// A new object.
    Create,
    /// A deletion, with preconditions.
    Delete,
    /// An eviction, with preconditions.
    Evict,
    /// A JSON merge patch of the status alone.
    PatchStatus,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WriteRequest {
    pub(crate) verb: WriteVerb,
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) body: Value,
    /// Whether it only tells what would come of it.
    pub(crate) dry_run: bool,
    /// By which the server's audit log is to have it, where that follows from a permit.
    pub(crate) id: Option<String>,
}

/// What the server answered to a write.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WriteAnswer {
    pub(crate) bytes: Vec<u8>,
    /// By which the server's audit log has it.
    pub(crate) audit_id: Option<String>,
    /// What it warned of. Untrusted text.
    pub(crate) warnings: Vec<String>,
}
