//! Performs what is sent outside the cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::action::Action;
use claw_core::canonical::for_digest;
use claw_core::digest::sha256;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::Permit;
use claw_core::outside::{Notification, Outside, PipelineRun};
use claw_core::tool::ToolContext;

use super::inputs::{self, Inputs};
use super::perform::{Provider, malformed};

/// What is sent outside by a [`Sender`].
pub trait Content: fmt::Debug + Send + Sync + Sized {
    /// What an operator says of a place about what may be sent there.
    type Terms: Clone + fmt::Debug + Send + Sync;
    /// What places are called.
    const PLACE: &'static str;

    /// The place and the content, where an action is about this.
    fn of(outside: Outside) -> Option<(String, Self)>;

    /// Whether it may be sent to a place. The error says why not.
    fn check(&self, terms: &Self::Terms) -> Result<(), String>;
}

impl Content for Notification {
    type Terms = ();
    const PLACE: &'static str = "channel";

    fn of(outside: Outside) -> Option<(String, Self)> {
        match outside {
            Outside::Notification {
                channel,
                notification,
            } => Some((channel, notification)),
            _ => None,
        }
    }

    fn check(&self, (): &()) -> Result<(), String> {
        Ok(())
    }
}

impl Content for PipelineRun {
    type Terms = Inputs;
    const PLACE: &'static str = "pipeline";

    fn of(outside: Outside) -> Option<(String, Self)> {
        match outside {
            Outside::PipelineRun { pipeline, run } => Some((pipeline, run)),
            _ => None,
        }
    }

    fn check(&self, declared: &Inputs) -> Result<(), String> {
        // Also here: the action may come from elsewhere than from the tool.
        inputs::check(declared, self)
    }
}

/// Performs actions that send one sort of content, to the places that it was given and to no others.
#[derive(Clone, Debug)]
pub struct Sender<C: Content> {
    places: BTreeMap<String, Place<C>>,
}

/// Where content of a sort goes, and what it takes there.
#[derive(Clone, Debug)]
struct Place<C: Content> {
    terms: C::Terms,
    provider: Arc<dyn Provider<C>>,
}

/// Performs actions that send a message, to the channels that it was given and to no others.
pub type Notifier = Sender<Notification>;

/// Performs actions that start a pipeline: those that it was given, with the inputs that they declare, and no others.
pub type PipelineTrigger = Sender<PipelineRun>;

impl<C: Content> Default for Sender<C> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
        }
    }
}

impl Notifier {
    /// Adds a channel. Of two with one name the later one stands.
    #[must_use]
    pub fn channel(self, name: impl Into<String>, provider: Arc<dyn Provider<Notification>>) -> Self {
        self.place(name.into(), (), provider)
    }
}

impl PipelineTrigger {
    /// Adds a pipeline and the inputs that it takes. Of two with one name the later one stands.
    #[must_use]
    pub fn pipeline(
        self,
        name: impl Into<String>,
        inputs: Inputs,
        provider: Arc<dyn Provider<PipelineRun>>,
    ) -> Self {
        self.place(name.into(), inputs, provider)
    }
}

impl<C: Content> Sender<C> {
    /// One without places.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names of its channels or pipelines.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    fn place(mut self, name: String, terms: C::Terms, provider: Arc<dyn Provider<C>>) -> Self {
        self.places.insert(name, Place { terms, provider });
        self
    }

    /// Where an action goes, and with what.
    fn of(&self, action: &Action) -> Result<(&dyn Provider<C>, C), ExecuteError> {
        let outside = Outside::of(action).map_err(|error| malformed(action, error.to_string()))?;
        let Some((name, content)) = outside.and_then(C::of) else {
            return Err(malformed(
                action,
                "it is for another executor; hand actions to a `Router`",
            ));
        };
        let Some(Place { terms, provider }) = self.places.get(&name) else {
            let place = C::PLACE;
            return Err(malformed(
                action,
                format!("no {place} of that name is configured; configure it, or name another"),
            ));
        };
        content.check(terms).map_err(|reason| malformed(action, reason))?;
        Ok((&**provider, content))
    }
}

#[async_trait]
impl<C: Content> Executor for Sender<C> {
    async fn rights(&self, _cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        // What is configured may be used; what its credentials may do is for the dry run to find out.
        self.of(action).map(|_| Rights::Granted)
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        let (provider, content) = self.of(action)?;
        let seen = provider.check(cx, &content).await;
        seen.map_err(|error| error.about(action))?;
        Ok(Rehearsal {
            outcome: outcome(action),
            diff: vec![format!("{}: {}", action.target, action.patch)],
            ..Rehearsal::default()
        })
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let (provider, content) = self.of(action)?;
        let id = ActionId::of(&permit.redeem(action, cx.clock.now())?);
        // Once the request is on its way, nobody can tell a deadline before it from one after it.
        if cx.remaining().is_zero() || cx.cancel.is_cancelled() {
            return Err(ExecuteError::Refused {
                target: action.target.to_string(),
                remedy: "give it more time".to_owned(),
                source: Box::new(TooLate),
            });
        }
        let sent = provider.send(cx, &content, &id).await;
        sent.map(|object| Effected::new(object, outcome(action), None))
            .map_err(|error| error.about(action))
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

/// Nothing was sent, because there is no time for it.
#[derive(Debug, thiserror::Error)]
#[error("the time was over, or the run cancelled, before anything was sent")]
struct TooLate;

/// What is sent is what comes of it.
fn outcome(action: &Action) -> String {
    sha256(for_digest(&action.patch))
}
