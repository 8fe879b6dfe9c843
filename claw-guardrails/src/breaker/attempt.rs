//! Writes as a breaker sees them.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::digest::sha256;
use claw_core::entity::EntityRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scope::{Backend, Scope};
use crate::policy::{Operation, Tier, differences};

/// A write that is about to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Names this write and no other.
    pub id: String,
    /// What is written to.
    pub target: EntityRef,
    /// What is done to it.
    pub operations: BTreeSet<Operation>,
    /// The workflow that wants it.
    pub workflow: String,
    /// How much a person has to do with it.
    pub tier: Tier,
    /// Which fields go where, by path; see [`moves`].
    pub moves: BTreeMap<String, Move>,
}

impl Attempt {
    /// The circuits that it has to pass, the narrowest first.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> {
        let namespace = self.target.namespace.clone().map(Scope::Namespace);
        let operations = self.operations.iter().copied().map(Scope::Operation);
        [
            Scope::Object(self.target.clone()),
            Scope::Workflow(self.workflow.clone()),
        ]
        .into_iter()
        .chain(operations)
        .chain(namespace)
        .chain([Scope::Cluster])
        .chain(Backend::ALL.map(Scope::Backend))
    }

    /// Whether some field goes back where an earlier write took it from, or the other way.
    pub(super) fn takes_back(&self, earlier: &BTreeMap<String, Move>) -> bool {
        self.moves
            .iter()
            .any(|(path, to)| earlier.get(path).is_some_and(|from| to.is_opposite(from)))
    }
}

/// Where a field goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Move {
    /// A number that becomes greater.
    Up,
    /// A number that becomes less.
    Down,
    /// From one value to another, by their digests: values may be long, or secret.
    Other {
        /// SHA-256 of the value before, hexadecimal.
        from: String,
        /// SHA-256 of the value after.
        to: String,
    },
}

impl Move {
    fn is_opposite(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Up, Self::Down) | (Self::Down, Self::Up) => true,
            (Self::Other { from, to }, Self::Other { from: back, to: away }) => from == away && to == back,
            _ => false,
        }
    }
}

/// Where the fields of an object go, by path (`spec.replicas`).
pub fn moves(before: &Value, after: &Value) -> BTreeMap<String, Move> {
    let mut moves = BTreeMap::new();
    differences(before, after, &mut Vec::new(), &mut |path, old, new| {
        let to = match (old.as_f64(), new.as_f64()) {
            (Some(old), Some(new)) if old < new => Move::Up,
            (Some(old), Some(new)) if old > new => Move::Down,
            _ => Move::Other {
                from: sha256(claw_core::canonical::for_digest(old)),
                to: sha256(claw_core::canonical::for_digest(new)),
            },
        };
        moves.insert(path.join("."), to);
    });
    moves
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It stands as planned.
    Applied,
    /// It was refused, went wrong, or nobody knows what came of it.
    Failed,
    /// The object had changed since it was read.
    Conflict,
    /// It was not sent: somebody refused, or it was no longer needed.
    Withdrawn,
}
