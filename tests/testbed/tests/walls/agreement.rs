//! The walls and the typed rules say the same.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::definition::{Escalation, MaxActions};
use claw_guardrails::policy::{
    Activity, Criticality, Environment, Facts, Matched, Nature, Operation, Override, Phase, Policy, Reach,
    Request, Tier, When,
};
use claw_guardrails::walls::{Attendance, Walls};
use claw_testbed::suite::Testbed;
use futures::StreamExt as _;
use serde_json::Value;

use super::asked::{Answer, Asked};
use super::requests;
use super::scene::{Scene, accounts};

/// Requests that are under way at a time.
const AT_A_TIME: usize = 8;

/// What the typed rules say of a request.
struct Said {
    tier: Tier,
    /// The rules that forbid it, as far as the API server can see them.
    forbidding: BTreeSet<String>,
    /// The rules that ask for an approval.
    asking: BTreeSet<String>,
}

fn facts(scene: &Scene, asked: &Asked) -> Facts {
    let target = &asked.action.target;
    let place = match target.kind.as_str() {
        "Namespace" => Some(target.name.as_str()),
        _ => target.namespace.as_deref(),
    };
    let labels = scene
        .places
        .iter()
        .find(|known| Some(known.name.as_str()) == place);
    let replicas = asked
        .before
        .as_ref()
        .and_then(|object| object.pointer("/spec/replicas"));
    let mut facts = Facts::default();
    facts.object = asked.before.clone();
    facts.namespace_labels = labels.map(|place| place.labels.clone());
    facts.namespace_annotations = labels.map(|_| Default::default());
    facts.replicas_at_start = replicas
        .and_then(Value::as_u64)
        .map(|count| u32::try_from(count).unwrap());
    facts.activity = Some(Activity::Idle);
    facts.reach = Some(Reach::Within);
    facts
}

/// `None` where it changes nothing.
fn said(policy: &Policy, walls: &Walls, scene: &Scene, asked: &Asked) -> Option<Said> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let facts = facts(scene, asked);
    let tier = policy.judge(&asked.action, &facts, now)?.tier;
    let (mut forbidding, mut asking) = (BTreeSet::new(), BTreeSet::new());
    for request in policy.requests(&asked.action, &facts, now) {
        for matched in policy.decide(&request).rules {
            if matched.tier == Tier::Forbidden && is_seen(policy, walls, asked, &matched, &request) {
                forbidding.insert(matched.rule);
            } else if matched.tier.needs_approval() {
                asking.insert(matched.rule);
            }
        }
    }
    Some(Said {
        tier,
        forbidding,
        asking,
    })
}

fn is_seen(policy: &Policy, walls: &Walls, asked: &Asked, matched: &Matched, request: &Request) -> bool {
    // A scale does not say what is scaled.
    let of_scale = asked.part == "scale"
        && policy.overrides.iter().any(|over| {
            let about = !over.when.criticalities.is_empty() || !over.when.natures.is_empty();
            about && matched.rule == format!("override.{}", over.id)
        });
    !of_scale && walls.see(matched, request)
}

/// What is wrong with an answer, in words.
fn wrong(
    walls: &Walls,
    attendance: Attendance,
    asked: &Asked,
    said: &Said,
    answer: &Answer,
) -> Option<String> {
    let unattended = walls
        .names()
        .into_iter()
        .find(|name| name.ends_with("unattended"));
    let denied = answer.denied_by();
    if let Some((wall, rule)) = denied {
        let by_nobody = attendance == Attendance::Unattended && unattended.as_deref() == Some(wall);
        let known = if by_nobody {
            said.asking.contains(rule)
        } else {
            said.forbidding.contains(rule)
        };
        // What is forbidden is no small growth either.
        let both = by_nobody && !said.forbidding.is_empty();
        // Of a scale it is not seen what is scaled: it counts as the worst.
        let scale = by_nobody && asked.part == "scale";
        return (!known && !both && !scale)
            .then(|| format!("denied by {rule}, which the typed rules do not name"));
    }
    if !said.forbidding.is_empty() {
        return Some(format!("not denied: {} {}", answer.code, answer.message));
    }
    if answer.code == 403 {
        return Some(format!("denied by something else: {}", answer.message));
    }
    let unattended = unattended?;
    let warned: BTreeSet<&str> = answer.warned_by(&unattended).collect();
    match attendance {
        // Answers that are no success say nothing of warnings.
        Attendance::Attended if (200..300).contains(&answer.code) && asked.part != "scale" => {
            let asks = said.tier > Tier::AutoLogged;
            (asks == warned.is_empty()).then(|| format!("{} and warned of {warned:?}", said.tier))
        }
        Attendance::Attended => None,
        _ => (said.tier > Tier::AutoLogged).then(|| format!("{} and let pass", said.tier)),
    }
}

