//! Whether a caller was only just told the name that it calls.

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_k8s::model::Workload;

use crate::incident::complaint::Complaint;
use crate::incident::facts::{Facts, needs};

/// Whether the name came with a change of the caller itself: then it is the name that is wrong. Of a caller that was made, or
/// of which nobody knows what was changed, it may be, unless there is what the name means and nothing else leads to it.
pub(super) fn introduced(
    facts: &Facts<'_>,
    complaint: &Complaint<'_>,
    service: &EntityRef,
    workload: Option<&Workload>,
) -> bool {
    let caller = &complaint.workload;
    let named = |change: &Change| change.detail.iter().any(|line| brings(line, &service.name));
    let edits = facts.workload(caller).into_iter().flat_map(|workload| {
        let needed = needs(&workload.template().spec).into_iter();
        needed.filter_map(|(kind, name)| {
            let entity = EntityRef::namespaced(kind, caller.namespace.clone()?, name);
            facts.change_before(&entity, complaint.since(), |_| true)
        })
    });
    let rollout = facts.rollout_before(caller, complaint.since(), &[]);
    let changes: Vec<&Change> = rollout.into_iter().chain(edits).collect();
    if changes.iter().any(|change| named(change)) {
        return true;
    }
    let told_nothing = |change: &&Change| change.detail.is_empty();
    let meant = workload.is_some_and(|workload| !is_led_to(facts, workload));
    changes.iter().any(told_nothing) && !meant
}

/// Whether the new side of a line of a difference holds a name that the old one does not.
fn brings(line: &str, name: &str) -> bool {
    // What is set stands before: it may be called like what it is set to.
    let values = line.split_once(": ").map_or(line, |(_, values)| values);
    let (old, new) = values.split_once('→').unwrap_or(("", values));
    let holds = |text: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '-'))
            .any(|word| word == name)
    };
    holds(new) && !holds(old)
}

/// Whether a Service of another name leads to a workload.
fn is_led_to(facts: &Facts<'_>, workload: &Workload) -> bool {
    let labels = &workload.template().metadata.labels;
    let mut services = facts.services_selecting(workload.metadata.ns(), labels);
    services.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::brings;

    #[test]
    fn a_name_is_brought_by_the_new_side_of_a_line() {
        assert!(brings(
            "containers[app].env[DB]: pg.shop:5432 → db.shop:5432",
            "db"
        ));
        assert!(brings("containers[app].env[DB]: db", "db"));
        assert!(!brings("containers[app].env[DB]: db:5432 → db:5433", "db"));
        assert!(!brings("containers[app].env[DB]: db → pg", "db"));
        assert!(!brings("containers[app].env[DB]: a → user-db", "db"));
        assert!(brings("data.redis: cache:6379 → redis:6379", "redis"));
    }
}
