//! What an operator adds to the rules that are compiled in.

use serde::{Deserialize, Serialize};

use super::axis::{Criticality, Environment, Nature};
use super::operation::Operation;
use super::request::Request;
use super::tier::Tier;

/// Raises the tier of what it matches. There is no way to lower one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Override {
    /// Its name, in decisions and in the audit log.
    pub id: String,
    /// What it matches.
    #[serde(default)]
    pub when: When,
    /// The least tier of that.
    pub tier: Tier,
    /// Why, for whoever is asked to approve.
    pub reason: String,
}

impl Override {
    /// An override that matches every change.
    pub fn new(id: impl Into<String>, tier: Tier, reason: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            when: When::default(),
            tier,
            reason: reason.into(),
        }
    }

    /// Sets [`when`](Self::when).
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

/// What an override matches: a change that every list allows. An empty list allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Namespaces by their whole names.
    pub namespaces: Vec<String>,
    /// Kinds as in manifests, of whatever API group.
    pub kinds: Vec<String>,
    /// Operations.
    pub operations: Vec<Operation>,
    /// Environments.
    pub environments: Vec<Environment>,
    /// Criticalities.
    pub criticalities: Vec<Criticality>,
    /// Natures.
    pub natures: Vec<Nature>,
}

impl When {
    /// Whether `request` is meant. Reads, messages and notes never are: overrides are about changes.
    pub fn matches(&self, request: &Request) -> bool {
        fn allows<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        let namespace = || match &request.namespace {
            Some(namespace) => self.namespaces.iter().any(|name| name == namespace),
            None => false,
        };
        request.operation.is_change()
            && (self.namespaces.is_empty() || namespace())
            && allows(&self.kinds, &request.kind)
            && allows(&self.operations, &request.operation)
            && allows(&self.environments, &request.environment)
            && allows(&self.criticalities, &request.criticality)
            && allows(&self.natures, &request.nature)
    }
}
