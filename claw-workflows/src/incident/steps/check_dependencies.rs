//! Step 3: what the services in question stand on, and who calls whom.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::evidence::Severity;
use claw_core::topology::CallGraphQuery;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::bundle::RecordedTopology;
use claw_k8s::tools::{GetDependencies, GetDependenciesInput, GetDependenciesOutput};
use claw_k8s::world::{Edge, Relation};
use claw_metrics::logs::indicators::Indicator;

use super::analyze_logs::{FOR_PROBES, MAX_AROUND, MAX_SILENT, read_pods, selection};
use super::gather_context::{read_beside, tidy};
use super::reading::{read, settle};
use crate::incident::case::{Call, Case};
use crate::incident::complaint::Target;
use crate::incident::facts::Facts;
use crate::incident::{metrics, subject, symptom};

/// Namespaces that are read besides those of the alert, because its services call into them.
const MAX_BESIDE: usize = 1;

/// Reads services, endpoints, policies and whatever else the workloads stand on, and the call graph.
#[derive(Clone, Copy, Debug)]
pub struct CheckDependencies;

#[async_trait]
impl Step<Case> for CheckDependencies {
    fn name(&self) -> &str {
        "check_dependencies"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        cx.progress("reading services, endpoints and policies");
        let injectors = fails_injected(&Facts::new(&case));
        for scope in case.scopes() {
            let input = GetDependenciesInput {
                namespace: scope.clone(),
                traffic_only: false,
                injectors,
            };
            let why = "what the workloads stand on, and who calls whom";
            if let Some(answer) = read::<GetDependencies>(cx, &mut case, input, why).await? {
                take(&mut case, scope, answer);
            }
        }
        if cx.tools().get("query_topology").is_some() {
            let answer = cx
                .observe::<RecordedTopology>(CallGraphQuery::default(), "who calls whom")
                .await;
            if let Some(graph) = settle::<RecordedTopology>(cx, &mut case, answer)? {
                let calls = graph.edges.into_iter().map(|edge| Call {
                    caller: edge.from,
                    callee: edge.to,
                    via: "topology".to_owned(),
                });
                case.calls.extend(calls);
            }
        }
        case.calls.sort();
        case.calls.dedup();
        tidy(&mut case);
        let beside: BTreeSet<String> = called_into(&case).into_iter().collect();
        for namespace in &beside {
            cx.progress(format!("reading the namespace {namespace}, which is called into"));
            read_beside(cx, &mut case, namespace).await?;
            if !is_out_of_reach(&Facts::new(&case), namespace) {
                continue;
            }
            let input = GetDependenciesInput {
                namespace: Some(namespace.clone()),
                traffic_only: true,
                injectors: false,
            };
            let why = "whether calls into it come through";
            if let Some(answer) = read::<GetDependencies>(cx, &mut case, input, why).await? {
                take(&mut case, Some(namespace.clone()), answer);
            }
        }
        case.calls.sort();
        case.calls.dedup();
        tidy(&mut case);
        if !beside.is_empty() {
            // Together: each reading of metrics may take a part of the time that is left.
            metrics::gather(cx, &mut case, &beside).await?;
        }
        let asked = subject::asked_hosts(&case);
        case.subject.extend(asked);
        if case.subject.is_empty()
            && let Some((reason, remedy)) = subject::asked_in_vain(&case)
        {
            case.gap("question", reason, remedy);
        }
        let silent = selection::of_silent(&Facts::new(&case));
        let silent = selection::first(&mut case, silent, MAX_SILENT);
        read_pods(cx, &mut case, silent, FOR_PROBES).await?;
        let around = selection::around(&Facts::new(&case));
        let around = selection::first(&mut case, around, MAX_AROUND);
        read_pods(cx, &mut case, around, FOR_PROBES).await?;
        // These may pass on errors as well.
        let origins = selection::passed_on(&Facts::new(&case));
        read_pods(cx, &mut case, origins, FOR_PROBES).await?;
        find_addresses(cx, &mut case).await?;
        let beyond = selection::beyond(&Facts::new(&case));
        read_pods(cx, &mut case, beyond, FOR_PROBES).await?;
        Ok(Outcome::Continue(case))
    }
}

