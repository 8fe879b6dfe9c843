//! Step 4: what was changed before the trouble began.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use claw_core::change::{Change, ChangeKind, ChangeList, ChangeQuery};
use claw_core::entity::EntityRef;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::bundle::RecordedChanges;
use claw_k8s::gitops::Delivered;
use claw_k8s::model::{Meta, Object};
use claw_k8s::tools::{GetDeploymentHistory, GetDeploymentHistoryInput, QueryGitops, QueryGitopsInput};
use jiff::Timestamp;

use super::installations::Installations;
use super::reading::settle;
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::logs::FlagSet;

/// Reads rollout histories, recorded changes, and the times at which objects were edited.
#[derive(Clone, Copy, Debug)]
pub struct CorrelateChanges;

#[async_trait]
impl Step<Case> for CorrelateChanges {
    fn name(&self) -> &str {
        "correlate_changes"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        cx.progress("reading rollout histories and changes");
        let objects = &case.objects;
        // A namespace in which nothing runs may be that of a GitOps controller's objects.
        if !(objects.workloads.is_empty() && objects.pods.is_empty() && objects.nodes.is_empty()) {
            for namespace in scopes(&case) {
                read_history(cx, &mut case, namespace).await?;
            }
        }
        if cx.tools().get("query_changes").is_some() {
            let answer = cx
                .observe::<RecordedChanges>(
                    ChangeQuery {
                        end: Some(case.window.end),
                        ..ChangeQuery::default()
                    },
                    "what else was changed",
                )
                .await;
            if let Some(ChangeList { changes }) = settle::<RecordedChanges>(cx, &mut case, answer)? {
                case.changes.extend(changes);
            }
        }
        let installed = Installations::of(&case);
        let edits = edits(&case, &installed);
        case.changes.extend(edits);
        forget_creations(&mut case, &installed);
        let started = started(&case);
        case.changes.extend(started);
        let flags = flags(&case);
        case.changes.extend(flags);
        tidy(&mut case.changes);
        attribute(&mut case.changes, &case.delivered);
        Ok(Outcome::Continue(case))
    }
}

/// Adds what objects tell of changes that were read only after the others.
pub(super) fn look_again(case: &mut Case) {
    let installed = Installations::of(case);
    let edits = edits(case, &installed);
    case.changes.extend(edits);
    forget_creations(case, &installed);
    let started = started(case);
    case.changes.extend(started);
    tidy(&mut case.changes);
}

/// The namespaces whose workloads are known.
fn scopes(case: &Case) -> Vec<Option<String>> {
    if case.everywhere {
        return vec![None];
    }
    let mut namespaces = case.namespaces.clone();
    namespaces.extend(
        case.objects
            .workloads
            .iter()
            .filter_map(|workload| workload.metadata.namespace.clone()),
    );
    namespaces.into_iter().map(Some).collect()
}

/// Rollouts, and what GitOps controllers delivered.
async fn read_history(cx: &StepContext, case: &mut Case, namespace: Option<String>) -> Result<(), StepError> {
    let rollouts = GetDeploymentHistoryInput {
        namespace: namespace.clone(),
        name: None,
        kind: None,
        since: None,
        brief: true,
    };
    let delivered = QueryGitopsInput { namespace, app: None };
    let (rollouts, delivered) = futures::join!(
        cx.observe::<GetDeploymentHistory>(rollouts, "whether a rollout came before the trouble"),
        cx.observe::<QueryGitops>(delivered, "what GitOps delivered, and from which commit"),
    );
    if let Some(answer) = settle::<GetDeploymentHistory>(cx, case, rollouts)? {
        case.changes.extend(answer.changes);
        case.gaps.extend(answer.gaps);
    }
    if let Some(answer) = settle::<QueryGitops>(cx, case, delivered)? {
        case.changes.extend(answer.changes);
        for delivered in answer.delivered {
            if !case.delivered.contains(&delivered) {
                case.delivered.push(delivered);
            }
        }
        case.gaps.extend(answer.gaps);
    }
    Ok(())
}

