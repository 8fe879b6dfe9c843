//! Watches of files: the kernel counts them for each user of a node, over all its pods.
//!
//! Who is told that there are none left need not be the one who took them: whoever starts then is, too.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::change::{Change, ChangeKind};
use claw_core::entity::EntityRef;
use jiff::{SignedDuration, Timestamp};

use crate::incident::candidate::{Advice, Candidate};
use crate::incident::facts::{Facts, clip};
use crate::incident::mechanism::said::{Said, said};

/// Mechanism of the candidates.
const ID: &str = "file_descriptors_exhausted";
/// For how long before somebody may have begun to take them.
const WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// Workloads of one node that are told that there are no watches left.
pub(super) struct Watches<'a> {
    node: EntityRef,
    told: Vec<Said<'a>>,
}

impl<'a> Watches<'a> {
    /// Those of each node, those of most workloads first. A workload that is alone on its node may as well have a limit of its own.
    pub(super) fn of(facts: &Facts<'a>) -> Vec<Self> {
        let mut by_node: BTreeMap<EntityRef, Vec<Said<'a>>> = BTreeMap::new();
        for said in said(facts, |pattern| is_of_watches(&pattern.sample)) {
            let pods = said.pods();
            let nodes: BTreeSet<EntityRef> = pods
                .into_iter()
                .filter_map(|pod| facts.pod(pod))
                .filter(|pod| !pod.spec.node_name.is_empty())
                .map(|pod| EntityRef::cluster("Node", &pod.spec.node_name))
                .collect();
            for node in nodes {
                by_node.entry(node).or_default().push(said.clone());
            }
        }
        let mut found: Vec<Self> = by_node
            .into_iter()
            .filter(|(_, told)| told.len() > 1)
            .map(|(node, told)| Self { node, told })
            .collect();
        found.sort_by_key(|one| (std::cmp::Reverse(one.told.len()), one.node.clone()));
        found
    }

    /// Whether a workload is one of them.
    pub(super) fn have(&self, workload: &EntityRef) -> bool {
        self.told.iter().any(|said| said.workload == *workload)
    }

    /// Who took them: who was changed before any of the others was told, and runs where they do. Where nobody is known to
    /// have been, the node that most of them run on.
    pub(super) fn candidate(&self, facts: &Facts<'_>) -> Option<Candidate> {
        let taker = self.taker(facts);
        let entity = match taker {
            Some((ref unit, _)) => unit.clone(),
            None => self.node.clone(),
        };
        let first = self.told.first()?;
        let units: BTreeSet<String> = self.told.iter().map(|said| said.workload.to_string()).collect();
        let units: Vec<String> = units.into_iter().collect();
        let cause = match taker {
            Some(_) => format!(
                "{entity} takes the watches of files of its nodes, and {} get none: ",
                units.join(", ")
            ),
            None => format!("{entity} has no watches of files left for {}: ", units.join(", ")),
        };
        let seen = self.told.iter().flat_map(|said| said.evidence(facts)).collect();
        let mut found = Candidate::new(
            ID,
            entity.clone(),
            format!("{cause}{}", clip(first.sample(), 200)),
        )
        .aspect("watches")
        .clue("several of a node are told that none are left", 4.2, seen)
        .since(self.told.iter().filter_map(|said| said.since(facts)).min())
        .hurting(self.told.iter().flat_map(|said| said.hurt(facts)))
        .hurting(self.told.iter().map(|said| said.workload.clone()));
        if let Some((_, change)) = taker {
            found = found
                .clue("changed before", 1.2, vec![facts.change_evidence(change)])
                .since(Some(change.time))
                .brought_by(Some(&change.reference));
        }
        let advice = Advice::new(
            format!(
                "See who holds most watches on the nodes, {entity} first, and take its change back or raise the limit of the nodes"
            ),
            "The kernel counts fs.inotify.max_user_instances and max_user_watches over all pods of a user",
        );
        Some(found.advise(advice.command(
            "for d in /proc/[0-9]*/fd; do n=$(ls -l $d 2>/dev/null | grep -c anon_inode:inotify); echo $n $(tr '\\0' ' ' < ${d%/fd}/cmdline); done | sort -rn | head",
        )))
    }

