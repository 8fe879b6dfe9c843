//! A Service that callers rely on is gone.

mod introduced;

use std::collections::BTreeMap;

use claw_core::change::Change;
use claw_core::entity::EntityRef;
use claw_k8s::model::{Object, Workload};
use claw_metrics::logs::indicators::Indicator;

use super::named_hosts::is_nobody;
use super::{Area, Mechanism, recent_change};
use crate::incident::candidate::{Advice, Candidate};
use crate::incident::complaint::{Complaint, complaints, is_namespace, parts};
use crate::incident::facts::Facts;
use crate::incident::logs::host_of;
use introduced::introduced;

/// Callers that go on as they did cannot resolve the name of a Service of this cluster, and no Service bears it.
///
/// A caller that was only just told the name has a wrong address; [`super::wrong_address`] speaks for that.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceMissing;

impl Mechanism for ServiceMissing {
    fn id(&self) -> &'static str {
        "service_missing"
    }

    fn area(&self) -> Area {
        Area::Traffic
    }

    fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        missing(facts)
            .into_values()
            .map(|missing| missing.candidate(facts))
            .collect()
    }
}

/// Callers that are named.
const NAMED: usize = 4;

/// A Service that is not there and should be.
#[derive(Debug)]
pub(super) struct Missing<'f, 'a> {
    service: EntityRef,
    /// What it led to, by its name.
    workload: Option<&'a Workload>,
    /// That it was changed, of which only its deletion can be left.
    deleted: Option<&'a Change>,
    /// What its callers say.
    complaints: Vec<&'f Complaint<'a>>,
}

/// The Services that are missing, by their names: somebody else is there to whom they led, several callers want them, or it is
/// recorded that they were changed.
pub(super) fn missing<'f, 'a>(facts: &'f Facts<'a>) -> BTreeMap<EntityRef, Missing<'f, 'a>> {
    let mut wanted: BTreeMap<EntityRef, Vec<&'f Complaint<'a>>> = BTreeMap::new();
    for complaint in complaints(facts) {
        if let Some(service) = wants(facts, complaint) {
            wanted.entry(service).or_default().push(complaint);
        }
    }
    wanted
        .into_iter()
        .filter_map(|(service, complaints)| {
            let workload = namesake(facts, &service);
            let complaints: Vec<&Complaint<'_>> = complaints
                .into_iter()
                .filter(|complaint| !introduced(facts, complaint, &service, workload))
                .collect();
            let since = complaints.iter().filter_map(|complaint| complaint.since()).min();
            let deleted = recent_change::before_trouble(facts, &service, since, |_| true);
            let missing = Missing {
                service: service.clone(),
                workload,
                deleted,
                complaints,
            };
            let several = missing.callers().len() > 1;
            let known = several || missing.workload.is_some() || missing.deleted.is_some();
            (!missing.complaints.is_empty() && known).then_some((service, missing))
        })
        .collect()
}

/// The Service whose name somebody cannot resolve, where all Services of its namespace are known and it is none of them.
pub(super) fn wants(facts: &Facts<'_>, complaint: &Complaint<'_>) -> Option<EntityRef> {
    if !matches!(complaint.kind, Indicator::UnknownHost | Indicator::ResolverFailed) {
        return None;
    }
    let own = complaint.workload.namespace.as_deref()?;
    let host = host_of(complaint.host.as_deref()?);
    if is_nobody(host) {
        return None;
    }
    let (name, namespace, certain) = parts(own, host)?;
    let here = certain || is_namespace(facts, namespace);
    let absent = facts.case.knows_all("Service", namespace)
        && facts.case.saw_objects()
        && facts.service(namespace, name).is_none();
    (here && absent).then(|| EntityRef::namespaced("Service", namespace, name))
}

