//! Which kinds are known in full: of others the server does not say that there are none.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use claw_k8s::bundle::RecordedKind;
use claw_k8s::cluster;

use super::kinds::{Kind, KindId, Kinds};
use super::route::Resource;
use super::status::Failure;
use super::store::{Key, Store, storage};

/// The token that continues a list of which no more is known.
pub(super) const REST: &str = "unrecorded";

/// How much of a kind is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Held {
    /// Nothing.
    Nothing,
    /// What lies in some namespaces.
    Some,
    /// Everything.
    All,
}

/// `None` stands for all.
type Namespaces = Option<BTreeSet<String>>;

/// Kinds with the namespaces that are known, and what was asked for in vain.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// `None` where everything is known.
    kinds: Option<BTreeMap<KindId, Namespaces>>,
    /// Resources, as errors name them, and how much of them is known.
    pub(super) refused: BTreeMap<String, Held>,
}

impl Recorded {
    /// Only kinds that the agent reads can be unknown: nobody records others.
    pub(super) fn of(recorded: &[RecordedKind], kinds: &Kinds) -> Self {
        let mut held = BTreeMap::new();
        for kind in kinds.iter() {
            let read = cluster::Resource::ALL
                .iter()
                .any(|known| known.is_built_in() && known.kind == kind.kind && known.group == kind.group);
            let told: Vec<_> = recorded
                .iter()
                .filter(|known| known.is(&kind.group, &kind.kind))
                .collect();
            let all = told.iter().any(|known| known.namespaces.is_none()) || (told.is_empty() && !read);
            if all || !told.is_empty() {
                let namespaces = told.iter().filter_map(|known| known.namespaces.as_ref());
                let namespaces = (!all).then(|| namespaces.flatten().cloned().collect());
                held.insert(kind.id(), namespaces);
            }
        }
        Self {
            kinds: Some(held),
            refused: BTreeMap::new(),
        }
    }

    /// How much of what the request asks for is known.
    fn held(&self, kind: &Kind, namespace: Option<&str>) -> Held {
        let Some(kinds) = &self.kinds else {
            return Held::All;
        };
        match kinds.get(&kind.id()) {
            None => Held::Nothing,
            Some(None) => Held::All,
            Some(Some(known)) => match namespace {
                None => Held::Some,
                Some(namespace) if known.contains(namespace) => Held::All,
                Some(_) => Held::Nothing,
            },
        }
    }

    /// Of a kind as a whole.
    fn of_kind(&self, kind: &Kind) -> Held {
        self.held(kind, None)
    }
}

/// Refuses what is not known. Otherwise, whether a list is to end with saying that there may be more.
pub(super) fn check(
    store: &mut Store,
    resource: &Resource,
    verb: &str,
    continued: bool,
) -> Result<bool, Failure> {
    let mut held = store.recorded.held(&resource.kind, resource.namespace.as_deref());
    if held == Held::Nothing
        && store.recorded.of_kind(&resource.kind) == Held::Some
        && let Some(namespace) = resource.namespace.as_deref()
    {
        // Some objects of a kind may be there of which not all are.
        let kind = storage(&resource.kind);
        let there = |key: &Key| key.kind == kind && key.namespace() == Some(namespace);
        if store.objects.keys().any(there) {
            held = Held::Some;
        }
    }
    let refused = match verb {
        "get" => {
            let name = resource.name.as_deref().unwrap_or_default();
            let key = Key::new(&resource.kind, resource.namespace.as_deref(), name);
            held != Held::All && !store.objects.contains_key(&key)
        }
        "list" => held == Held::Nothing || (held == Held::Some && continued),
        "watch" => held == Held::Nothing,
        _ => false,
    };
    if refused {
        let known = store.recorded.of_kind(&resource.kind);
        store.recorded.refused.insert(resource.kind.qualified(), known);
        let message = format!("{} were not recorded", resource.kind.qualified());
        return Err(Failure::new(StatusCode::FORBIDDEN, "Forbidden", message));
    }
    Ok(held == Held::Some)
}
