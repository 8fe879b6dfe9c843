//! How a suspect in another namespace is itself, where that namespace was not read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::reason::Offer;
use claw_core::tool::Tool as _;
use claw_core::workflow::{StepContext, StepError};
use claw_k8s::tools::GetPods;
use serde_json::json;

use super::{MAX_RIVALS, Probe, RIVAL};
use crate::incident::candidate::Symptom;
use crate::incident::case::Case;
use crate::incident::conclude::Weighed;
use crate::incident::facts::Facts;
use crate::incident::steps::gather_context::read_beside;
use crate::incident::symptom;

/// How often something that is at fault can be seen to be unwell.
const IF_AT_FAULT: f64 = 0.9;
/// How often something else is, while others suffer.
const OTHERWISE: f64 = 0.3;
/// Where a cluster keeps the agents of its nodes.
const SYSTEM: &str = "kube-system";
/// Tools that are called.
const CALLS: u32 = 3;

#[derive(Debug)]
struct Namespace {
    name: String,
    suspects: Vec<(u32, EntityRef)>,
}

/// One for each namespace with a suspect of which no pod was read.
pub(super) fn probes(weighed: &Weighed<'_>) -> Vec<Box<dyn Probe>> {
    let case = weighed.facts.case;
    if case.everywhere {
        return Vec::new();
    }
    let mut suspects: BTreeMap<String, Vec<(u32, EntityRef)>> = BTreeMap::new();
    for ranked in weighed.ranked.iter().take(MAX_RIVALS) {
        let hypothesis = &ranked.hypothesis;
        let Some(namespace) = namespace_of(&hypothesis.entity) else {
            continue;
        };
        let known = case.namespaces.contains(namespace)
            || case
                .objects
                .pods
                .iter()
                .any(|pod| pod.metadata.namespace.as_deref() == Some(namespace));
        if hypothesis.confidence >= RIVAL && !known {
            let suspect = (hypothesis.rank, hypothesis.entity.clone());
            suspects.entry(namespace.to_owned()).or_default().push(suspect);
        }
    }
    suspects
        .into_iter()
        .map(|(name, suspects)| Box::new(Namespace { name, suspects }) as Box<dyn Probe>)
        .collect()
}

/// Where to look: what a node does for its pods runs in the system's namespace.
fn namespace_of(entity: &EntityRef) -> Option<&str> {
    match entity.kind.as_str() {
        "Node" => Some(SYSTEM),
        _ => entity.namespace.as_deref(),
    }
}

#[async_trait]
impl Probe for Namespace {
    fn offer(&self) -> Offer {
        let id = format!("objects of the namespace {}", self.name);
        let names: Vec<String> = self
            .suspects
            .iter()
            .map(|(_, entity)| entity.to_string())
            .collect();
        let question = format!("Is anything wrong with {} itself?", names.join(" or "));
        let mut offer = Offer::new(id, GetPods::NAME, question).with_input(json!({"namespace": self.name}));
        offer.calls = CALLS;
        offer.otherwise = OTHERWISE;
        self.suspects
            .iter()
            .fold(offer, |offer, (rank, _)| offer.expecting(*rank, IF_AT_FAULT))
    }

    async fn make(&self, cx: &StepContext, case: &mut Case) -> Result<Option<String>, StepError> {
        read_beside(cx, case, &self.name).await?;
        Ok(Some(self.answer(&Facts::new(case))))
    }
}

impl Namespace {
    /// What is wrong with the suspects; what is wrong beside them is said, and is no answer.
    fn answer(&self, facts: &Facts<'_>) -> String {
        let (of_suspects, beside): (Vec<Symptom>, Vec<Symptom>) = symptom::detect(facts)
            .into_iter()
            .filter(|symptom| symptom.severity >= Severity::Warning)
            .filter(|symptom| {
                let here = symptom.entity.namespace.as_deref() == Some(self.name.as_str());
                here || self
                    .suspects
                    .iter()
                    .any(|(_, suspect)| *suspect == symptom.entity)
            })
            .partition(|symptom| {
                let mut suspects = self.suspects.iter();
                suspects.any(|(_, suspect)| concerns(facts, suspect, &symptom.entity))
            });
        match (of_suspects.as_slice(), beside.first()) {
            ([], None) => "No, nothing was seen to be wrong there.".to_owned(),
            ([], Some(other)) => format!(
                "No; but in the same namespace, {} {}",
                other.entity, other.statement
            ),
            ([first], _) => format!("Yes: {} {}", first.entity, first.statement),
            ([first, more @ ..], _) => {
                format!(
                    "Yes: {} {}, and {} more",
                    first.entity,
                    first.statement,
                    more.len()
                )
            }
        }
    }
}

/// Whether trouble of an entity is trouble of the suspect: its own, that of its pods, and that of the pods that a node runs.
fn concerns(facts: &Facts<'_>, suspect: &EntityRef, entity: &EntityRef) -> bool {
    if suspect.kind == "Node" {
        let on_it = facts
            .pod(entity)
            .is_some_and(|pod| pod.spec.node_name == suspect.name);
        return suspect == entity || entity.kind == "Pod" && on_it;
    }
    facts.unit_of(entity) == facts.unit_of(suspect)
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::{Namespace, SYSTEM};
    use crate::incident::facts::Facts;
    use crate::incident::testing::{case, object};

    #[test]
    fn of_a_node_only_what_runs_on_it_is_an_answer() {
        let mut case = case();
        case.namespaces.insert(SYSTEM.to_owned());
        let agent = |name: &str, node: &str, ready: &str| {
            object(
                name,
                json!({
                    "metadata": {"namespace": SYSTEM},
                    "spec": {"nodeName": node, "containers": [{"name": "agent"}]},
                    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [{
                        "name": "agent", "restartCount": if ready == "True" { 0 } else { 9 },
                        "state": if ready == "True" { json!({"running": {}}) } else { json!({"waiting": {"reason": "CrashLoopBackOff"}}) },
                    }]},
                }),
            )
        };
        case.objects.pods = vec![agent("agent-1", "n1", "True"), agent("agent-2", "n2", "False")];
        let answer = |node: &str| {
            let probe = Namespace {
                name: SYSTEM.to_owned(),
                suspects: vec![(1, EntityRef::cluster("Node", node))],
            };
            probe.answer(&Facts::new(&case))
        };
        assert!(
            answer("n2").starts_with("Yes: Pod kube-system/agent-2"),
            "{}",
            answer("n2")
        );
        assert!(
            answer("n1").starts_with("No; but in the same namespace, Pod kube-system/agent-2"),
            "{}",
            answer("n1")
        );
        case.objects.pods.truncate(1);
        let probe = Namespace {
            name: SYSTEM.to_owned(),
            suspects: vec![(1, EntityRef::cluster("Node", "n1"))],
        };
        assert_eq!(
            probe.answer(&Facts::new(&case)),
            "No, nothing was seen to be wrong there."
        );
    }
}