/// The policies that are compared, each with whether people approve.
fn policies(scene: &Scene) -> Vec<(&'static str, Policy, Attendance)> {
    let based = |phase: Phase| {
        let mut policy = Policy::default().with_phase(phase);
        policy.own_namespace = scene.id.clone();
        policy.excluded_namespaces = vec![scene.place("walls-excluded").name.clone()];
        policy
    };
    let mut narrow = based(Phase::LowRiskWrites);
    (narrow.scale_up_percent, narrow.max_replicas) = (150, 40);
    narrow.labels.environment = vec!["env".to_owned(), "tier".to_owned()];
    narrow
        .labels
        .environments
        .insert("blue".to_owned(), Environment::Development);
    narrow
        .labels
        .environments
        .insert("qa".to_owned(), Environment::Staging);
    narrow.labels.criticality = "acme.example/tier".to_owned();
    narrow.labels.nature = "acme.example/nature".to_owned();
    let over = |id: &str, tier: Tier, when: When| Override::new(id, tier, "to be sure").when(when);
    let production = scene.place("walls-production").name.clone();
    let strict = based(Phase::Expanded)
        .with_override(over(
            "no-restarts",
            Tier::Forbidden,
            When {
                namespaces: vec![production],
                operations: vec![Operation::Restart, Operation::Create, Operation::Rollback],
                ..When::default()
            },
        ))
        .with_override(over(
            "no-jobs",
            Tier::Forbidden,
            When {
                kinds: vec!["CronJob".to_owned()],
                ..When::default()
            },
        ))
        .with_override(over(
            "no-shrinking",
            Tier::Forbidden,
            When {
                environments: vec![Environment::Development],
                operations: vec![Operation::ScaleDown, Operation::Delete, Operation::Drain],
                ..When::default()
            },
        ))
        .with_override(over(
            "no-critical",
            Tier::Forbidden,
            When {
                criticalities: vec![Criticality::Critical],
                operations: vec![Operation::ScaleUp, Operation::AdjustHpa],
                ..When::default()
            },
        ))
        .with_override(over(
            "no-batches",
            Tier::Forbidden,
            When {
                natures: vec![Nature::Batch],
                environments: vec![Environment::Staging],
                ..When::default()
            },
        ))
        .with_override(over(
            "no-rights",
            Tier::Forbidden,
            When {
                operations: vec![
                    Operation::ChangeRbac,
                    Operation::ChangeNetworkPolicy,
                    Operation::Cordon,
                ],
                ..When::default()
            },
        ))
        .with_override(over(
            "unseen",
            Tier::Forbidden,
            When {
                kinds: vec!["ConfigMap".to_owned()],
                operations: vec![Operation::Configure],
                ..When::default()
            },
        ))
        .with_override(over(
            "consumers",
            Tier::SyncApproval,
            When {
                natures: vec![Nature::Consumer],
                ..When::default()
            },
        ));
    let mut reading = based(Phase::Expanded);
    reading.max_actions = Some(MaxActions::ReadOnly);
    let mut asking = based(Phase::Expanded);
    asking.escalation = Some(Escalation::AlwaysHuman);
    vec![
        ("low", based(Phase::LowRiskWrites), Attendance::Attended),
        ("narrow", narrow, Attendance::Unattended),
        ("wide", based(Phase::Expanded), Attendance::Attended),
        ("strict", strict, Attendance::Attended),
        ("recommend", based(Phase::Recommend), Attendance::Attended),
        ("reading", reading, Attendance::Attended),
        ("asking", asking.clone(), Attendance::Attended),
        ("alone", asking, Attendance::Unattended),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_the_rules_forbid_is_denied_and_nothing_else() {
    let testbed = Testbed::for_test().await;
    let scene = Scene::new(&testbed).await;
    let requests = requests::all(&scene);
    let (mut sent, mut denied, mut warned, mut passed, mut unlike) = (0, 0, 0, 0, 0);
    let mut codes: BTreeMap<u16, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, policy, attendance) in policies(&scene) {
        let (accounts, writer, _) = accounts(&testbed, &scene.namespaces[0], name).await;
        let walls = Walls::new(policy.clone(), accounts)
            .with_name(format!("{}-{name}", scene.id))
            .with_attendance(attendance);
        scene.build(&testbed, &walls, &writer).await;
        let client = writer.api(&testbed).await.unwrap().client();
        let judged: Vec<(&Asked, Said)> = requests
            .iter()
            .filter_map(|asked| Some((asked, said(&policy, &walls, &scene, asked)?)))
            .collect();
        let client = &client;
        let answers: Vec<_> = futures::stream::iter(judged)
            .map(|(asked, said)| async move { (asked, said, asked.send(client).await) })
            .buffer_unordered(AT_A_TIME)
            .collect()
            .await;
        for (asked, said, answer) in &answers {
            sent += 1;
            *codes.entry(answer.code).or_default() += 1;
            denied += usize::from(answer.denied_by().is_some());
            passed += usize::from((200..300).contains(&answer.code));
            warned += usize::from(!answer.warnings.is_empty());
            unlike += usize::from(said.tier == Tier::Forbidden && said.forbidding.is_empty());
            if let Some(wrong) = wrong(&walls, attendance, asked, said, answer) {
                problems.push(format!(
                    "{name}: {wrong}: {} ({}, {:?})",
                    asked.name(),
                    said.tier,
                    said.forbidding
                ));
            }
        }
    }
    testbed.note(&format!(
        "walls: {sent} requests: {denied} denied by a wall, {passed} passed, {warned} of them told of; forbidden by what only the engine sees: {unlike}; answers {codes:?}"
    ));
    let shown: Vec<&String> = problems.iter().take(40).collect();
    assert!(problems.is_empty(), "{} of {sent}:\n{shown:#?}", problems.len());
    assert!(
        sent >= 2_000 && denied > 500 && passed > 500,
        "{sent} {denied} {passed}"
    );
}
