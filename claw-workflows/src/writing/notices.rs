//! Tells people of what was done, in channels that are configured.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use claw_core::clock::Clock;
use claw_core::digest::sha256;
use claw_core::execute::ActionId;
use claw_core::outside::Notification;
use claw_core::tool::ToolContext;
use claw_guardrails::pipeline::{Notice, Notices};

use crate::deliver::untrusted;
use crate::outside::Provider;

/// How long one message may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Letters of the name that a message goes by.
const ID_LETTERS: usize = 32;

/// Sends each notice to every channel, on tasks of its own. One that could not be sent is logged; it is in the audit log anyway.
#[derive(Clone, Debug)]
pub struct ChannelNotices {
    channels: Vec<(String, Arc<dyn Provider<Notification>>)>,
    clock: Arc<dyn Clock>,
}

impl ChannelNotices {
    /// Notices to these channels, each with its name.
    pub fn new(channels: Vec<(String, Arc<dyn Provider<Notification>>)>, clock: Arc<dyn Clock>) -> Self {
        Self { channels, clock }
    }
}

#[async_trait]
impl Notices for ChannelNotices {
    async fn tell(&self, notice: &Notice) {
        let said = format!("claw, run {}: {}", notice.run, notice.text);
        let notification = Notification {
            text: untrusted::neutral(&said),
        };
        // The same notice goes by the same name.
        let name = sha256(format!("{:?}\n{said}", notice.what));
        let id = ActionId(name.chars().take(ID_LETTERS).collect());
        for (channel, provider) in self.channels.clone() {
            let (notification, id) = (notification.clone(), id.clone());
            let cx = ToolContext::new(Arc::clone(&self.clock), PATIENCE);
            tokio::spawn(async move {
                let sent = tokio::time::timeout(PATIENCE, provider.send(&cx, &notification, &id)).await;
                match sent {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, channel, "people could not be told");
                    }
                    Err(_) => tracing::warn!(channel, "people could not be told in time"),
                }
            });
        }
    }
}
