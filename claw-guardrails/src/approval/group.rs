//! Who may decide: people, each with the names that carriers know them by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::vote::Carrier;

/// A person. People decide, not names: whoever has a name in Slack and another one on the API server is one voter, and whoever asked
/// under one name does not approve under another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Person {
    /// What people call them. Two of this name are one person.
    pub name: String,
    /// Their accounts, each as a carrier knows it. An account that is not here is nobody's.
    pub identities: BTreeSet<(Carrier, String)>,
}

impl Person {
    /// A person without accounts, who decides nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            identities: BTreeSet::new(),
        }
    }

    /// Adds an account.
    #[must_use]
    pub fn known(mut self, carrier: Carrier, account: impl Into<String>) -> Self {
        self.identities.insert((carrier, account.into()));
        self
    }

    /// Whether an account is theirs.
    pub fn has(&self, carrier: Carrier, account: &str) -> bool {
        let mut own = self.identities.iter();
        own.any(|(known, name)| *known == carrier && name == account)
    }

    /// Whether a name is theirs: what people call them, or one of their accounts, wherever it is.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.identities.iter().any(|(_, account)| account == name)
    }
}

/// Who may decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Group {
    /// Its name, for whoever wonders.
    pub name: String,
    /// Its members.
    pub members: Vec<Person>,
}

impl Group {
    /// A group without members, who decide nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            members: Vec::new(),
        }
    }

    /// Adds a member whom a carrier knows by their own name. Said for several carriers it is one person.
    #[must_use]
    pub fn with(self, carrier: Carrier, name: impl Into<String>) -> Self {
        let name = name.into();
        self.with_person(Person::new(name.clone()).known(carrier, name))
    }

    /// Adds a member, or more accounts of one that there is.
    #[must_use]
    pub fn with_person(mut self, person: Person) -> Self {
        match self.members.iter_mut().find(|known| known.name == person.name) {
            Some(known) => known.identities.extend(person.identities),
            None => self.members.push(person),
        }
        self
    }

    /// Whether an account belongs to a member.
    pub fn has(&self, carrier: Carrier, account: &str) -> bool {
        self.members.iter().any(|person| person.has(carrier, account))
    }
}
