//! Which channels and pipelines there are, and how they are reached. Secrets are named by file, and are no part of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_core::http::HttpError;
use claw_core::outside::{MAX_INPUTS, Notification, is_input_name, is_name};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::providers::{GithubActions, GitlabTrigger, SignedWebhook, Slack, SlackWebhook};
use super::{Inputs, Notifier, PipelineTrigger, Provider};

/// Channels and pipelines by the names that actions and tools know them by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// Where messages may go. Nowhere unless set.
    pub channels: BTreeMap<String, Channel>,
    /// What may be started. Nothing unless set.
    pub pipelines: BTreeMap<String, Pipeline>,
}

/// How a channel is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// Slack's Web API.
    Slack(SlackSettings),
    /// An incoming webhook of Slack.
    SlackWebhook(SlackWebhookSettings),
    /// A signed webhook.
    Webhook(WebhookSettings),
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pipeline {
    /// How it is started.
    pub via: PipelineVia,
    /// What it may be started with. Nothing unless set.
    #[serde(default)]
    pub inputs: Inputs,
}

/// How a pipeline is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PipelineVia {
    /// `workflow_dispatch` of GitHub Actions.
    GithubActions(GithubSettings),
    /// A pipeline trigger of GitLab.
    Gitlab(GitlabSettings),
    /// A signed webhook.
    Webhook(WebhookSettings),
}

/// A channel of Slack, with a bot that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// Where the Web API is. `https://slack.com/api` unless set.
    #[serde(default = "slack")]
    pub base_url: String,
    /// Id of the channel, `C…`.
    pub channel: String,
    /// File with the bot's token, which needs `chat:write`, and `channels:history` for it to be said whether a message stands.
    pub token_file: PathBuf,
}

/// An incoming webhook of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackWebhookSettings {
    /// File with the address.
    pub url_file: PathBuf,
}

/// A workflow of GitHub Actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubSettings {
    /// Where the API is. `https://api.github.com` unless set.
    #[serde(default = "github")]
    pub base_url: String,
    /// Whose repository it is.
    pub owner: String,
    /// The repository.
    pub repository: String,
    /// File name of the workflow, or its number.
    pub workflow: String,
    /// The branch or tag that it runs on.
    #[serde(rename = "ref")]
    pub reference: String,
    /// An input of the workflow that takes the id of the action. None unless set.
    #[serde(default)]
    pub action_input: Option<String>,
    /// File with a token that may write actions of the repository.
    pub token_file: PathBuf,
}

/// A pipeline of GitLab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitlabSettings {
    /// Where GitLab is. `https://gitlab.com` unless set.
    #[serde(default = "gitlab")]
    pub base_url: String,
    /// Path of the project, or its number.
    pub project: String,
    /// The branch or tag that it runs on.
    #[serde(rename = "ref")]
    pub reference: String,
    /// A variable that takes the id of the action. None unless set.
    #[serde(default)]
    pub action_variable: Option<String>,
    /// File with a pipeline trigger token of the project.
    pub token_file: PathBuf,
}

/// A signed webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// File with the address.
    pub url_file: PathBuf,
    /// File with the secret that signs.
    pub secret_file: PathBuf,
}

impl SlackSettings {
    /// Where Slack's Web API is.
    pub const API: &'static str = "https://slack.com/api";
}

impl GithubSettings {
    /// Where GitHub's API is.
    pub const API: &'static str = "https://api.github.com";
}

impl GitlabSettings {
    /// Where GitLab is.
    pub const HOST: &'static str = "https://gitlab.com";
}

fn slack() -> String {
    SlackSettings::API.to_owned()
}

fn github() -> String {
    GithubSettings::API.to_owned()
}

fn gitlab() -> String {
    GitlabSettings::HOST.to_owned()
}

