//! What `serve --writing` adds to an agent that reads: an account that writes, people who approve, and what goes on beside.

mod carriers;
mod logged;
mod parts;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use claw_core::tool::{ErasedTool, ToolSpec};
use claw_guardrails::policy::{Phase, Policy};
use claw_guardrails::walls::Attendance;
use claw_k8s::cluster::{Cluster, Connection};
use claw_k8s::tools::propose;
use claw_workflows::approval::Tokens;
use claw_workflows::outside;
use claw_workflows::walls::OuterWalls;
use claw_workflows::writing::settings::{Account, Secret, WritingSettings};
use secrecy::SecretString;

use crate::failure::Failure;
use crate::{check, files, policy};

pub(crate) use parts::Parts;

type Tools = Vec<Arc<dyn ErasedTool>>;

/// Settings that were read, with all that they name and that can be read before anything is connected.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) settings: WritingSettings,
    pub(crate) policy: Policy,
    tokens: Option<Tokens>,
}

impl Writing {
    /// Reads the settings, their policy, and the tokens of people, none of which may be one of `own`.
    pub(crate) fn load(path: &Path, own: &[&SecretString]) -> Result<Self, Failure> {
        let writing = Self::without_secrets(path)?;
        let Some(people) = &writing.settings.people else {
            return Ok(writing);
        };
        let text = files::named_lines(&people.tokens, "tokens of people")?;
        let tokens = Tokens::parse(&text, own)
            .map_err(|error| Failure::new(format!("{} cannot be used", people.tokens), "").because(error))?;
        writing.people_are_known(&tokens, &people.tokens)?;
        Ok(Self {
            tokens: Some(tokens),
            ..writing
        })
    }

    /// Reads the settings and their policy, and no secret.
    pub(crate) fn without_secrets(path: &Path) -> Result<Self, Failure> {
        let settings = WritingSettings::read(path).map_err(|error| {
            Failure::check(format!("the settings for writing are not accepted:\n{error}"))
        })?;
        let policy = policy::of(settings.policy.as_deref(), None)?;
        Ok(Self {
            settings,
            policy,
            tokens: None,
        })
    }

    /// Names without a token would be people who can never do what the settings let them.
    fn people_are_known(&self, tokens: &Tokens, place: &Secret) -> Result<(), Failure> {
        let known: BTreeSet<&str> = tokens.names().collect();
        let Some(people) = &self.settings.people else {
            return Ok(());
        };
        let members = self.settings.pipeline.approvals.groups.iter();
        let accounts = members.flat_map(|group| &group.members).flat_map(|person| {
            let own = person.identities.iter();
            own.filter(|(carrier, _)| *carrier == claw_guardrails::approval::Carrier::Http)
                .map(|(_, account)| account)
        });
        let mut named = people.propose.iter().chain(&people.circuits).chain(accounts);
        match named.find(|name| !known.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Failure::new(
                format!("{name} is to call the agent over HTTP, and has no line in {place}"),
                "add a line with the name, a space and a token (openssl rand -hex 32), or take the name out of the settings",
            )),
        }
    }

    /// The tools that propose changes to the cluster, as far as the settings name them; and the others.
    fn cluster_tools(&self, cluster: &Cluster) -> (Tools, Tools) {
        let named = &self.settings.tools;
        propose::all(cluster)
            .into_iter()
            .partition(|tool| named.is_empty() || named.iter().any(|name| name == tool.name()))
    }

    /// All tools that propose.
    fn tools(&self, cluster: &Cluster) -> Vec<Arc<dyn ErasedTool>> {
        let (mut tools, _) = self.cluster_tools(cluster);
        tools.extend(outside::tools::all(&self.settings.outside));
        tools
    }

    /// The walls that the settings ask for.
    pub(crate) fn walls(&self) -> Result<OuterWalls, Failure> {
        let (chosen, others) = self.cluster_tools(&check::nowhere());
        let specs = |tools: &[Arc<dyn ErasedTool>]| -> Vec<ToolSpec> {
            tools.iter().map(|tool| tool.spec()).collect()
        };
        let (chosen, others) = (specs(&chosen), specs(&others));
        let tools = chosen.iter().map(|tool| (tool.name.as_str(), &tool.access));
        let mut walls = OuterWalls::new(self.policy.clone(), tools)?;
        // While the phase lets nothing be done, nobody leads and nobody is asked.
        if self.policy.phase > Phase::Observe {
            if let Some(lease) = &self.settings.lease {
                let own = &self.policy.own_namespace;
                walls = walls.holding(lease.namespace.as_ref().unwrap_or(own), &lease.name);
            }
            if self.settings.carriers.kubernetes {
                walls = walls.asking();
            }
        }
        let attendance = match self.settings.carriers.is_empty() {
            true => Attendance::Unattended,
            false => Attendance::Attended,
        };
        Ok(walls
            .within(self.settings.namespaces.iter().cloned())
            .and_not(others.iter().map(|tool| &tool.access))
            .with_attendance(attendance))
    }
}

/// How the account that writes reaches the API server that the agent reads from.
fn connection(account: &Account, reader: &Connection) -> Connection {
    let server = match &account.kubeconfig {
        Some(file) => Connection::Kubeconfig {
            files: vec![file.clone()],
            context: account.context.clone(),
        },
        None => reader.clone(),
    };
    match &account.token_file {
        Some(file) => Connection::WithToken {
            server_of: Box::new(server),
            token_file: file.clone(),
        },
        None => server,
    }
}
