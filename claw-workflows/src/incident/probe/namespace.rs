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
        let symptoms = symptom::detect(&Facts::new(case));
        let mut wrong = symptoms.iter().filter(|symptom| {
            symptom.severity >= Severity::Warning
                && symptom.entity.namespace.as_deref() == Some(self.name.as_str())
        });
        Ok(Some(match wrong.next() {
            None => "No, nothing was seen to be wrong there.".to_owned(),
            Some(first) => match wrong.count() {
                0 => format!("Yes: {} {}", first.entity, first.statement),
                more => format!("Yes: {} {}, and {more} more", first.entity, first.statement),
            },
        }))
    }
}