/// Whether a container fails that its workload does not have: who put it there may have been changed.
fn fails_injected(facts: &Facts<'_>) -> bool {
    facts.pods().any(|pod| {
        let mut failing = pod
            .all_statuses()
            .filter(|status| !status.ready && status.restart_count > 0);
        failing.any(|status| facts.is_injected(&facts.workload_of(pod), &status.name))
    })
}

/// Reads the Services to which addresses may belong of which workloads complain, and which nobody bears who was read: those
/// of namespaces into which these workloads call. A workload of a namespace that was read beside says so only now.
async fn find_addresses(cx: &StepContext, case: &mut Case) -> Result<(), StepError> {
    for asking in strangers_to(&Facts::new(case)).into_iter().take(MAX_BESIDE) {
        let calls_of = |case: &Case| -> BTreeSet<String> {
            let facts = Facts::new(case);
            let own = case
                .calls
                .iter()
                .filter(|call| facts.unit_of(&call.caller) == asking);
            own.filter_map(|call| call.callee.namespace.clone()).collect()
        };
        let why = "whose addresses a workload complains of";
        let own = asking.namespace.clone();
        // Of a namespace that was read beside it is known how calls come through, and not whom its workloads call.
        if calls_of(case).is_empty() && own.is_some() {
            let input = GetDependenciesInput {
                namespace: own.clone(),
                traffic_only: false,
                injectors: false,
            };
            if let Some(answer) = read::<GetDependencies>(cx, case, input, why).await? {
                take(case, own, answer);
            }
        }
        for namespace in calls_of(case) {
            if case.knows_all("Service", &namespace) {
                continue;
            }
            if !case.knows_all("Pod", &namespace) {
                read_beside(cx, case, &namespace).await?;
            }
            let input = GetDependenciesInput {
                namespace: Some(namespace.clone()),
                traffic_only: true,
                injectors: false,
            };
            if let Some(answer) = read::<GetDependencies>(cx, case, input, why).await? {
                take(case, Some(namespace), answer);
            }
        }
        tidy(case);
    }
    Ok(())
}

/// Workloads that complain of an address of a private network that nobody has who was read, and of nobody who is known.
fn strangers_to(facts: &Facts<'_>) -> BTreeSet<EntityRef> {
    let complaints = || facts.complaints().iter();
    let knows = |workload: &EntityRef| {
        complaints()
            .filter(|complaint| complaint.workload == *workload)
            .any(|complaint| matches!(complaint.target, Target::Known(_)))
    };
    complaints()
        .filter(|complaint| complaint.is_of_unknown_address() && !complaint.is_of_api_server())
        .map(|complaint| complaint.workload.clone())
        .filter(|workload| !knows(workload))
        .collect()
}

/// Namespaces that were not read and into which the alerting services call, directly or by way of another, those with most
/// calls first.
fn called_into(case: &Case) -> Vec<String> {
    if case.everywhere {
        return Vec::new();
    }
    let facts = Facts::new(case);
    let mut callers: BTreeSet<EntityRef> = case.subject.iter().map(|entity| facts.unit_of(entity)).collect();
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for _hop in 0..2 {
        let called: Vec<&EntityRef> = case
            .calls
            .iter()
            .filter(|call| callers.is_empty() || callers.contains(&facts.unit_of(&call.caller)))
            .map(|call| &call.callee)
            .collect();
        for namespace in called.iter().filter_map(|callee| callee.namespace.clone()) {
            if !case.namespaces.contains(&namespace) {
                *calls.entry(namespace).or_default() += 1;
            }
        }
        callers.extend(called.into_iter().map(|callee| facts.unit_of(callee)));
    }
    let mut namespaces: Vec<(usize, String)> = calls.into_iter().map(|(name, calls)| (calls, name)).collect();
    namespaces.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| x.cmp(y)));
    namespaces
        .into_iter()
        .take(MAX_BESIDE)
        .map(|(_, name)| name)
        .collect()
}

