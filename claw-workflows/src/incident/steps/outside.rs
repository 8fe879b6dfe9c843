//! What lies outside the namespaces that an alert names, and leads into them.
//!
//! Whom the services in question call is read along with them. Who refers to them is seen from elsewhere only: routes of
//! other namespaces, callers there, and Jobs that should keep a login of theirs fresh. That is asked for where what was read
//! explains nothing, and only what leads into the namespaces of the alert is taken: what else is wrong elsewhere is not
//! what it is about.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_core::report::Gap;
use claw_core::workflow::{StepContext, StepError};
use claw_k8s::model::{Object, Pod};
use claw_k8s::tools::{
    GetDependencies, GetDependenciesInput, GetPods, GetPodsInput, GetWorkloads, GetWorkloadsInput,
};
use claw_k8s::world::{Edge, Objects, Relation, World};
use jiff::Timestamp;

use super::analyze_logs::{FOR_PROBES, read_pods, selection};
use super::correlate_changes::look_again;
use super::gather_context::tidy;
use super::reading::{read, settle};
use crate::incident::case::{Call, Case};
use crate::incident::conclude::weigh;
use crate::incident::facts::Facts;
use crate::incident::mechanism::lacks_login;
use crate::incident::weights::Weights;
use crate::trigger::Alert;

/// Below this confidence the best hypothesis explains nothing.
const UNCLEAR: f64 = 0.3;
/// Workloads elsewhere that are looked at at most.
const MAX_UNITS: usize = 3;
/// A gateway leads to a route, that perhaps to another one, and the last to a Service.
const MAX_STEPS: usize = 3;
/// Rules of a mesh by which callers are kept out.
const KEEPS_OUT: [&str; 2] = ["PeerAuthentication", "AuthorizationPolicy"];
/// Where rules for a whole mesh are kept unless somebody sets another place.
const ROOT: &str = "istio-system";

/// What to look for outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// Who calls in, and by which routes.
    WaysIn,
    /// Who should keep the logins for images fresh, and does not.
    Login,
}

/// Follows what leads into the namespaces of the alert, where what was read there explains nothing by itself.
pub(super) async fn follow(cx: &StepContext, case: &mut Case, weights: &Weights) -> Result<(), StepError> {
    let Some(lead) = lead(case, weights).filter(|_| !cx.remaining().is_zero()) else {
        return Ok(());
    };
    cx.progress("looking at what leads into the alert's namespaces from elsewhere");
    match lead {
        Lead::WaysIn => ways_in(cx, case).await?,
        Lead::Login => writers(cx, case).await?,
    }
    tidy(case);
    look_again(case);
    Ok(())
}

/// What to look for, if for anything.
fn lead(case: &Case, weights: &Weights) -> Option<Lead> {
    if case.everywhere || case.namespaces.is_empty() || !case.saw_objects() {
        return None;
    }
    let weighed = weigh(case, weights);
    let best = weighed.ranked.first().map(|ranked| &ranked.hypothesis);
    if best.is_some_and(|best| lacks_login(&weighed.facts, &best.entity, &best.mechanism)) {
        return Some(Lead::Login);
    }
    let firing = case.incident.alerts.iter().any(Alert::is_firing);
    let clear = best.is_some_and(|best| best.confidence >= UNCLEAR);
    (firing && !clear).then_some(Lead::WaysIn)
}

/// Pods and workloads of all namespaces; `None` where the agent may not list them, which the report says.
async fn read_elsewhere(cx: &StepContext, case: &mut Case) -> Result<Option<Objects>, StepError> {
    let pods = GetPodsInput {
        brief: true,
        ..GetPodsInput::default()
    };
    let (pods, workloads) = futures::join!(
        cx.observe::<GetPods>(pods, "who elsewhere has to do with the alerting service"),
        cx.observe::<GetWorkloads>(GetWorkloadsInput::default(), "what runs them"),
    );
    let own = std::mem::take(&mut case.gaps);
    let pods = settle::<GetPods>(cx, case, pods)?;
    let workloads = settle::<GetWorkloads>(cx, case, workloads)?;
    let unanswered = std::mem::replace(&mut case.gaps, own);
    case.add_gaps(of_others(unanswered));
    let Some((pods, workloads)) = pods.zip(workloads) else {
        return Ok(None);
    };
    case.add_gaps(of_others(pods.gaps));
    case.add_gaps(of_others(workloads.gaps));
    Ok(Some(Objects {
        pods: pods.pods,
        workloads: workloads.workloads,
        ..Objects::default()
    }))
}

/// Gaps of lists of all namespaces, by a name that tells them from those of the alert's own, which were read before and are known.
fn of_others(gaps: Vec<Gap>) -> impl Iterator<Item = Gap> {
    gaps.into_iter().map(|gap| Gap {
        source: format!("{} of other namespaces", gap.source),
        ..gap
    })
}

