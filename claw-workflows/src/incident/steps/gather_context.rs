//! Step 1: what the alert is about, the objects around it, and the metrics that moved.

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::model::{Object, Workload};
use claw_k8s::tools::{
    DescribeEvents, DescribeEventsInput, GetNodes, GetNodesInput, GetPods, GetPodsInput, GetPodsOutput,
    GetWorkloads, GetWorkloadsInput,
};

use super::reading::{read, settle};
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::subject::{self, Hints};
use crate::incident::{metrics, window};

/// Most namespaces that one run reads in depth.
const MAX_NAMESPACES: usize = 3;

/// Finds the alerting entities, reads pods, workloads, nodes, events and metrics of their namespaces.
#[derive(Clone, Copy, Debug)]
pub struct GatherContext;

#[async_trait]
impl Step<Case> for GatherContext {
    fn name(&self) -> &str {
        "gather_context"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        window::settle(&mut case, cx.now());
        let mut hints = Hints::default();
        for alert in &case.incident.alerts {
            hints.extend(subject::hints(&alert.labels));
        }
        hints.namespaces.extend(
            case.incident
                .subject
                .iter()
                .filter_map(|entity| entity.namespace.clone()),
        );
        hints.namespaces.extend(case.incident.namespaces.iter().cloned());
        hints.entities.extend(case.incident.subject.iter().cloned());
        case.namespaces = hints.namespaces.iter().take(MAX_NAMESPACES).cloned().collect();
        if hints.namespaces.len() > MAX_NAMESPACES {
            let left: Vec<_> = hints.namespaces.iter().skip(MAX_NAMESPACES).cloned().collect();
            case.gap(
                "namespaces",
                format!(
                    "the alerts name more namespaces than one run reads: {}",
                    left.join(", ")
                ),
                "group alerts by namespace",
            );
        }
        // An alert that names no namespace may be about any: all that may be read is looked at.
        // One list of all costs less than one for each of several.
        let scopes: Vec<Option<String>> = match case.namespaces.first() {
            Some(only) if case.namespaces.len() == 1 => vec![Some(only.clone())],
            _ => vec![None],
        };
        cx.progress("reading pods, workloads, nodes and events");
        read_objects(cx, &mut case, &scopes).await?;
        if case.namespaces.is_empty() {
            case.namespaces = all_namespaces(&case);
        }
        case.subject = alerting(&case, &hints);
        cx.progress("reading metrics");
        metrics::gather(cx, &mut case).await?;
        Ok(Outcome::Continue(case))
    }
}

async fn read_objects(cx: &StepContext, case: &mut Case, scopes: &[Option<String>]) -> Result<(), StepError> {
    for scope in scopes {
        let pods = GetPodsInput {
            namespace: scope.clone(),
            ..GetPodsInput::default()
        };
        let workloads = GetWorkloadsInput {
            namespace: scope.clone(),
        };
        let events = DescribeEventsInput {
            namespace: scope.clone(),
            ..DescribeEventsInput::default()
        };
        let (pods, workloads, events) = futures::join!(
            cx.observe::<GetPods>(
                pods,
                "which pods belong to the alerting service, and how they are"
            ),
            cx.observe::<GetWorkloads>(workloads, "what runs them, and how it should be"),
            cx.observe::<DescribeEvents>(events, "what Kubernetes itself complains of"),
        );
        if let Some(GetPodsOutput {
            pods,
            events,
            gaps,
            usage: _,
        }) = settle::<GetPods>(cx, case, pods)?
        {
            case.objects.pods.extend(pods);
            case.objects.events.extend(events);
            case.gaps.extend(gaps);
        }
        if let Some(answer) = settle::<GetWorkloads>(cx, case, workloads)? {
            case.objects.workloads.extend(answer.workloads);
            case.objects.autoscalers.extend(answer.autoscalers);
            case.gaps.extend(answer.gaps);
        }
        if let Some(answer) = settle::<DescribeEvents>(cx, case, events)? {
            case.objects.events.extend(answer.events);
            case.gaps.extend(answer.gaps);
        }
    }
    let why = "whether the nodes are well";
    if let Some(answer) = read::<GetNodes>(cx, case, GetNodesInput {}, why).await? {
        case.objects.nodes = answer.nodes;
        case.objects.events.extend(answer.events);
        case.gaps.extend(answer.gaps);
    }
    tidy(case);
    Ok(())
}

/// Each object once, in the order of names.
pub(super) fn tidy(case: &mut Case) {
    fn unique<T: Object>(objects: &mut Vec<T>) {
        objects.sort_by_key(Object::entity);
        objects.dedup_by(|a, b| a.entity() == b.entity());
    }
    let objects = &mut case.objects;
    unique(&mut objects.pods);
    unique(&mut objects.workloads);
    unique(&mut objects.events);
    unique(&mut objects.nodes);
    unique(&mut objects.services);
    unique(&mut objects.endpoint_slices);
    unique(&mut objects.autoscalers);
    unique(&mut objects.ingresses);
    unique(&mut objects.ingress_classes);
    unique(&mut objects.network_policies);
    unique(&mut objects.claims);
    unique(&mut objects.volumes);
    unique(&mut objects.storage_classes);
    unique(&mut objects.disruption_budgets);
    unique(&mut objects.quotas);
    unique(&mut objects.limit_ranges);
    unique(&mut objects.config_maps);
    unique(&mut objects.secrets);
    unique(&mut objects.service_accounts);
    unique(&mut objects.namespaces);
    case.gaps.sort();
    case.gaps.dedup();
}

fn all_namespaces(case: &Case) -> BTreeSet<String> {
    let pods = case
        .objects
        .pods
        .iter()
        .filter_map(|pod| pod.metadata.namespace.clone());
    let workloads = case
        .objects
        .workloads
        .iter()
        .filter_map(|workload| workload.metadata.namespace.clone());
    pods.chain(workloads).collect()
}

/// The alerting entities: those that the alert names, and for names without a kind the workloads and pods that bear them.
fn alerting(case: &Case, hints: &Hints) -> Vec<EntityRef> {
    let mut found: Vec<EntityRef> = Vec::new();
    let mut add = |entity: EntityRef| {
        if !found.contains(&entity) {
            found.push(entity);
        }
    };
    for entity in &hints.entities {
        add(entity.clone());
    }
    let facts = Facts::new(case);
    for name in &hints.applications {
        let bears = |workload: &&Workload| {
            let labels = &workload.template().metadata.labels;
            workload.metadata.name == *name
                || [
                    "app",
                    "app.kubernetes.io/name",
                    "app.kubernetes.io/instance",
                    "k8s-app",
                    "component",
                ]
                .iter()
                .any(|label| labels.get(*label) == Some(name))
        };
        let workloads: Vec<EntityRef> = facts.top_workloads().filter(bears).map(Object::entity).collect();
        if workloads.is_empty() {
            let namespace = hints.namespaces.iter().next().cloned();
            add(EntityRef {
                kind: "Service".to_owned(),
                namespace,
                name: name.clone(),
            });
        }
        workloads.into_iter().for_each(&mut add);
    }
    found
}