/// Edits that the objects themselves tell, by the time of their managed fields. What was made before the window or in an
/// installation is how things are, not a change.
fn edits(case: &Case, installed: &Installations) -> Vec<Change> {
    let objects = &case.objects;
    let mut found = Vec::new();
    let mut edits = |kind: ChangeKind, entity: EntityRef, meta: &Meta| {
        let edit = edit(kind, entity, meta);
        let news = |(change, created): &(Change, bool)| {
            !created || (change.time >= case.window.start && !installed.have(change))
        };
        found.extend(edit.filter(news).map(|(change, _)| change));
    };
    for map in &objects.config_maps {
        // Certificates and leader records are written by controllers all the time.
        if map.metadata.name != "kube-root-ca.crt" {
            edits(ChangeKind::Config, map.entity(), &map.metadata);
        }
    }
    objects
        .secrets
        .iter()
        .for_each(|secret| edits(ChangeKind::Config, secret.entity(), &secret.metadata));
    objects
        .services
        .iter()
        .for_each(|service| edits(ChangeKind::Config, service.entity(), &service.metadata));
    objects
        .network_policies
        .iter()
        .for_each(|policy| edits(ChangeKind::Config, policy.entity(), &policy.metadata));
    objects
        .ingresses
        .iter()
        .for_each(|ingress| edits(ChangeKind::Config, ingress.entity(), &ingress.metadata));
    objects
        .gateway
        .iter()
        .chain(&objects.mesh)
        .for_each(|route| edits(ChangeKind::Config, route.entity(), &route.metadata));
    objects
        .quotas
        .iter()
        .for_each(|quota| edits(ChangeKind::Config, quota.entity(), &quota.metadata));
    objects
        .limit_ranges
        .iter()
        .for_each(|range| edits(ChangeKind::Config, range.entity(), &range.metadata));
    objects
        .autoscalers
        .iter()
        .for_each(|autoscaler| edits(ChangeKind::Scale, autoscaler.entity(), &autoscaler.metadata));
    found
}

/// Jobs that were started in the window. Of a schedule's runs, which come every day or every minute, only the one that was
/// under way when the trouble began.
fn started(case: &Case) -> Vec<Change> {
    let jobs = case
        .objects
        .workloads
        .iter()
        .filter(|workload| workload.kind == "Job");
    jobs.filter_map(|job| {
        let time = job.status.start_time.or(job.metadata.creation_timestamp)?;
        let inside = time >= case.window.start && time <= case.window.end;
        let scheduled = job
            .metadata
            .controller()
            .is_some_and(|owner| owner.kind == "CronJob");
        let ended = job.status.completion_time;
        let under_way = case
            .began
            .is_some_and(|began| time <= began && ended.is_none_or(|ended| ended >= began));
        (inside && (!scheduled || under_way)).then(|| {
            let entity = job.entity();
            Change {
                reference: format!("{}/{}@{time}", entity.kind, entity.path()),
                time,
                kind: ChangeKind::Job,
                summary: format!("{entity} was started"),
                entity,
                detail: Vec::new(),
                author: None,
            }
        })
    })
    .collect()
}

/// Feature flags that logs say were set, each once for a unit: its pods tell the same.
fn flags(case: &Case) -> Vec<Change> {
    let facts = Facts::new(case);
    let mut first: BTreeMap<(EntityRef, &str), &FlagSet> = BTreeMap::new();
    for digest in &case.logs {
        let unit = facts.unit_of(&digest.pod);
        for set in &digest.flags {
            let known = first.entry((unit.clone(), set.flag.as_str())).or_insert(set);
            if set.time < known.time {
                *known = set;
            }
        }
    }
    first
        .into_iter()
        .map(|((entity, flag), set)| Change {
            reference: format!("{}/{}@{} flag {flag}", entity.kind, entity.path(), set.time),
            time: set.time,
            kind: ChangeKind::Flag,
            summary: format!("{entity} logs that flag {flag} was set: {}", set.text),
            entity,
            detail: Vec::new(),
            author: None,
        })
        .collect()
}

/// The newest edit of an object by somebody else than the control plane, and whether it is that it was made: nobody has edited
/// it since.
fn edit(kind: ChangeKind, entity: EntityRef, meta: &Meta) -> Option<(Change, bool)> {
    const CONTROLLERS: [&str; 5] = [
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-apiserver",
        "endpoint-slice-controller",
    ];
    let edited = meta
        .managed_fields
        .iter()
        .filter(|fields| fields.subresource.is_empty() && !CONTROLLERS.contains(&fields.manager.as_str()))
        .filter_map(|fields| Some((fields.time?, fields.manager.clone())))
        .max();
    let (time, author) = match (edited, meta.creation_timestamp) {
        (Some((time, author)), _) => (time, Some(author)),
        (None, Some(time)) => (time, None),
        (None, None) => return None,
    };
    let created = meta
        .creation_timestamp
        .is_some_and(|made| time.duration_since(made).as_secs().abs() < 5);
    let verb = if created { "made" } else { "edited" };
    let change = Change {
        reference: format!("{}/{}@{time}", entity.kind, entity.path()),
        time,
        kind,
        summary: format!("{entity} was {verb}"),
        entity,
        detail: Vec::new(),
        author,
    };
    Some((change, created))
}

/// Leaves out that workloads were created along with most of their namespace, unless somebody recorded it.
fn forget_creations(case: &mut Case, installed: &Installations) {
    let facts = Facts::new(case);
    let created =
        |change: &&Change| is_derived(change) && facts.is_creation(change) && installed.have(change);
    let created: BTreeSet<String> = case
        .changes
        .iter()
        .filter(created)
        .map(|change| change.reference.clone())
        .collect();
    case.changes.retain(|change| !created.contains(&change.reference));
}