/// Takes callers and routes of other namespaces, and reads what the callers log.
async fn ways_in(cx: &StepContext, case: &mut Case) -> Result<(), StepError> {
    let mut objects = Objects::default();
    let input = GetDependenciesInput {
        namespace: None,
        traffic_only: true,
        injectors: false,
    };
    let why = "which routes and policies decide whether calls come through";
    if let Some(answer) = read::<GetDependencies>(cx, case, input, why).await? {
        objects.services = answer.objects.services;
        objects.endpoint_slices = answer.objects.endpoint_slices;
        objects.network_policies = answer.objects.network_policies;
        objects.gateway = answer.objects.gateway;
        objects.mesh = answer.objects.mesh;
        case.add_gaps(of_others(answer.gaps));
    }
    // No webhooks are among the objects, so that all traffic is calls and routes.
    let mut edges = World::traffic_edges(&objects);
    let routes = routes_into(&case.namespaces, &edges);
    // Who comes in by no route calls by himself, and may be kept out by a rule of the mesh.
    let ruled = objects
        .mesh
        .iter()
        .any(|rule| KEEPS_OUT.contains(&rule.kind.as_str()));
    if routes.is_empty()
        && ruled
        && let Some(running) = read_elsewhere(cx, case).await?
    {
        objects.pods = running.pods;
        objects.workloads = running.workloads;
        edges = World::traffic_edges(&objects);
    }
    let wide = elsewhere(case, objects);
    let facts = Facts::new(&wide);
    let callers = callers_into(&facts, &case.namespaces, &edges);
    take_units(case, &facts, &callers);
    let near: BTreeSet<&str> = callers
        .iter()
        .filter_map(|caller| caller.namespace.as_deref())
        .chain([ROOT])
        .collect();
    let objects = &wide.objects;
    let of_routes = |object: &EntityRef| routes.contains(object) || object.kind == "GatewayClass";
    let leads = objects
        .gateway
        .iter()
        .filter(|one| !routes.is_empty() && of_routes(&one.entity()));
    case.objects.gateway.extend(leads.cloned());
    let meshed = objects.mesh.iter();
    let meshed = meshed.filter(|one| near.contains(one.metadata.ns()) || routes.contains(&one.entity()));
    case.objects.mesh.extend(meshed.cloned());
    let policies = objects.network_policies.iter();
    let policies = policies.filter(|policy| near.contains(policy.metadata.ns()));
    case.objects.network_policies.extend(policies.cloned());
    let told = edges.into_iter().filter(|edge| {
        let from = facts.unit_of(&edge.from);
        routes.contains(&edge.from) || callers.contains(&from) && is_in(&case.namespaces, &edge.to)
    });
    case.calls.extend(told.map(|edge| Call {
        caller: edge.from,
        callee: edge.to,
        via: edge.via,
    }));
    case.calls.sort();
    case.calls.dedup();
    let wanted = callers
        .iter()
        .flat_map(|unit| selection::of_one_pod(&facts, unit));
    let wanted = wanted.collect();
    read_pods(cx, case, wanted, FOR_PROBES).await?;
    Ok(())
}

/// Takes Jobs of other namespaces that fail over something in the alert's: over a Secret of theirs, for one.
async fn writers(cx: &StepContext, case: &mut Case) -> Result<(), StepError> {
    let Some(objects) = read_elsewhere(cx, case).await? else {
        return Ok(());
    };
    let wide = elsewhere(case, objects);
    let facts = Facts::new(&wide);
    let failing = failing_jobs(&facts, &case.namespaces);
    let wanted = failing.iter().flat_map(|pod| selection::of_pod(pod)).collect();
    read_pods(cx, case, wanted, 0).await?;
    let speaks = |pod: &Pod, case: &Case| {
        let mut logs = case.logs.iter().filter(|digest| digest.pod == pod.entity());
        logs.any(|digest| {
            let mut said = digest.patterns.iter();
            said.any(|pattern| names_any(&pattern.sample, &case.namespaces))
        })
    };
    let (of_ours, others): (Vec<&Pod>, Vec<&Pod>) = failing.into_iter().partition(|pod| speaks(pod, case));
    let units: BTreeSet<EntityRef> = of_ours.iter().map(|pod| facts.workload_of(pod)).collect();
    take_units(case, &facts, &units);
    // What fails over something else is not what the alert is about.
    case.logs
        .retain(|digest| !others.iter().any(|pod| pod.entity() == digest.pod));
    Ok(())
}

/// The case with the objects of all namespaces, and nothing that was logged.
fn elsewhere(case: &mut Case, objects: Objects) -> Case {
    // What is replaced need not be copied first.
    let own = std::mem::take(&mut case.objects);
    let logs = std::mem::take(&mut case.logs);
    let calls = std::mem::take(&mut case.calls);
    let wide = Case {
        objects,
        ..case.clone()
    };
    (case.objects, case.logs, case.calls) = (own, logs, calls);
    wide
}

fn is_in(namespaces: &BTreeSet<String>, entity: &EntityRef) -> bool {
    let namespace = entity.namespace.as_ref();
    namespace.is_some_and(|namespace| namespaces.contains(namespace))
}

