//! What a suspect itself logged, where that was not read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::reason::Offer;
use claw_core::tool::Tool as _;
use claw_core::workflow::{StepContext, StepError};
use claw_k8s::model::{Object as _, Pod};
use claw_k8s::tools::GetPodLogs;
use serde_json::json;

use super::{MAX_RIVALS, Probe, RIVAL};
use crate::incident::case::Case;
use crate::incident::conclude::Weighed;
use crate::incident::facts::{Facts, clip};
use crate::incident::logs::host_of;
use crate::incident::mechanism::named_hosts;
use crate::incident::steps::analyze_logs::selection::{Wanted, of_pod, silent_node};
use crate::incident::steps::analyze_logs::{calls_left, read_pods};

/// How often something that is at fault logs an error.
const IF_AT_FAULT: f64 = 0.85;
/// How often something else does during an incident.
const OTHERWISE: f64 = 0.3;

#[derive(Debug)]
struct Logs {
    unit: EntityRef,
    wanted: Vec<Wanted>,
    /// Ranks of the hypotheses that blame it.
    ranks: Vec<u32>,
}

/// Others who use a host outside that are asked whether they get through.
const MAX_USERS: usize = 2;

/// Units of which no log was read and whose environment names a host that is suspected: whether they get through tells a fault
/// of the host from one of its first accuser.
fn users(facts: &Facts<'_>, host: &EntityRef) -> Vec<EntityRef> {
    if host.kind != EntityRef::EXTERNAL_HOST {
        return Vec::new();
    }
    let name = host_of(&host.name);
    let read = facts.with_logs();
    facts
        .top_workloads()
        .filter(|workload| {
            let named = named_hosts::named(&workload.template().spec);
            named.iter().any(|address| address.host == name)
        })
        .map(|workload| workload.entity())
        .filter(|unit| !read.contains(unit))
        .take(MAX_USERS)
        .collect()
}

/// One for each suspect whose pods are known and whose logs were not asked for, while there are calls left.
pub(super) fn probes(weighed: &Weighed<'_>) -> Vec<Box<dyn Probe>> {
    let facts = &weighed.facts;
    let read = facts.with_logs();
    let mut suspects: BTreeMap<EntityRef, Vec<u32>> = BTreeMap::new();
    for ranked in weighed.ranked.iter().take(MAX_RIVALS) {
        if ranked.hypothesis.confidence >= RIVAL {
            let unit = facts.unit_of(&ranked.hypothesis.entity);
            for user in users(facts, &ranked.hypothesis.entity) {
                suspects.entry(user).or_default().push(ranked.hypothesis.rank);
            }
            suspects.entry(unit).or_default().push(ranked.hypothesis.rank);
        }
    }
    suspects
        .into_iter()
        .filter(|(unit, _)| !read.contains(unit))
        .filter_map(|(unit, ranks)| {
            let reachable = |pod: &&&Pod| silent_node(facts, pod).is_none();
            let pods: Vec<&&Pod> = facts.pods_of(&unit).iter().filter(reachable).collect();
            let pod = pods.iter().find(|pod| !pod.is_ready()).or(pods.first())?;
            let mut wanted = of_pod(pod);
            wanted.truncate(calls_left(facts.case));
            let probe = Logs { unit, wanted, ranks };
            (!probe.wanted.is_empty()).then(|| Box::new(probe) as Box<dyn Probe>)
        })
        .collect()
}

#[async_trait]
impl Probe for Logs {
    fn offer(&self) -> Offer {
        let id = format!("logs of {}", self.unit);
        let question = format!("Does {} log errors?", self.unit);
        let mut offer = Offer::new(id, GetPodLogs::NAME, question)
            .with_input(json!({"containers": self.wanted.iter().map(Wanted::locator).collect::<Vec<_>>()}));
        offer.calls = u32::try_from(self.wanted.len()).unwrap_or(u32::MAX);
        offer.otherwise = OTHERWISE;
        self.ranks
            .iter()
            .fold(offer, |offer, rank| offer.expecting(*rank, IF_AT_FAULT))
    }

    async fn make(&self, cx: &StepContext, case: &mut Case) -> Result<Option<String>, StepError> {
        // Others that were chosen with it may have used them up.
        if calls_left(case) == 0 {
            let left = self.wanted.iter().map(Wanted::locator);
            case.logs_left.extend(left);
            return Ok(None);
        }
        let before = case.logs.len();
        read_pods(cx, case, self.wanted.clone(), 0).await?;
        let new = case.logs.get(before..).unwrap_or_default();
        let patterns: Vec<_> = new.iter().flat_map(|digest| &digest.patterns).collect();
        Ok(Some(match (new.is_empty(), patterns.first()) {
            (true, _) => "It could not be read.".to_owned(),
            (false, None) => "No, nothing out of the ordinary.".to_owned(),
            (false, Some(first)) => {
                let kinds = if patterns.len() == 1 { "kind" } else { "kinds" };
                format!("Yes, {} {kinds}: {}", patterns.len(), clip(&first.sample, 160))
            }
        }))
    }
}