/// Whether callers say that they do not get through to a namespace, and nothing there is unwell: then something between them
/// is wrong.
fn is_out_of_reach(facts: &Facts<'_>, namespace: &str) -> bool {
    let told = facts.complaints().iter().any(|complaint| {
        let there = match &complaint.target {
            Target::Known(entity) => entity.namespace.as_deref() == Some(namespace),
            Target::Unnamed => {
                complaint.kind == Indicator::DatabaseTrouble
                    || calls_only_into(facts, &complaint.workload, namespace)
            }
            // Whose address it is is known only with the Services there.
            Target::External(_) => complaint.is_of_unknown_address(),
            Target::Absent(_) => false,
        };
        let kept_out = matches!(
            complaint.kind,
            Indicator::ConnectionRefused
                | Indicator::ConnectionReset
                | Indicator::Timeout
                | Indicator::Unreachable
                | Indicator::AccessDenied
                | Indicator::ProtocolMismatch
                | Indicator::DatabaseTrouble
        );
        there && kept_out
    });
    told && !symptom::detect(facts).iter().any(|symptom| {
        symptom.severity >= Severity::Warning
            && symptom.entity.namespace.as_deref() == Some(namespace)
            && (symptom.id.starts_with("pod.") || symptom.id.starts_with("workload."))
    })
}

/// Whether all that a workload is known to call is there: then it is that which it complains of without a name.
fn calls_only_into(facts: &Facts<'_>, workload: &EntityRef, namespace: &str) -> bool {
    let mut callees = facts
        .case
        .calls
        .iter()
        .filter(|call| facts.unit_of(&call.caller) == *workload)
        .filter(|call| call.callee.namespace.is_some())
        .peekable();
    callees.peek().is_some() && callees.all(|call| call.callee.namespace.as_deref() == Some(namespace))
}

/// Adds what the tool read to the case.
fn take(case: &mut Case, scope: Option<String>, answer: GetDependenciesOutput) {
    let GetDependenciesOutput {
        objects,
        edges,
        complete,
        gaps,
    } = answer;
    for kind in complete {
        match &scope {
            Some(namespace) => {
                case.listed.entry(kind).or_default().insert(namespace.clone());
            }
            None => {
                case.listed_everywhere.insert(kind);
            }
        }
    }
    let known = &mut case.objects;
    known.services.extend(objects.services);
    known.endpoint_slices.extend(objects.endpoint_slices);
    known.ingresses.extend(objects.ingresses);
    known.ingress_classes.extend(objects.ingress_classes);
    known.network_policies.extend(objects.network_policies);
    known.claims.extend(objects.claims);
    known.volumes.extend(objects.volumes);
    known.storage_classes.extend(objects.storage_classes);
    known.autoscalers.extend(objects.autoscalers);
    known.disruption_budgets.extend(objects.disruption_budgets);
    known.quotas.extend(objects.quotas);
    known.limit_ranges.extend(objects.limit_ranges);
    known.config_maps.extend(objects.config_maps);
    known.secrets.extend(objects.secrets);
    known.service_accounts.extend(objects.service_accounts);
    known.namespaces.extend(objects.namespaces);
    known.webhooks.extend(objects.webhooks);
    known.gateway.extend(objects.gateway);
    known.mesh.extend(objects.mesh);
    known.certificates.extend(objects.certificates);
    let calls = edges
        .into_iter()
        .filter(|edge| matches!(edge.relation, Relation::Calls | Relation::Routes));
    case.calls.extend(calls.map(|Edge { from, to, via, .. }| Call {
        caller: from,
        callee: to,
        via,
    }));
    case.gaps.extend(gaps);
}
