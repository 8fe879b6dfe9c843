//! Effects outside the cluster: messages to people, and runs of pipelines.
//!
//! Both are proposed as data and performed with a permit, like writes to a cluster
//! ([`claw_core::outside`] has the data). [`tools`] propose them: [`Notify`](tools::Notify) to a channel and
//! [`TriggerPipeline`](tools::TriggerPipeline) by a name, both out of [`Settings`], so that no address is ever taken from an
//! input. [`Notifier`] and [`PipelineTrigger`] perform them, both a [`Sender`], and [`Router`] hands each action to the executor of its kind.
//!
//! Whatever performs them keeps to this: one request, which is not sent again; nothing but the action's own content and its
//! [`ActionId`](claw_core::execute::ActionId) leaves; the content is plain text to whoever shows it; no address and no token is
//! in an error, an answer or a `Debug` form.
//!
//! | provider | message | pipeline | tried out by | repeats are told by | whether it stands |
//! |---|---|---|---|---|---|
//! | [`Slack`](providers::Slack) | `chat.postMessage` | | `auth.test` | metadata of the message | `conversations.history`, where the app may read it |
//! | [`SlackWebhook`](providers::SlackWebhook) | incoming webhook | | | | |
//! | [`GithubActions`](providers::GithubActions) | | `workflow_dispatch` | reading the workflow | an input, where one is set aside for it | titles of runs, where they hold that input |
//! | [`GitlabTrigger`](providers::GitlabTrigger) | | pipeline trigger | | a variable, where one is set aside for it | |
//! | [`SignedWebhook`](providers::SignedWebhook) | yes | yes | | `webhook-id` and `idempotency-key` | |
//!
//! Where a cell is empty there is nothing: a dry run then looks at the configuration alone, and of a request without an answer
//! nobody can say whether it was carried out ([`Standing::Gone`](claw_core::execute::Standing::Gone)).

mod executor;
mod inputs;
mod perform;
pub mod providers;
mod router;
mod settings;
pub mod tools;

pub use executor::{Content, Notifier, PipelineTrigger, Sender};
pub use inputs::{Input, Inputs};
pub use perform::{Provider, ProviderError};
pub use router::Router;
pub use settings::{
    Channel, GithubSettings, GitlabSettings, Pipeline, PipelineVia, Settings, SettingsError, SlackSettings,
    SlackWebhookSettings, WebhookSettings,
};

#[cfg(test)]
mod tests;
