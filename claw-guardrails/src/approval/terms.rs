//! What an approval takes.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::canonical::for_digest;
use claw_core::digest::sha256;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::group::{Group, Person};
use super::vote::Carrier;

/// What an approval takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Terms {
    /// How many people have to say yes; at least one.
    pub needed: u8,
    /// Who may decide: at first the first group, after each `escalate_after` also the next.
    pub groups: Vec<Group>,
    /// How long a group has before the next one is asked as well.
    pub escalate_after: SignedDuration,
    /// Who may never decide, by any of their names: whoever asked, and the accounts of agents.
    pub excluded: BTreeSet<String>,
}

/// Terms under which votes could not be told to be whose they are, or nothing could be approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// An account of two people: who votes by it could be either.
    #[error(
        "{account:?} on {carrier:?} is an account of {first} and of {second}; an account is one person's"
    )]
    Shared {
        /// Where.
        carrier: Carrier,
        /// The account.
        account: String,
        /// One of them.
        first: String,
        /// The other one.
        second: String,
    },
    /// A name that is none.
    #[error(
        "{name:?} in the group {group} is no name of a person or an account; write one without space around it"
    )]
    Name {
        /// The group.
        group: String,
        /// The name.
        name: String,
    },
    /// An account of a program.
    #[error("{account} in the group {group} is the account of a program; approvals are for people to give")]
    Program {
        /// The group.
        group: String,
        /// The account.
        account: String,
    },
    /// Fewer people than have to say yes.
    #[error("{needed} people have to approve, and {people} may; add people to the groups")]
    TooFew {
        /// How many have to.
        needed: u8,
        /// How many may.
        people: usize,
    },
}

impl Terms {
    /// One person out of these groups, each of which has an hour.
    pub fn new(groups: Vec<Group>) -> Self {
        Self {
            needed: 1,
            groups,
            escalate_after: SignedDuration::from_hours(1),
            excluded: BTreeSet::new(),
        }
    }

    /// Sets how many have to say yes. Zero counts as one.
    #[must_use]
    pub fn with_needed(mut self, needed: u8) -> Self {
        self.needed = needed.max(1);
        self
    }

    /// Excludes whoever has a name, in whatever way their votes come.
    #[must_use]
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.excluded.insert(name.into());
        self
    }

    /// How long a group has before the next one is asked: a second at least.
    pub(super) fn turn(&self) -> SignedDuration {
        self.escalate_after.max(SignedDuration::from_secs(1))
    }

    /// SHA-256 over all of it, hexadecimal.
    pub fn digest(&self) -> String {
        sha256(for_digest(&json!(self)))
    }

    /// Whether it is clear whose votes are whose, and whether enough people may decide.
    ///
    /// # Errors
    /// The first thing that is wrong. Votes by accounts that are wrong in this way do not count either way.
    pub fn check(&self) -> Result<(), TermsError> {
        let mut owners: BTreeMap<(Carrier, &str), &str> = BTreeMap::new();
        for (group, person) in self.members() {
            let names = person.identities.iter().map(|(_, account)| account);
            for name in names.chain([&person.name]) {
                if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
                    return Err(TermsError::Name {
                        group: group.name.clone(),
                        name: name.clone(),
                    });
                }
            }
            for (carrier, account) in &person.identities {
                if is_program(*carrier, account) {
                    return Err(TermsError::Program {
                        group: group.name.clone(),
                        account: account.clone(),
                    });
                }
                let first = *owners.entry((*carrier, account)).or_insert(&person.name);
                if first != person.name {
                    return Err(TermsError::Shared {
                        carrier: *carrier,
                        account: account.clone(),
                        first: first.to_owned(),
                        second: person.name.clone(),
                    });
                }
            }
        }
        let able = self
            .members()
            .filter(|(_, person)| !person.identities.is_empty() && !self.excludes(&person.name));
        let people = able
            .map(|(_, person)| &person.name)
            .collect::<BTreeSet<_>>()
            .len();
        if people < usize::from(self.needed.max(1)) {
            return Err(TermsError::TooFew {
                needed: self.needed.max(1),
                people,
            });
        }
        Ok(())
    }

    /// The names of the people whose an account is: one, unless nobody has it, or two would.
    pub(super) fn owners(&self, carrier: Carrier, account: &str) -> BTreeSet<&str> {
        let owners = self.members().filter(|(_, person)| person.has(carrier, account));
        owners.map(|(_, person)| person.name.as_str()).collect()
    }

    /// Whether a person, whatever of their names is said, may never decide.
    pub(super) fn excludes(&self, name: &str) -> bool {
        let known = self.members().filter(|(_, person)| person.name == name);
        self.excluded.contains(name)
            || known
                .into_iter()
                .any(|(_, person)| self.excluded.iter().any(|excluded| person.is_called(excluded)))
    }

    fn members(&self) -> impl Iterator<Item = (&Group, &Person)> {
        let groups = self.groups.iter();
        groups.flat_map(|group| group.members.iter().map(move |person| (group, person)))
    }
}

/// Whether an account is one that no person has.
pub(super) fn is_program(carrier: Carrier, account: &str) -> bool {
    carrier == Carrier::Kubernetes && account.starts_with("system:")
}