/// How long a rollout may begin after the delivery that brought it.
const AFTER_DELIVERY: i64 = 180;
/// The names under which GitOps controllers write what they deliver.
const DELIVERERS: [&str; 4] = [
    "argocd-controller",
    "argocd-application-controller",
    "kustomize-controller",
    "helm-controller",
];

/// Says of rollouts which delivery of a GitOps controller brought them, and of whose making: that is where a rollout that
/// did harm has to be taken back. One that somebody else is known to have made was not delivered, whenever it came.
fn attribute(changes: &mut [Change], delivered: &[Delivered]) {
    let deliveries: Vec<Change> = changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Commit)
        .cloned()
        .collect();
    let mut kept_by: BTreeMap<&EntityRef, Vec<&EntityRef>> = BTreeMap::new();
    for delivered in delivered {
        for kept in &delivered.keeps {
            kept_by.entry(kept).or_default().push(&delivered.entity);
        }
    }
    let is_delivered = |change: &Change| {
        let by_hand = |author: &String| !author.is_empty() && !DELIVERERS.contains(&author.as_str());
        change.kind == ChangeKind::Deploy && !change.author.as_ref().is_some_and(by_hand)
    };
    for change in changes.iter_mut().filter(|change| is_delivered(change)) {
        let Some(keepers) = kept_by.get(&change.entity) else {
            continue;
        };
        let apart = |delivery: &Change| change.time.duration_since(delivery.time).as_secs();
        let brought = deliveries
            .iter()
            .filter(|delivery| keepers.contains(&&delivery.entity))
            .filter(|delivery| (-SLACK..=AFTER_DELIVERY).contains(&apart(delivery)))
            .min_by_key(|delivery| apart(delivery).abs());
        if let Some(delivery) = brought {
            let what = format!("; {}", delivery.summary);
            change.summary.push_str(&what);
            if let Some(author) = &delivery.author {
                change.author = Some(author.clone());
            }
        }
    }
}

/// Clocks differ, and some deliveries are dated when they are done.
const SLACK: i64 = 60;

/// Gives recorded changes the differences that the objects themselves tell: who records a rollout seldom says what it
/// changed. A commit that was rolled out is a rollout. Of several that were recorded about then, the nearest is meant.
fn complete(changes: &mut Vec<Change>) {
    let (seen, mut recorded): (Vec<Change>, Vec<Change>) = changes.drain(..).partition(is_derived);
    for change in seen {
        let apart = |other: &Change| other.time.duration_since(change.time).as_secs().abs();
        let same = recorded
            .iter_mut()
            .filter(|other| other.entity == change.entity && at_about(other.time, change.time))
            .min_by_key(|other| apart(other));
        let Some(same) = same else {
            changes.push(change);
            continue;
        };
        if same.kind == ChangeKind::Commit && change.kind == ChangeKind::Deploy {
            same.kind = ChangeKind::Deploy;
        }
        for line in change.detail {
            if !same.detail.contains(&line) {
                same.detail.push(line);
            }
        }
    }
    changes.append(&mut recorded);
    changes.sort_by(|a, b| (a.time, &a.entity, &a.reference).cmp(&(b.time, &b.entity, &b.reference)));
}

/// Whether a change was told from an object, not recorded by anybody.
fn is_derived(change: &Change) -> bool {
    let rest = change.reference.strip_prefix(change.entity.kind.as_str());
    let rest = rest.and_then(|rest| {
        rest.strip_prefix('/')?
            .strip_prefix(change.entity.path().as_str())
    });
    rest.is_some_and(|rest| rest.starts_with(['@', '#']))
}

/// Whether two times may be those of one change: clocks and rollouts take a moment.
fn at_about(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).as_secs().abs() <= 120
}