/// The workload of a Service's name, if there is one that serves.
fn namesake<'a>(facts: &Facts<'a>, service: &EntityRef) -> Option<&'a Workload> {
    let mut named = facts.top_workloads().filter(|workload| {
        workload.metadata.name == service.name
            && workload.metadata.namespace == service.namespace
            && matches!(
                workload.kind.as_str(),
                "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"
            )
    });
    match (named.next(), named.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

impl Missing<'_, '_> {
    fn callers(&self) -> Vec<EntityRef> {
        let mut callers: Vec<EntityRef> = self
            .complaints
            .iter()
            .map(|complaint| complaint.workload.clone())
            .collect();
        callers.sort();
        callers.dedup();
        callers
    }

    /// Whether a caller's complaint comes of it.
    pub(super) fn is_wanted_by(&self, complaint: &Complaint<'_>) -> bool {
        let mut known = self.complaints.iter();
        known.any(|known| known.workload == complaint.workload && known.kind == complaint.kind)
    }

    fn candidate(&self, facts: &Facts<'_>) -> Candidate {
        let service = &self.service;
        let callers = self.callers();
        let names: Vec<String> = callers.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match callers.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let told = self
            .complaints
            .iter()
            .take(NAMED)
            .flat_map(|complaint| complaint.evidence(facts));
        let since = self
            .complaints
            .iter()
            .filter_map(|complaint| complaint.since())
            .min();
        let mut found = Candidate::new(
            "service_missing",
            service.clone(),
            format!(
                "{service} does not exist: {}{more} cannot resolve its name",
                names.join(", ")
            ),
        )
        .clue("name cannot be resolved", 2.2, told.collect())
        .since(since)
        .hurting(callers.iter().cloned())
        .derived(0.1);
        if let Some(workload) = self.workload {
            let statement = format!("is there, and the {service} that leads to it is not");
            let seen = vec![facts.object(workload, None, statement)];
            found = found.clue("a workload of its name is there", 1.5, seen);
        }
        if callers.len() > 1 {
            found = found.clue("several callers rely on it", 0.8, Vec::new());
        }
        found = match self.deleted {
            Some(change) => found
                .clue("it was changed before", 1.5, vec![facts.change_evidence(change)])
                .brought_by(Some(&change.reference))
                .advise(Advice::new(
                    format!("Take back {}: {}", change.reference, change.summary),
                    "The Service was there before",
                )),
            None => found.unseen(format!("who deleted {service}, and when")),
        };
        found.advise(self.make_again())
    }

    fn make_again(&self) -> Advice {
        let service = &self.service;
        let advice = |to: String| {
            Advice::new(
                format!("Make {service} again{to}"),
                "Its name cannot be resolved, and every call to it fails, until it is there",
            )
        };
        let Some(workload) = self.workload else {
            return advice(String::new());
        };
        let declared = workload.template().spec.containers.iter();
        let mut declared: Vec<i32> = declared
            .flat_map(|container| &container.ports)
            .map(|port| port.container_port)
            .collect();
        declared.sort_unstable();
        declared.dedup();
        let target = match declared.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let advice = advice(format!(
            ", with the selector and the ports of {}",
            workload.entity()
        ));
        let called = self.called_port();
        // Of several ports it is not known which is meant, unless they are called by it.
        let target = target.or(called.filter(|port| declared.contains(port)));
        match (called.or(target), target) {
            (Some(port), Some(target)) => advice.command(made(service, workload, port, target)),
            _ => advice,
        }
    }

    /// The port that callers name.
    fn called_port(&self) -> Option<i32> {
        self.complaints.iter().find_map(|complaint| {
            let (_, port) = complaint.host.as_deref()?.rsplit_once(':')?;
            port.parse().ok()
        })
    }
}

/// The command that makes a Service for a workload. `expose` knows Deployments and ReplicaSets only.
fn made(service: &EntityRef, workload: &Workload, port: i32, target: i32) -> String {
    let namespace = service.namespace.as_deref().unwrap_or("default");
    let name = &service.name;
    let kind = workload.kind.to_lowercase();
    if matches!(workload.kind.as_str(), "Deployment" | "ReplicaSet") {
        let of = &workload.metadata.name;
        return format!(
            "kubectl -n {namespace} expose {kind}/{of} --name={name} --port={port} --target-port={target}"
        );
    }
    // The pods of a StatefulSet have their own names by it.
    let headless = if workload.spec.service_name == *name {
        " --clusterip=None"
    } else {
        ""
    };
    // Labels of the template that the selector leaves out may change with the next rollout.
    let selected = workload
        .spec
        .selector
        .as_ref()
        .map(|selector| &selector.match_labels);
    let selected = selected.filter(|labels| !labels.is_empty());
    let labels: Vec<String> = selected
        .unwrap_or(&workload.template().metadata.labels)
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "kubectl -n {namespace} create service clusterip {name} --tcp={port}:{target}{headless} && kubectl -n {namespace} set selector service {name} {}",
        labels.join(",")
    )
}

#[cfg(test)]
mod tests;
