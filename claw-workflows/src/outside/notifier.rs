//! Sends messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::Permit;
use claw_core::outside::{Notification, Outside};
use claw_core::tool::ToolContext;

use super::perform::{Provider, dry_run, malformed, perform, unsound};

/// Performs actions that send a message, to the channels that it was given and to no others.
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    channels: BTreeMap<String, Arc<dyn Provider<Notification>>>,
}

impl Notifier {
    /// A notifier without channels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a channel. Of two with one name the later one stands.
    #[must_use]
    pub fn channel(mut self, name: impl Into<String>, provider: Arc<dyn Provider<Notification>>) -> Self {
        self.channels.insert(name.into(), provider);
        self
    }

    /// Names of its channels.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    fn of(&self, action: &Action) -> Result<(&dyn Provider<Notification>, Notification), ExecuteError> {
        match Outside::of(action) {
            Ok(Some(Outside::Notification {
                channel,
                notification,
            })) => match self.channels.get(&channel) {
                Some(provider) => Ok((&**provider, notification)),
                None => Err(malformed(
                    action,
                    "no channel of that name is configured; configure it, or name another",
                )),
            },
            Ok(_) => Err(unsound(action, None)),
            Err(error) => Err(unsound(action, Some(error))),
        }
    }
}

#[async_trait]
impl Executor for Notifier {
    async fn rights(&self, _cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        // What is configured may be used; what its credentials may do is for the dry run to find out.
        self.of(action).map(|_| Rights::Granted)
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        let (provider, notification) = self.of(action)?;
        dry_run(provider, cx, action, &notification).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let (provider, notification) = self.of(action)?;
        perform(provider, cx, permit, action, &notification).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        let (provider, _) = self.of(action)?;
        let standing = provider.standing(cx, id).await;
        standing.map_err(|error| error.about(action))
    }
}