/// Each change once, in the order of their times. Of several with the same reference the most telling one stays; an edit
/// seen on the object itself is dropped beside a recorded change of the same object at about the same time.
fn tidy(changes: &mut Vec<Change>) {
    changes.sort_by(|a, b| {
        (
            a.time,
            &a.entity,
            &a.reference,
            std::cmp::Reverse(a.detail.len()),
            &a.summary,
        )
            .cmp(&(
                b.time,
                &b.entity,
                &b.reference,
                std::cmp::Reverse(b.detail.len()),
                &b.summary,
            ))
    });
    let mut seen = BTreeSet::new();
    changes.retain(|change| seen.insert((change.reference.clone(), change.entity.clone())));
    // Two tools may tell the same edit of an object by its managed fields.
    let mut edits = BTreeSet::new();
    changes.retain(|change| {
        !is_derived(change)
            || change.author.is_none()
            || edits.insert((
                change.entity.clone(),
                change.time.as_second(),
                change.author.clone(),
            ))
    });
    complete(changes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::{at, deploy};

    #[test]
    fn a_job_that_was_started_is_a_change_and_a_run_of_a_schedule_only_while_it_runs() {
        use serde_json::json;
        let jobs = [
            ("migrate", -300, None, json!([])),
            ("of-last-week", -600_000, Some(-599_000), json!([])),
            (
                "nightly-1",
                -400,
                Some(-390),
                json!([{"kind": "CronJob", "name": "nightly", "controller": true}]),
            ),
            (
                "nightly-2",
                -100,
                None,
                json!([{"kind": "CronJob", "name": "nightly", "controller": true}]),
            ),
        ];
        let mut case = crate::incident::testing::case();
        case.began = Some(at(0));
        for (name, second, end, owners) in jobs {
            let end = end.map(at);
            case.objects.workloads.push(crate::incident::testing::object(
                name,
                json!({
                    "kind": "Job", "metadata": {"ownerReferences": owners},
                    "status": {"startTime": at(second), "completionTime": end},
                }),
            ));
        }
        let found = started(&case);
        let names: Vec<_> = found.iter().map(|change| change.entity.name.as_str()).collect();
        assert_eq!(names, ["migrate", "nightly-2"]);
    }

    #[test]
    fn a_commit_that_was_rolled_out_is_a_rollout_and_the_nearest_one_is_meant() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let commit = |second: i64, name: &str| Change {
            kind: ChangeKind::Commit,
            detail: Vec::new(),
            ..deploy(&cart, name, second)
        };
        let rollout = |second: i64, revision: u32, detail: &str| Change {
            detail: vec![detail.to_owned()],
            ..deploy(&cart, &format!("Deployment/shop/cart@{revision}"), second)
        };
        let mut changes = vec![
            commit(-75, "55bd"),
            commit(-66, "0a17"),
            commit(-900, "9c41"),
            rollout(-74, 1, "made"),
            rollout(-65, 2, "env[CACHE]: 64 → 512"),
        ];
        tidy(&mut changes);
        let told: Vec<_> = changes
            .iter()
            .map(|change| (change.reference.as_str(), change.kind, change.detail.concat()))
            .collect();
        let expected = [
            ("9c41", ChangeKind::Commit, ""),
            ("55bd", ChangeKind::Deploy, "made"),
            ("0a17", ChangeKind::Deploy, "env[CACHE]: 64 → 512"),
        ];
        assert_eq!(
            told,
            expected.map(|(name, kind, detail)| (name, kind, detail.to_owned()))
        );
    }

    #[test]
    fn a_rollout_is_that_of_the_delivery_right_before_it() {
        let cart = EntityRef::namespaced("Deployment", "shop", "cart");
        let shop = EntityRef::namespaced("Application", "argocd", "shop");
        let delivery = |second: i64, of: &EntityRef| Change {
            kind: ChangeKind::Commit,
            summary: format!("{of} delivered 9c41e7b"),
            author: Some("s.lindqvist".to_owned()),
            ..deploy(of, &format!("sync@{second}"), second)
        };
        let other = EntityRef::namespaced("Application", "argocd", "other");
        let mut changes = vec![
            delivery(-400, &shop),
            delivery(-70, &shop),
            delivery(-61, &other),
            deploy(&cart, "cart@7", -60),
            deploy(&cart, "cart@8", 900),
            Change {
                author: Some("kubectl-edit".to_owned()),
                ..deploy(&cart, "cart@9", -50)
            },
            Change {
                author: Some("argocd-controller".to_owned()),
                ..deploy(&cart, "cart@10", -40)
            },
        ];
        let delivered = serde_json::from_value(serde_json::json!({
            "entity": shop, "controller": "argocd", "sources": [], "target_namespace": "shop", "revision": "9c41e7b",
            "in_sync": true, "healthy": true, "suspended": false, "message": "", "last_delivery": at(-70), "keeps": [cart],
        }));
        attribute(&mut changes, &[delivered.unwrap()]);
        assert_eq!(changes[3].author.as_deref(), Some("s.lindqvist"));
        assert!(
            changes[3]
                .summary
                .ends_with("Application argocd/shop delivered 9c41e7b")
        );
        assert_eq!(changes[4].author, None, "nothing was delivered at that time");
        assert_eq!(
            changes[5].author.as_deref(),
            Some("kubectl-edit"),
            "it is another's work"
        );
        assert!(
            !changes[5].summary.contains("delivered"),
            "{}",
            changes[5].summary
        );
        assert_eq!(
            changes[6].author.as_deref(),
            Some("s.lindqvist"),
            "the controller wrote for them"
        );
    }
}