/// Settings cannot be used. No secret is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A name is none.
    #[error("{place} has a name that is none: use a-z, 0-9, `-` and `_`, at most 63 of them")]
    Name {
        /// Where: `channels`.
        place: &'static str,
    },
    /// The inputs of a pipeline make no sense.
    #[error("pipelines.{pipeline}.inputs: {reason}")]
    Inputs {
        /// The pipeline.
        pipeline: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A secret cannot be read.
    #[error("{place}: the secret cannot be read; check the name of its file and its permissions")]
    Secret {
        /// Where: `channels.incidents`.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A provider cannot be used as it is configured.
    #[error("{place} cannot be used as configured")]
    Provider {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: HttpError,
    },
}

impl Settings {
    /// What performs actions for these channels and pipelines. Nothing is connected yet. `secret` reads the secret in a file;
    /// a token that is changed there is used after the next start.
    ///
    /// # Errors
    /// Where something is wrong, and what.
    pub fn executors<E>(
        &self,
        secret: impl Fn(&Path) -> Result<SecretString, E>,
    ) -> Result<(Notifier, PipelineTrigger), SettingsError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.check()?;
        let mut notifier = Notifier::new();
        for (name, channel) in &self.channels {
            notifier = notifier.channel(name, channel.provider(name, &secret)?);
        }
        let mut trigger = PipelineTrigger::new();
        for (name, pipeline) in &self.pipelines {
            let place = Place(format!("pipelines.{name}"));
            let secret = |path: &Path| secret(path).map_err(|error| place.secret(error));
            let inputs = pipeline.inputs.clone();
            trigger = match &pipeline.via {
                PipelineVia::GithubActions(github) => {
                    let made = GithubActions::new(github, &secret(&github.token_file)?);
                    trigger.pipeline(
                        name,
                        inputs,
                        Arc::new(made.map_err(|error| place.provider(error))?),
                    )
                }
                PipelineVia::Gitlab(gitlab) => {
                    let made = GitlabTrigger::new(gitlab, secret(&gitlab.token_file)?);
                    trigger.pipeline(
                        name,
                        inputs,
                        Arc::new(made.map_err(|error| place.provider(error))?),
                    )
                }
                PipelineVia::Webhook(webhook) => {
                    let (url, key) = (secret(&webhook.url_file)?, secret(&webhook.secret_file)?);
                    let made = SignedWebhook::new(name, url, &key);
                    trigger.pipeline(
                        name,
                        inputs,
                        Arc::new(made.map_err(|error| place.provider(error))?),
                    )
                }
            };
        }
        Ok((notifier, trigger))
    }

    /// What sends messages to one channel, without a permit: for what an agent tells people by itself. `None` where there is no
    /// channel of that name.
    ///
    /// # Errors
    /// As for [`executors`](Self::executors).
    pub fn channel<E>(
        &self,
        name: &str,
        secret: impl Fn(&Path) -> Result<SecretString, E>,
    ) -> Result<Option<Arc<dyn Provider<Notification>>>, SettingsError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let channel = self.channels.get(name);
        channel.map(|channel| channel.provider(name, &secret)).transpose()
    }

    /// Whether every name can be one, and every input.
    fn check(&self) -> Result<(), SettingsError> {
        if !self.channels.keys().all(|name| is_name(name)) {
            return Err(SettingsError::Name { place: "channels" });
        }
        if !self.pipelines.keys().all(|name| is_name(name)) {
            return Err(SettingsError::Name { place: "pipelines" });
        }
        for (name, pipeline) in &self.pipelines {
            let wrong = |reason: String| SettingsError::Inputs {
                pipeline: name.clone(),
                reason,
            };
            if pipeline.inputs.len() > MAX_INPUTS || !pipeline.inputs.keys().all(|name| is_input_name(name)) {
                return Err(wrong(format!(
                    "at most {MAX_INPUTS}, by names of letters, digits, `-` and `_`"
                )));
            }
            // Who asks for a run must not be able to say which action it is.
            let set_aside = match &pipeline.via {
                PipelineVia::GithubActions(github) => github.action_input.as_ref(),
                PipelineVia::Gitlab(gitlab) => gitlab.action_variable.as_ref(),
                PipelineVia::Webhook(_) => None,
            };
            if let Some(both) = set_aside.filter(|name| pipeline.inputs.contains_key(*name)) {
                return Err(wrong(format!(
                    "{both} is set aside for the action's id; do not declare it"
                )));
            }
        }
        Ok(())
    }
}

impl Channel {
    fn provider<E>(
        &self,
        name: &str,
        secret: &impl Fn(&Path) -> Result<SecretString, E>,
    ) -> Result<Arc<dyn Provider<Notification>>, SettingsError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let place = Place(format!("channels.{name}"));
        let secret = |path: &Path| secret(path).map_err(|error| place.secret(error));
        Ok(match self {
            Self::Slack(slack) => {
                let made = Slack::new(&slack.base_url, &secret(&slack.token_file)?, &slack.channel);
                Arc::new(made.map_err(|error| place.provider(error))?)
            }
            Self::SlackWebhook(webhook) => {
                let made = SlackWebhook::new(secret(&webhook.url_file)?);
                Arc::new(made.map_err(|error| place.provider(error))?)
            }
            Self::Webhook(webhook) => {
                let (url, key) = (secret(&webhook.url_file)?, secret(&webhook.secret_file)?);
                let made = SignedWebhook::new(name, url, &key);
                Arc::new(made.map_err(|error| place.provider(error))?)
            }
        })
    }
}

/// Where in the settings something is.
struct Place(String);

impl Place {
    fn secret(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SettingsError {
        SettingsError::Secret {
            place: self.0.clone(),
            source: error.into(),
        }
    }

    fn provider(&self, source: HttpError) -> SettingsError {
        SettingsError::Provider {
            place: self.0.clone(),
            source,
        }
    }
}
