//! Which namespaces an investigation would read besides: those that are called into.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::gate::ObserveError;
use claw_core::workflow::StepContext;
use claw_k8s::tools::{GetDependencies, GetDependenciesInput};
use claw_k8s::world::Relation;

use super::Recording;
use crate::failure::Failure;

/// Namespaces that are recorded besides. An investigation reads fewer, but which ones depends on what it is about.
const MOST: usize = 5;

/// The namespaces beside `namespaces` into which their workloads call, as configuration and `peers` in metrics tell, those
/// with most calls first.
pub(super) async fn namespaces(
    cx: &StepContext,
    namespaces: &BTreeSet<String>,
    peers: BTreeSet<EntityRef>,
    recording: &mut Recording,
) -> Result<BTreeSet<String>, Failure> {
    let mut called = peers;
    for namespace in namespaces {
        let input = GetDependenciesInput {
            namespace: Some(namespace.clone()),
            traffic_only: false,
            injectors: false,
        };
        match cx
            .observe::<GetDependencies>(input, "which namespaces are called into")
            .await
        {
            Ok(answer) => called.extend(
                answer
                    .edges
                    .into_iter()
                    .filter(|edge| matches!(edge.relation, Relation::Calls | Relation::Routes))
                    .map(|edge| edge.to),
            ),
            Err(ObserveError::Audit(error)) => return Err(error.into()),
            // Which lists fail was said when they were recorded.
            Err(_) => {}
        }
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for namespace in called.into_iter().filter_map(|entity| entity.namespace) {
        if !namespaces.contains(&namespace) {
            let count = calls.entry(namespace).or_default();
            *count = count.saturating_add(1);
        }
    }
    let mut sorted: Vec<(usize, String)> = calls.into_iter().map(|(name, calls)| (calls, name)).collect();
    sorted.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
    if sorted.len() > MOST {
        let left: Vec<&str> = sorted.iter().skip(MOST).map(|(_, name)| name.as_str()).collect();
        let reason = format!(
            "these are called into, and were not recorded: {}",
            left.join(", ")
        );
        recording.missed("namespaces", reason, "name them with --namespace");
    }
    Ok(sorted.into_iter().take(MOST).map(|(_, name)| name).collect())
}
