//! Step 1: what the alert is about, the objects around it, and the metrics that moved.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use claw_core::entity::EntityRef;
use claw_core::gate::ObserveError;
use claw_core::report::Gap;
use claw_core::tool::{Tool as _, ToolErrorKind};
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::cluster::Resource;
use claw_k8s::model::{Meta, Object, Workload};
use claw_k8s::tools::{
    DescribeEvents, DescribeEventsInput, GetNodes, GetNodesInput, GetPods, GetPodsInput, GetPodsOutput,
    GetWorkloads, GetWorkloadsInput,
};

use super::reading::{read, settle};
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::runbook::Runbooks;
use crate::incident::subject::{self, Hints};
use crate::incident::{metrics, window};
use crate::trigger::Alert;

/// Most namespaces that one run reads in depth.
const MAX_NAMESPACES: usize = 3;

/// Finds the alerting entities, reads pods, workloads, nodes, events and metrics of their namespaces.
/// Follows the runbooks for the alerts.
#[derive(Clone, Debug, Default)]
pub struct GatherContext {
    runbooks: Arc<Runbooks>,
}

impl GatherContext {
    /// The step, with runbooks to follow.
    pub fn new(runbooks: Arc<Runbooks>) -> Self {
        Self { runbooks }
    }
}

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
        case.namespaces = in_depth(&mut case, &hints);
        // An alert that names no namespace may be about any: all that may be read is looked at.
        // So may one about a node: whoever takes what others need there may be of any namespace.
        let of_node = hints.named.iter().any(|named| {
            let first = named.entities.first();
            first.is_some_and(|entity| entity.kind == "Node")
        });
        case.everywhere = case.namespaces.len() != 1 || of_node;
        cx.progress("reading pods, workloads, nodes and events");
        let gaps = case.gaps.clone();
        if read_namespaces(cx, &mut case).await? == Seen::Denied && !case.namespaces.is_empty() {
            // Agents with rights in some namespaces only may not list all.
            case.everywhere = false;
            case.gaps = gaps;
            read_namespaces(cx, &mut case).await?;
        }
        read_nodes(cx, &mut case).await?;
        tidy(&mut case);
        if case.namespaces.is_empty() {
            case.namespaces = all_namespaces(&case);
        }
        case.subject = alerting(&Facts::new(&case), &hints);
        if case.subject.is_empty() && hints.is_empty() {
            case.subject = subject::asked(&case);
        }
        cx.progress("reading metrics");
        let namespaces = case.namespaces.clone();
        metrics::gather(cx, &mut case, &namespaces).await?;
        self.runbooks.follow(cx, &mut case).await?;
        Ok(Outcome::Continue(case))
    }
}

/// The namespaces that are read in depth: those that most alerts name.
fn in_depth(case: &mut Case, hints: &Hints) -> BTreeSet<String> {
    let alerts = |namespace: &String| {
        let named = |alert: &&Alert| alert.labels.get("namespace") == Some(namespace);
        case.incident.alerts.iter().filter(named).count()
    };
    let mut namespaces: Vec<&String> = hints.namespaces.iter().collect();
    namespaces.sort_by_key(|namespace| (std::cmp::Reverse(alerts(namespace)), *namespace));
    let left: Vec<&str> = namespaces
        .iter()
        .skip(MAX_NAMESPACES)
        .map(|name| name.as_str())
        .collect();
    let kept = namespaces
        .iter()
        .take(MAX_NAMESPACES)
        .map(|name| (*name).clone())
        .collect();
    if !left.is_empty() {
        case.gap(
            "namespaces",
            format!(
                "the alerts name more namespaces than one run reads the metrics and logs of: {}",
                left.join(", ")
            ),
            "group alerts by namespace",
        );
    }
    kept
}

/// Whether pods could be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Yes,
    Denied,
}

/// Reads the pods, workloads and events of the case's scopes.
async fn read_namespaces(cx: &StepContext, case: &mut Case) -> Result<Seen, StepError> {
    let mut seen = Seen::Yes;
    for scope in case.scopes() {
        if read_namespace(cx, case, scope).await? == Seen::Denied {
            seen = Seen::Denied;
        }
    }
    Ok(seen)
}