    /// The workload of the node that was changed last before any other was told, with the change.
    fn taker<'f>(&self, facts: &Facts<'f>) -> Option<(EntityRef, &'f Change)> {
        let there = |unit: &EntityRef| {
            // What runs on every node does on these, whether its pods were read or not.
            unit.kind == "DaemonSet"
                || facts
                    .pods_of(unit)
                    .iter()
                    .any(|pod| pod.spec.node_name == self.node.name)
        };
        let changes = facts.case.changes.iter();
        changes
            .filter(|change| {
                matches!(
                    change.kind,
                    ChangeKind::Deploy | ChangeKind::Config | ChangeKind::Commit
                )
            })
            .filter_map(|change| {
                let unit = facts
                    .concern_of(change)
                    .map_or_else(|| facts.unit_of(&change.entity), |concern| concern.unit.clone());
                let others = self.told.iter().filter(|said| said.workload != unit);
                let first: Option<Timestamp> = others.filter_map(|said| said.since(facts)).min();
                let age = first?.duration_since(change.time);
                // What a victim runs it was told anew as it started, however it was before; what runs on every node takes
                // as many on each.
                let victim = self.have(&unit) && unit.kind != "DaemonSet";
                let before = age >= SignedDuration::ZERO && age <= WITHIN && !victim;
                (before && there(&unit)).then_some((unit, change))
            })
            .max_by_key(|(_, change)| change.time)
    }
}

/// Whether a text says that there are no watches, or no instances of them, left. The libraries for them are called by name.
fn is_of_watches(text: &str) -> bool {
    let text = text.to_lowercase();
    let of_watches = ["inotify", "fsnotify", "watchservice"];
    let used_up = ["limit", "too many", "no space left", "reached", "emfile"];
    of_watches.iter().any(|word| text.contains(word)) && used_up.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::HandlesExhausted;
    use crate::incident::mechanism::fixture;
    use crate::incident::testing::{at, of};

    const NONE: &str = "ERROR the user limit (128) on the number of inotify instances has been reached";

    /// Who is blamed where these log that there are none, and those were changed at those seconds.
    fn blamed(told: &[&str], changed: &[(&str, &str, i64)]) -> Vec<String> {
        let names = ["stock", "print", "mail"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
        }));
        for name in told {
            fixture::log(&mut case, &format!("{name}-7d9f8b6c5-x1"), NONE);
        }
        for (kind, name, second) in changed {
            let entity = claw_core::entity::EntityRef::namespaced(*kind, "shop", *name);
            let mut change = fixture::change(&at(*second).to_string(), &entity, &[]);
            change.kind = claw_core::change::ChangeKind::Deploy;
            case.changes.push(change);
        }
        let mut found = of(&HandlesExhausted, &case);
        found.sort_by(|a, b| b.own_score().total_cmp(&a.own_score()));
        found.into_iter().map(|found| found.entity.to_string()).collect()
    }

    #[test]
    fn watches_are_those_of_a_node() {
        let both = ["stock", "print"];
        assert_eq!(blamed(&both, &[])[0], "Node node-1");
        // Who was changed before is asked first, though it is told nothing itself.
        let tail = ("DaemonSet", "tail", -600);
        assert_eq!(blamed(&both, &[tail])[0], "DaemonSet shop/tail");
        // A victim that is rolled out is told as it starts, which says nothing of who took them.
        assert_eq!(blamed(&both, &[("Deployment", "stock", -600)])[0], "Node node-1");
        assert_eq!(
            blamed(&both, &[tail, ("Deployment", "stock", -200)])[0],
            "DaemonSet shop/tail"
        );
    }

    #[test]
    fn one_that_is_alone_may_leak_itself() {
        assert_eq!(
            blamed(&["stock"], &[("Deployment", "stock", -600)])[0],
            "Deployment shop/stock"
        );
    }
}