/// Gateways and routes of other namespaces by which requests come in.
fn routes_into(namespaces: &BTreeSet<String>, edges: &[Edge]) -> BTreeSet<EntityRef> {
    let mut found: BTreeSet<EntityRef> = BTreeSet::new();
    for _step in 0..MAX_STEPS {
        let next: Vec<EntityRef> = edges
            .iter()
            .filter(|edge| edge.relation == Relation::Routes && !is_in(namespaces, &edge.from))
            .filter(|edge| {
                found.contains(&edge.to) || edge.to.kind == "Service" && is_in(namespaces, &edge.to)
            })
            .map(|edge| edge.from.clone())
            .collect();
        found.extend(next);
    }
    found
}

/// Workloads of other namespaces that call in: those that call the alerting ones first.
fn callers_into(facts: &Facts<'_>, namespaces: &BTreeSet<String>, edges: &[Edge]) -> BTreeSet<EntityRef> {
    let subject: BTreeSet<EntityRef> = facts.case.subject.iter().map(|one| facts.unit_of(one)).collect();
    let mut callers: Vec<(bool, EntityRef)> = edges
        .iter()
        .filter(|edge| edge.relation == Relation::Calls && is_in(namespaces, &edge.to))
        .filter(|edge| !is_in(namespaces, &edge.from))
        .map(|edge| {
            (
                !subject.contains(&facts.unit_of(&edge.to)),
                facts.unit_of(&edge.from),
            )
        })
        .filter(|(_, unit)| facts.workload(unit).is_some())
        .collect();
    callers.sort();
    let mut found = BTreeSet::new();
    for (_, unit) in callers {
        if found.len() < MAX_UNITS {
            found.insert(unit);
        }
    }
    found
}

/// A pod of each Job elsewhere that fails, those that failed last first.
fn failing_jobs<'a>(facts: &Facts<'a>, namespaces: &BTreeSet<String>) -> Vec<&'a Pod> {
    let failed = |pod: &&Pod| {
        let mut ends = pod.all_statuses().flat_map(|status| {
            let states = [&status.state, &status.last_state];
            states.map(|state| state.terminated.as_ref())
        });
        let by_itself = ends.any(|end| end.is_some_and(|end| end.exit_code != 0));
        pod.status.phase == "Failed" || by_itself
    };
    let mut pods: Vec<&Pod> = facts
        .pods()
        .filter(|pod| !namespaces.contains(pod.metadata.ns()))
        .filter(|pod| matches!(facts.workload_of(pod).kind.as_str(), "Job" | "CronJob"))
        .filter(failed)
        .filter(|pod| ended_since(pod, facts.case.window.start))
        .collect();
    pods.sort_by_key(|pod| (std::cmp::Reverse(pod.metadata.creation_timestamp), pod.entity()));
    let mut units = BTreeSet::new();
    pods.retain(|pod| units.insert(facts.workload_of(pod)));
    pods.truncate(MAX_UNITS);
    pods
}

/// Whether a container of a pod ended since then, or when it did is not told.
fn ended_since(pod: &Pod, start: Timestamp) -> bool {
    let mut ends = pod.all_statuses().flat_map(|status| {
        let states = [&status.state, &status.last_state];
        states
            .into_iter()
            .filter_map(|state| state.terminated.as_ref()?.finished_at)
    });
    let first = ends.next();
    first.is_none_or(|first| first >= start || ends.any(|end| end >= start))
}

/// Whether a text names one of these namespaces as one: quoted, behind the word, or before what is in it.
fn names_any(text: &str, names: &BTreeSet<String>) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    names.iter().filter(|name| !name.is_empty()).any(|name| {
        text.match_indices(name.as_str()).any(|(at, _)| {
            let before = text.get(..at).unwrap_or_default();
            let behind = text.get(at.saturating_add(name.len())..).unwrap_or_default();
            let whole = !before.ends_with(part_of_name) && !behind.starts_with(part_of_name);
            let quoted = before.ends_with(['"', '\'', '`', '“']);
            let word = before.trim_end_matches([' ', '=', ':', '/', '"']);
            whole
                && (quoted
                    || behind.starts_with('/')
                    || word.ends_with("namespace")
                    || word.ends_with("namespaces")
                    || word.ends_with("-n"))
        })
    })
}

/// Adds workloads of elsewhere, with what they own.
fn take_units(case: &mut Case, facts: &Facts<'_>, units: &BTreeSet<EntityRef>) {
    let of = |entity: &EntityRef| units.contains(&facts.top_of(entity));
    let workloads = facts.case.objects.workloads.iter();
    let workloads = workloads.filter(|workload| of(&workload.entity()));
    case.objects.workloads.extend(workloads.cloned());
    let pods = facts.pods().filter(|pod| units.contains(&facts.workload_of(pod)));
    case.objects.pods.extend(pods.cloned());
}

#[cfg(test)]
mod tests;