/// Reads the objects of one namespace beside those of the case.
pub(in crate::incident) async fn read_beside(
    cx: &StepContext,
    case: &mut Case,
    namespace: &str,
) -> Result<(), StepError> {
    read_namespace(cx, case, Some(namespace.to_owned())).await?;
    tidy(case);
    Ok(())
}

async fn read_namespace(cx: &StepContext, case: &mut Case, scope: Option<String>) -> Result<Seen, StepError> {
    let pods = GetPodsInput {
        namespace: scope.clone(),
        // All events are read beside, and what pods use now says less than how that went.
        brief: cx.tools().get(DescribeEvents::NAME).is_some(),
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
    let denied = matches!(&pods, Err(ObserveError::Tool(error)) if error.kind() == ToolErrorKind::Denied);
    if let Some(GetPodsOutput {
        pods,
        events,
        gaps,
        usage: _,
    }) = settle::<GetPods>(cx, case, pods)?
    {
        listed(case, &scope, &gaps, &[(Resource::PODS, "Pod")]);
        add(&mut case.objects.pods, pods);
        add(&mut case.objects.events, events);
        case.gaps.extend(gaps);
    }
    if let Some(answer) = settle::<GetWorkloads>(cx, case, workloads)? {
        let kinds = [
            (Resource::DEPLOYMENTS, "Deployment"),
            (Resource::STATEFUL_SETS, "StatefulSet"),
            (Resource::DAEMON_SETS, "DaemonSet"),
        ];
        listed(case, &scope, &answer.gaps, &kinds);
        add(&mut case.objects.workloads, answer.workloads);
        case.objects.autoscalers.extend(answer.autoscalers);
        case.gaps.extend(answer.gaps);
    }
    if let Some(answer) = settle::<DescribeEvents>(cx, case, events)? {
        add(&mut case.objects.events, answer.events);
        case.gaps.extend(answer.gaps);
    }
    Ok(if denied { Seen::Denied } else { Seen::Yes })
}

/// Adds objects to those that are known. The first thousands are taken over as they are, not copied.
fn add<T>(known: &mut Vec<T>, more: Vec<T>) {
    if known.is_empty() {
        *known = more;
    } else {
        known.extend(more);
    }
}

/// Notes that kinds were listed in full. A list that failed or was cut leaves a gap of its name.
fn listed(case: &mut Case, scope: &Option<String>, gaps: &[Gap], kinds: &[(Resource, &str)]) {
    for (resource, kind) in kinds {
        if gaps.iter().any(|gap| gap.source == resource.to_string()) {
            continue;
        }
        match scope {
            Some(namespace) => {
                let known = case.listed.entry((*kind).to_owned()).or_default();
                known.insert(namespace.clone());
            }
            None => {
                case.listed_everywhere.insert((*kind).to_owned());
            }
        }
    }
}

async fn read_nodes(cx: &StepContext, case: &mut Case) -> Result<(), StepError> {
    let why = "whether the nodes are well";
    if let Some(answer) = read::<GetNodes>(cx, case, GetNodesInput {}, why).await? {
        case.objects.nodes = answer.nodes;
        case.objects.events.extend(answer.events);
        case.gaps.extend(answer.gaps);
    }
    Ok(())
}

/// Each object once, in the order of names.
pub(super) fn tidy(case: &mut Case) {
    fn unique<T: Object>(objects: &mut Vec<T>) {
        // Of two reads of an object the later stays. Versions are numbers, as texts without leading zeros.
        fn version(meta: &Meta) -> (usize, &str) {
            (meta.resource_version.len(), &meta.resource_version)
        }
        objects.sort_unstable_by(|a, b| {
            let later = || version(b.meta()).cmp(&version(a.meta()));
            a.key().cmp(&b.key()).then_with(later)
        });
        objects.dedup_by(|a, b| a.key() == b.key());
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
    unique(&mut objects.webhooks);
    unique(&mut objects.gateway);
    unique(&mut objects.certificates);
    unique(&mut objects.mesh);
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
pub(in crate::incident) fn alerting(facts: &Facts<'_>, hints: &Hints) -> Vec<EntityRef> {
    let mut found: Vec<EntityRef> = Vec::new();
    let mut add = |entity: EntityRef| {
        if !found.contains(&entity) {
            found.push(entity);
        }
    };
    let (entities, applications) = subject::alerting(facts, hints);
    entities.into_iter().for_each(&mut add);
    for name in &applications {
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
