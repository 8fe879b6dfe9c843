//! What people are told, in the agent's own log.

use async_trait::async_trait;
use claw_guardrails::pipeline::{Notice, Noticed, Notices};

/// Writes each notice into the log, as a warning where somebody should look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged;

#[async_trait]
impl Notices for Logged {
    async fn tell(&self, notice: &Notice) {
        let (run, text) = (&notice.run, &notice.text);
        match notice.what {
            Noticed::Applied | Noticed::Asked => tracing::info!(run, "{text}"),
            _ => tracing::warn!(run, "{text}"),
        }
    }
}
