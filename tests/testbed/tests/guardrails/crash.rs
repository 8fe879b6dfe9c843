//! Agents that are killed at their calls, and networks that take the answer to a write away: no effect is lost, doubled, or without
//! a record.

use std::collections::BTreeSet;
use std::path::Path;

use claw_core::execute::{ACTION_ANNOTATION, ActionId, ExecuteError};
use claw_guardrails::pipeline::PipelineError;
use claw_testbed::suite::{Condition, TcpProxy};

use super::life::{Fuse, Place, live, lives};
use super::*;

/// Lives that end at a call.
const POINTS: u64 = 60;
/// Writes whose answers are taken away.
const PARTITIONS: usize = 12;

fn bounds() -> Settings {
    let mut settings = wide();
    settings.approvals = Approvals::asking(vec![Group::new("operators").with(Carrier::Terminal, "kim")]);
    // Faults are many here, and it is not the breaker that is on trial.
    settings.breaker.failures = 1000.try_into().unwrap();
    settings.breaker.conflicts = 1000.try_into().unwrap();
    settings
}

/// Takes an action to its end, as a workflow does that has journaled it. A person approves where that is asked.
async fn bring_to_its_end(pipeline: &Pipeline, action: &Action) -> Settlement {
    pipeline.tend().await.unwrap();
    let scope = scope("run");
    let mut last = String::new();
    for _ in 0..50 {
        let submitted = pipeline.submit(&scope, "plan", action).await.unwrap();
        last = format!("{submitted:?}");
        match submitted {
            Submitted::Waiting { approval, .. } => {
                let intent = pipeline.intent(&approval).await.unwrap();
                let digest = intent.asked.as_ref().unwrap().request.binding.digest();
                let vote = Vote::new(
                    "kim",
                    Verdict::Approve,
                    digest,
                    Carrier::Terminal,
                    SystemClock.now(),
                );
                match pipeline.vote(&approval, vote).await {
                    // A life before this one has it.
                    Ok(_) => {}
                    Err(error @ (PipelineError::Vote(_) | PipelineError::NotAsked { .. })) => {
                        last = format!("{last}, then {error}");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            // It may be said a little later.
            Submitted::Settled(Settlement::Unresolved { .. }) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            // Controllers wrote its status between two looks: nothing was asked or written yet, and it is tried again.
            Submitted::Settled(Settlement::Refused(refusal)) if refusal.rule == "target.changed" => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Submitted::Settled(settlement) => return settlement,
            other => panic!("{other:?}"),
        }
    }
    panic!("it does not come to an end: {last}");
}

/// What the object and the log say of a write that is settled as applied: it was made once, with a permit, and its outcome is on
/// record.
async fn check(testbed: &Testbed, namespace: &str, name: &str, wanted: u32, folder: &Path, place: &str) {
    let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
    let object = testbed.api().get(&path).await.unwrap();
    assert_eq!(object["spec"]["replicas"], json!(wanted), "{place}: lost");
    assert_eq!(
        object["metadata"]["generation"],
        json!(2),
        "{place}: done more than once"
    );
    let annotation = object["metadata"]["annotations"][ACTION_ANNOTATION]
        .as_str()
        .unwrap();
    let (mut permitted, mut told) = (false, false);
    each_record(folder.join("audit.jsonl"), &Filter::default(), |record, _| {
        if let Entry::Event(event) = &record.entry {
            permitted |= event.kind == AuditKind::Permit && record.hash.starts_with(annotation);
            told |= event.kind == AuditKind::Outcome && event.input["id"] == json!(annotation);
        }
        true
    })
    .unwrap();
    assert!(permitted && told, "{place}: permitted {permitted}, told {told}");
    // The thread that writes it closes it a moment after the life that it belonged to.
    wait_until(Duration::from_secs(10), "the log is whole", async || {
        let verified = verify_file(folder.join("audit.jsonl")).unwrap();
        Ok(match verified.is_intact() {
            true => Ok(()),
            false => Err(format!("{place}: {verified:?}")),
        })
    })
    .await
    .unwrap();
}

/// Ids under which the records of a log have writes.
fn permits(folder: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    each_record(folder.join("audit.jsonl"), &Filter::default(), |record, _| {
        if let Entry::Event(event) = &record.entry
            && event.kind == AuditKind::Permit
        {
            let receipt = claw_core::audit::AuditReceipt {
                sequence: record.sequence,
                hash: record.hash.clone(),
            };
            ids.insert(ActionId::of(&receipt).request_id());
        }
        true
    })
    .unwrap();
    ids
}

#[test]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
fn no_effect_is_lost_doubled_or_without_a_record_wherever_the_agent_is_killed() {
    let outside = tokio::runtime::Runtime::new().unwrap();
    let (testbed, namespace) = outside.block_on(async {
        let testbed = Testbed::for_test().await;
        let namespace = testbed.namespace("crash").await.unwrap();
        deployments(&testbed, &namespace, usize::try_from(POINTS).unwrap() + 2, 4).await;
        (testbed, namespace)
    });
    let ns = namespace.name();
    let connection = as_admin(&testbed);
    // One step up, which the agent makes alone, or one down, which a person has to approve.
    let one = |number: u64, fuse: &Fuse, folder: &Path, action: &std::sync::Mutex<Option<Action>>| {
        let wanted = if number.is_multiple_of(2) { 5 } else { 3 };
        let place = Place {
            connection: connection.clone(),
            limits: Limits::default(),
            folder,
        };
        lives(fuse, async {
            let known = action.lock().unwrap().clone();
            let action = match known {
                Some(known) => known,
                None => {
                    let reader = KubeCluster::connect(connection.clone(), Limits::default())
                        .await
                        .unwrap();
                    let made =
                        scaled(&Cluster::new(Arc::new(reader)), ns, &format!("d{number}"), wanted).await;
                    *action.lock().unwrap() = Some(made.clone());
                    made
                }
            };
            let pipeline = live(&place, bounds(), fuse).await;
            let settlement = bring_to_its_end(&pipeline, &action).await;
            assert!(matches!(settlement, Settlement::Applied { .. }), "{settlement:?}");
        })
    };
    // How many calls a whole life has, of either kind.
    let mut written = BTreeSet::new();
    let calls = [POINTS, POINTS + 1].map(|number| {
        let folder = tempfile::tempdir().unwrap();
        let fuse = Fuse::never();
        assert!(one(number, &fuse, folder.path(), &std::sync::Mutex::default()));
        written.extend(permits(folder.path()));
        fuse.used()
    });
    let mut deaths = 0;
    for number in 0..POINTS {
        let kind = usize::try_from(number % 2).unwrap();
        // Spread over the whole of its life.
        let point = (number / 2) * calls[kind] / (POINTS / 2);
        let place = format!("d{number}, killed at call {point} of {}", calls[kind]);
        let folder = tempfile::tempdir().unwrap();
        let action = std::sync::Mutex::default();
        // A life is shorter where its target holds still than where it was tried again. The next one is killed as well, a
        // little later.
        for fuse in [Fuse::after(point), Fuse::after(number % 7)] {
            deaths += u64::from(!one(number, &fuse, folder.path(), &action));
        }
        assert!(one(number, &Fuse::never(), folder.path(), &action), "{place}");
        let wanted = if number.is_multiple_of(2) { 5 } else { 3 };
        let name = format!("d{number}");
        outside.block_on(check(&testbed, ns, &name, wanted, folder.path(), &place));
        written.extend(permits(folder.path()));
    }
    assert!(deaths >= POINTS, "{deaths}");
    // What the API server says of it.
    let events = outside.block_on(audit_events_of(
        &testbed,
        "admin",
        "writes of agents that are killed",
    ));
    if let Some(events) = events.unwrap() {
        let writes = events.iter().filter(|event| {
            event.verb == "patch"
                && event.resource == "deployments.apps"
                && event.uri.contains(&format!("/namespaces/{ns}/"))
                && event.parameter("fieldManager") == Some("claw")
                && event.parameter("dryRun").is_none()
        });
        let writes: Vec<&AuditEvent> = writes.collect();
        let unaudited = writes.iter().filter(|event| !written.contains(&event.id)).count();
        assert_eq!(unaudited, 0, "writes that no record permits");
        testbed.note(&format!(
            "agents killed at {deaths} calls: {POINTS} effects, 0 lost, 0 doubled; the API server had {} writes, and for each there is a permit",
            writes.len()
        ));
    }
}

/// An executor whose network breaks with each write, once the write is on its way.
struct Cut {
    inner: KubeExecutor,
    proxy: TcpProxy,
}

#[async_trait]
impl claw_core::execute::Executor for Cut {
    async fn rights(
        &self,
        cx: &ToolContext,
        action: &Action,
    ) -> Result<claw_core::execute::Rights, ExecuteError> {
        self.inner.rights(cx, action).await
    }

    async fn dry_run(
        &self,
        cx: &ToolContext,
        action: &Action,
    ) -> Result<claw_core::execute::Rehearsal, ExecuteError> {
        self.inner.dry_run(cx, action).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: claw_core::gate::Permit,
        action: &Action,
    ) -> Result<claw_core::execute::Effected, ExecuteError> {
        // Requests arrive, and no answer comes.
        self.proxy.set(Condition::Silent { after: 0 });
        let performed = self.inner.perform(cx, permit, action).await;
        self.proxy.cut();
        self.proxy.set(Condition::Open);
        performed
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<claw_core::execute::Standing, ExecuteError> {
        self.inner.standing(cx, action, id).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_write_whose_answer_is_lost_is_known_to_stand_and_not_made_again() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("partition").await.unwrap();
    deployments(&testbed, &namespace, PARTITIONS, 2).await;
    let ns = namespace.name();
    let text = std::fs::read_to_string(testbed.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let server = config["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap()
        .to_owned();
    let proxy = TcpProxy::before(&server).await.unwrap();
    config["clusters"][0]["cluster"]["server"] = json!(proxy.url());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    let through = Connection::Kubeconfig {
        files: vec![file],
        context: None,
    };
    let limits = Limits {
        attempt: Duration::from_millis(1500),
        ..Limits::default()
    };
    let inner = KubeExecutor::connect(through, Proxies::default(), limits)
        .await
        .unwrap();
    let agent = Agent::built(&testbed, wide(), Some(Arc::new(Cut { inner, proxy }))).await;
    let mut known = 0;
    for number in 0..PARTITIONS {
        let name = format!("d{number}");
        let action = agent.scale(ns, &name, 3).await;
        let submitted = agent
            .pipeline
            .submit(&scope("run"), "plan", &action)
            .await
            .unwrap();
        let Submitted::Settled(Settlement::Applied { audit_id, .. }) = submitted else {
            panic!("{submitted:?}")
        };
        // By the annotation, and not by an answer.
        known += usize::from(audit_id.is_none());
        let path = format!("/apis/apps/v1/namespaces/{ns}/deployments/{name}");
        let object = testbed.api().get(&path).await.unwrap();
        assert_eq!(
            (&object["spec"]["replicas"], &object["metadata"]["generation"]),
            (&json!(3), &json!(2))
        );
    }
    assert_eq!(known, PARTITIONS);
    testbed.note(&format!(
        "{PARTITIONS} writes whose answers were lost: all known to stand, none made again"
    ));
}
