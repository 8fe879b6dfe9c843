//! What an agent is to write with, as operators write it down: one file, read strictly.
//!
//! ```
//! use claw_guardrails::engine::Mode;
//! use claw_workflows::writing::settings::WritingSettings;
//!
//! let text = "writing:\n  mode: live\n  policy: policy.yaml\n";
//! let settings = WritingSettings::parse("/etc/claw/writing.yaml", text.as_bytes())?;
//! assert_eq!(settings.mode, Mode::Live);
//! // Files are looked for beside the one that names them.
//! assert_eq!(settings.policy.unwrap(), std::path::Path::new("/etc/claw/policy.yaml"));
//!
//! let error = WritingSettings::parse("writing.yaml", b"writing:\n  mode: yolo\n").unwrap_err();
//! assert!(error.to_string().starts_with("writing.yaml:2:9: writing.mode: `yolo` is not known here"));
//! # Ok::<(), claw_core::yaml::DefinitionError>(())
//! ```
//!
//! No secret is in it: each is named by the file or the environment variable that holds it ([`Secret`]).

mod approvals;
mod bounds;
mod outside;
mod places;
mod read;
mod secret;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use claw_guardrails::engine::Mode;
use claw_guardrails::pipeline;

use crate::outside as effects;

pub use secret::Secret;

/// What an agent writes with.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WritingSettings {
    /// How far it goes: [`Mode::Propose`] unless set, in which every action is judged and rehearsed and nothing is written.
    pub mode: Mode,
    /// The policy. The rules that are compiled in unless set, in the phase `observe`, which writes nothing.
    pub policy: Option<PathBuf>,
    /// The account that writes. That of the agent unless set.
    pub account: Account,
    /// The tools that propose. All of them unless set.
    pub tools: Vec<String>,
    /// The namespaces in which the account that writes has its role. All of them unless set.
    pub namespaces: Vec<String>,
    /// What is expected of the API server.
    pub walls: WallSettings,
    /// The lease by which replicas agree who writes. This process is alone unless set.
    pub lease: Option<Lease>,
    /// Places from which people stop the agent, besides those of the command line.
    pub stop: StopPlaces,
    /// Who may call the agent over HTTP. Nobody unless set.
    pub people: Option<People>,
    /// The ways on which approvals are asked for. None unless set, so that what takes an approval is not done.
    pub carriers: Carriers,
    /// Bounds, breakers, and who approves.
    pub pipeline: pipeline::Settings,
    /// The channels in which people are told of what was done.
    pub notices: Vec<String>,
    /// Channels and pipelines. Their secrets are to be read with [`Secret::of`].
    pub outside: effects::Settings,
    /// How backends are looked at.
    pub health: HealthSettings,
}

impl Default for WritingSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Propose,
            policy: None,
            account: Account::default(),
            tools: Vec::new(),
            namespaces: Vec::new(),
            walls: WallSettings::default(),
            lease: None,
            stop: StopPlaces::default(),
            people: None,
            carriers: Carriers::default(),
            pipeline: pipeline::Settings::default(),
            notices: Vec::new(),
            outside: effects::Settings::default(),
            health: HealthSettings::default(),
        }
    }
}

/// The account that writes, and how it reaches the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// A kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it.
    pub context: Option<String>,
    /// A file with its token, which is read again when it changes. The server is that of the kubeconfig, or that of the agent.
    pub token_file: Option<PathBuf>,
}

impl Account {
    /// Whether nothing is set: the agent writes with the account that it reads with.
    pub fn is_the_agents(&self) -> bool {
        *self == Self::default()
    }
}

/// What is expected of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WallSettings {
    /// Whether nothing is written while the walls do not stand. So unless set; that it is not so is recorded at each start.
    pub required: bool,
    /// How often is looked. 10 min unless set.
    pub every: Duration,
}

impl Default for WallSettings {
    fn default() -> Self {
        Self {
            required: true,
            every: Duration::from_secs(600),
        }
    }
}

/// The lease by which replicas agree who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Its namespace. The policy's own unless set.
    pub namespace: Option<String>,
    /// What this process calls itself. The name of its host or pod, and the time of its start, unless set.
    pub identity: Option<String>,
    /// How long a term lasts.
    pub duration: Duration,
    /// Time between two renewals.
    pub every: Duration,
    /// So long before its end a term counts as over.
    pub margin: Duration,
}

/// Places from which people stop the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopPlaces {
    /// A file.
    pub file: Option<PathBuf>,
    /// A ConfigMap in the agent's own namespace.
    pub config_map: Option<String>,
}

/// Who may call the agent over HTTP, with a token each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct People {
    /// Their tokens, a line for each: a name, a space, a token.
    pub tokens: Secret,
    /// The names that may send actions.
    pub propose: Vec<String>,
    /// The names that may open and close circuits.
    pub circuits: Vec<String>,
}

/// The ways on which approvals are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Carriers {
    /// `Approval` objects in the agent's own namespace.
    pub kubernetes: bool,
    /// The agent's own address, with the tokens of [`People`].
    pub http: bool,
    /// Buttons in Slack.
    pub slack: Option<SlackCarrier>,
    /// Reviews on GitHub.
    pub pull_request: Option<GithubCarrier>,
}

impl Carriers {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Buttons in Slack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlackCarrier {
    /// Token of the app's bot.
    pub token: Secret,
    /// The app's signing secret.
    pub signing_secret: Secret,
    /// Id of the channel.
    pub channel: String,
    /// Id of the workspace.
    pub team: String,
    /// Id of the app.
    pub app: String,
    /// Where the Web API is. Slack's own unless set.
    pub base_url: Option<String>,
}

/// Reviews on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GithubCarrier {
    /// A token that may read pull requests and write commit statuses and comments.
    pub token: Secret,
    /// Where the API is. GitHub's own unless set.
    pub base_url: Option<String>,
}

/// How backends are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthSettings {
    /// How often. 15 s unless set.
    pub every: Duration,
    /// After how many looks without an answer a backend counts as down. 3 unless set.
    pub failures: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(15),
            failures: 3,
        }
    }
}
