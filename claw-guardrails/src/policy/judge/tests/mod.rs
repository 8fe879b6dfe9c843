use claw_core::definition::Floor;
use claw_core::entity::EntityRef;
use serde_json::json;

use super::*;
use crate::policy::{Criticality, Freeze, Phase, Tier};

mod properties;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn scale(replicas: u32) -> Action {
    serde_json::from_value(json!({
        "verb": Verb::Patch, "target": EntityRef::namespaced("Deployment", "shop", "cart"),
        "api_version": "apps/v1", "uid": "1", "resource_version": "2", "pre_image": null,
        "patch": {"spec": {"replicas": replicas}}, "expected": "", "reversal": null, "reason": "",
    }))
    .unwrap()
}

/// A stateless service in staging that is known and harmless.
fn known() -> Facts {
    Facts {
        object: Some(json!({
            "metadata": {"uid": "1", "labels": {"claw.dev/nature": "stateless"},
                "annotations": {"claw.dev/criticality": "Low"}},
            "spec": {"replicas": 4}})),
        namespace_labels: Some([("env".to_owned(), "Staging".to_owned())].into()),
        namespace_annotations: Some([].into()),
        replicas_at_start: Some(4),
        activity: Some(Activity::Idle),
        reach: Some(Reach::Within),
        ..Facts::default()
    }
}

fn tier(policy: &Policy, action: &Action, facts: &Facts) -> Tier {
    policy.judge(action, facts, NOW).unwrap().tier
}

#[test]
fn what_is_known_to_be_harmless_is_done() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    assert_eq!(tier(&policy, &scale(8), &known()), Tier::AutoLogged);
    assert_eq!(tier(&policy, &scale(9), &known()), Tier::AsyncApproval);
    assert_eq!(tier(&policy, &scale(3), &known()), Tier::SyncApproval);
    assert_eq!(policy.judge(&scale(4), &known(), NOW), None);
}

#[test]
fn each_thing_that_is_not_known_counts_as_the_worst() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let without = [
        Facts {
            object: None,
            ..known()
        },
        Facts {
            namespace_labels: None,
            ..known()
        },
        Facts {
            namespace_annotations: None,
            ..known()
        },
        Facts {
            replicas_at_start: None,
            ..known()
        },
        Facts {
            reach: None,
            ..known()
        },
        Facts {
            object: Some(json!({"spec": {"replicas": 4}})),
            ..known()
        },
        Facts {
            namespace_labels: Some([("env".to_owned(), "blue".to_owned())].into()),
            ..known()
        },
    ];
    for facts in without {
        assert!(tier(&policy, &scale(8), &facts) > Tier::AutoLogged, "{facts:?}");
    }
    assert_eq!(
        Facts::default(),
        serde_json::from_str("{}").unwrap(),
        "facts that nobody has given are not known"
    );
}

#[test]
fn excluded_namespaces_and_freezes_hold() {
    let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
    policy.excluded_namespaces = vec!["shop".to_owned()];
    assert_eq!(tier(&policy, &scale(8), &known()), Tier::Forbidden);
    let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let later = NOW + jiff::SignedDuration::from_hours(1);
    policy.freezes = vec![Freeze::new("launch", NOW, later)];
    assert_eq!(tier(&policy, &scale(8), &known()), Tier::SyncApproval);
    let decision = policy.judge(&scale(8), &known(), later).unwrap();
    assert_eq!(decision.tier, Tier::AutoLogged, "the freeze is over at its end");
}

#[test]
fn several_operations_are_judged_together() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let mut action = scale(8);
    action.patch["spec"]["paused"] = json!(true);
    let decision = policy.judge(&action, &known(), NOW).unwrap();
    assert_eq!(decision.tier, Tier::SyncApproval);
    let names: Vec<_> = decision.rules.iter().map(|rule| rule.rule.as_str()).collect();
    assert!(names.contains(&"scale.up"), "{names:?}");
    // What the requests have in common is told once, what only one of them meets as well.
    let mut met = Vec::new();
    for request in policy.requests(&action, &known(), NOW) {
        let rules = policy.decide(&request).rules;
        met.extend(rules.into_iter().filter(|rule| !decision.rules.contains(rule)));
    }
    assert_eq!(met, [], "of {names:?}");
    for (at, rule) in decision.rules.iter().enumerate() {
        assert!(!decision.rules[..at].contains(rule), "{rule:?} twice");
    }
}

#[test]
fn what_is_said_twice_counts_as_the_worse() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let mut facts = known();
    let labels = [("environment", "development"), ("env", "production")];
    facts.namespace_labels = Some(
        labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    assert_eq!(tier(&policy, &scale(8), &facts), Tier::AsyncApproval);
    let mut facts = known();
    facts.namespace_labels = Some(
        [("env", "staging"), ("claw.dev/criticality", "critical")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    assert_eq!(tier(&policy, &scale(8), &facts), Tier::AsyncApproval);
}

#[test]
fn the_fewer_replicas_are_what_twice_is_of() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let mut facts = known();
    facts.replicas_at_start = Some(50);
    assert_eq!(tier(&policy, &scale(8), &facts), Tier::AutoLogged);
    assert_eq!(tier(&policy, &scale(9), &facts), Tier::AsyncApproval);
}

#[test]
fn another_object_of_the_same_name_is_not_known() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let mut action = scale(8);
    action.uid = Some("2".to_owned());
    assert!(tier(&policy, &action, &known()) >= Tier::SyncApproval);
}

#[test]
fn namespaces_of_the_system_and_of_the_agent_are_left_alone() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let mut places: Vec<EntityRef> = crate::policy::SYSTEM_NAMESPACES
        .iter()
        .chain(&["claw"])
        .flat_map(|name| {
            [
                EntityRef::namespaced("Deployment", *name, "cart"),
                EntityRef::cluster("Namespace", *name),
            ]
        })
        .collect();
    // In which namespace is not said.
    places.push(EntityRef::cluster("Deployment", "cart"));
    places.push(EntityRef::namespaced("Deployment", "", "cart"));
    for place in places {
        let mut action = scale(8);
        action.patch = json!({"metadata": {"annotations": {"a": "b"}}});
        action.target = place.clone();
        assert_eq!(tier(&policy, &action, &known()), Tier::Forbidden, "{place}");
    }
    let mut binding = scale(8);
    binding.verb = Verb::Create;
    binding.api_version = "rbac.authorization.k8s.io/v1".to_owned();
    binding.target = EntityRef::namespaced("RoleBinding", "shop", "b");
    binding.patch = json!({"roleRef": {"name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "claw", "name": "agent"}]});
    let decision = policy.judge(&binding, &known(), NOW).unwrap();
    assert_eq!((decision.tier, decision.approvers), (Tier::Forbidden, 0));
    binding.patch["subjects"][0]["namespace"] = json!("shop");
    assert_eq!(tier(&policy, &binding, &known()), Tier::SyncApproval);
}

/// What is known of a target of this kind, with these labels.
fn labelled(kind: &str, labels: Value, annotations: Value) -> (Action, Facts) {
    let mut action = scale(8);
    action.target = EntityRef::namespaced(kind, "shop", "cart");
    let object = json!({"metadata": {"uid": "1", "labels": labels, "annotations": annotations},
        "spec": {"replicas": 4}});
    let facts = Facts {
        object: Some(object),
        ..known()
    };
    (action, facts)
}

#[test]
fn each_nature_that_is_named_counts() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let restart = json!({"spec": {"template": {"metadata": {"annotations":
        {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    let of = |kind: &str, labels: Value, annotations: Value| {
        let (mut action, mut facts) = labelled(kind, labels, annotations);
        action.patch = restart.clone();
        facts.activity = Some(Activity::Working);
        tier(&policy, &action, &facts)
    };
    let low = json!({"claw.dev/criticality": "low"});
    let consumer = json!({"claw.dev/criticality": "low", "claw.dev/nature": "consumer"});
    let stateful = json!({"claw.dev/nature": "stateful"});
    assert_eq!(of("Deployment", consumer.clone(), json!({})), Tier::Forbidden);
    assert_eq!(
        of("Deployment", consumer, stateful),
        Tier::Forbidden,
        "it is both"
    );
    assert_eq!(
        of("Deployment", low, json!({"claw.dev/nature": "stateless"})),
        Tier::AsyncApproval
    );
}

#[test]
fn labels_take_nothing_from_what_a_kind_or_an_owner_is() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let stateless = json!({"claw.dev/criticality": "low", "claw.dev/nature": "stateless"});
    let (action, facts) = labelled("StatefulSet", stateless.clone(), json!({}));
    assert_eq!(
        tier(&policy, &action, &facts),
        Tier::SyncApproval,
        "a StatefulSet is scaled up"
    );
    let (mut action, mut facts) = labelled("Job", stateless.clone(), json!({}));
    action.verb = Verb::Delete;
    action.api_version = "batch/v1".to_owned();
    facts.activity = Some(Activity::Working);
    assert_eq!(
        tier(&policy, &action, &facts),
        Tier::Forbidden,
        "a Job that works is deleted"
    );
    let (mut action, mut facts) = labelled("Pod", stateless, json!({}));
    action.verb = Verb::Evict;
    facts.activity = Some(Activity::Working);
    assert_eq!(tier(&policy, &action, &facts), Tier::SyncApproval);
    facts.object.as_mut().unwrap()["metadata"]["ownerReferences"] =
        json!([{"kind": "Job", "name": "x", "uid": "2"}]);
    assert_eq!(
        tier(&policy, &action, &facts),
        Tier::Forbidden,
        "a pod of a Job that works"
    );
}

#[test]
fn what_is_said_of_a_namespace_counts_for_what_is_in_it() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let said = |name: &str, value: &str| Facts {
        namespace_annotations: Some([(name.to_owned(), value.to_owned())].into()),
        ..known()
    };
    assert_eq!(tier(&policy, &scale(8), &said("team", "shop")), Tier::AutoLogged);
    let critical = said("claw.dev/criticality", "critical");
    assert_eq!(tier(&policy, &scale(8), &critical), Tier::AsyncApproval);
    let stateful = said("claw.dev/nature", "stateful");
    assert_eq!(tier(&policy, &scale(8), &stateful), Tier::SyncApproval);
}

#[test]
fn workloads_lower_their_criticality_no_further_than_the_policy_lets_them() {
    let mut policy = Policy::default().with_phase(Phase::LowRiskWrites);
    policy.labels.least_criticality = Criticality::Critical;
    assert_eq!(tier(&policy, &scale(8), &known()), Tier::AsyncApproval);
    let mut facts = known();
    let low = ("claw.dev/criticality".to_owned(), "low".to_owned());
    facts.namespace_labels.as_mut().unwrap().extend([low]);
    assert_eq!(
        tier(&policy, &scale(8), &facts),
        Tier::AutoLogged,
        "the namespace says so too"
    );
}

fn hpa(patch: Value) -> (Action, Facts) {
    let (mut action, mut facts) = labelled(
        "HorizontalPodAutoscaler",
        json!({"claw.dev/criticality": "low", "claw.dev/nature": "stateless"}),
        json!({}),
    );
    action.api_version = "autoscaling/v2".to_owned();
    action.patch = json!({"spec": patch});
    let object = facts.object.as_mut().unwrap();
    object["spec"] = json!({"minReplicas": 3, "maxReplicas": 10});
    object["status"] = json!({"currentReplicas": 5});
    facts.scaled = Some(json!({"kind": "Deployment", "metadata": {"labels":
        {"claw.dev/criticality": "low", "claw.dev/nature": "stateless"}}}));
    (action, facts)
}

#[test]
fn an_autoscaler_is_what_it_scales() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let (action, mut facts) = hpa(json!({"maxReplicas": 12}));
    assert_eq!(tier(&policy, &action, &facts), Tier::AsyncApproval);
    facts.scaled = Some(json!({"kind": "StatefulSet"}));
    assert_eq!(tier(&policy, &action, &facts), Tier::SyncApproval);
    facts.scaled = None;
    assert_eq!(tier(&policy, &action, &facts), Tier::SyncApproval);
}

#[test]
fn bounds_of_an_autoscaler_are_bounded_and_start_pods() {
    let policy = Policy::default().with_phase(Phase::LowRiskWrites);
    let of = |patch: Value| {
        let (action, facts) = hpa(patch);
        let names: Vec<_> = policy
            .requests(&action, &facts, NOW)
            .iter()
            .map(|it| it.operation.name())
            .collect();
        (tier(&policy, &action, &facts), names)
    };
    assert_eq!(
        of(json!({"maxReplicas": 10_000})),
        (Tier::SyncApproval, vec!["adjust_hpa"])
    );
    assert_eq!(
        of(json!({"minReplicas": 5})),
        (Tier::AsyncApproval, vec!["adjust_hpa"])
    );
    let more = vec!["scale_up", "adjust_hpa"];
    assert_eq!(
        of(json!({"minReplicas": 8, "maxReplicas": 12})),
        (Tier::AsyncApproval, more.clone())
    );
    let (action, mut facts) = hpa(json!({"minReplicas": 300, "maxReplicas": 300}));
    facts.scaled = Some(json!({"kind": "StatefulSet"}));
    assert_eq!(tier(&policy, &action, &facts), Tier::SyncApproval);
    let requests = policy.requests(&action, &facts, NOW);
    let started = requests
        .iter()
        .find(|it| it.operation == Operation::ScaleUp)
        .unwrap();
    assert_eq!(
        started.replicas,
        Some(Replicas {
            at_start: 4,
            wanted: 300
        })
    );
}

#[test]
fn requests_are_not_reduced_below_the_floor_or_on_too_few_days() {
    let mut policy = Policy::default().with_phase(Phase::Expanded);
    let mut floor = Floor::default();
    floor.cpu = Some("50m".parse().unwrap());
    policy.never_reduce_below = Some(floor);
    policy.min_observation_days = Some(14);
    let spec = |cpu: &str| {
        let container = json!({"name": "web", "resources": {"requests": {"cpu": cpu}}});
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    };
    let mut facts = known();
    claw_core::patch::merge(facts.object.as_mut().unwrap(), &spec("1"));
    let mut action = scale(4);
    let mut of = |cpu: &str, days: Option<u32>| {
        action.patch = spec(cpu);
        facts.observed_days = days;
        tier(&policy, &action, &facts)
    };
    assert_eq!(of("50m", Some(14)), Tier::AsyncApproval);
    assert_eq!(of("49m", Some(14)), Tier::Forbidden);
    assert_eq!(of("50m", Some(13)), Tier::Forbidden);
    assert_eq!(of("50m", None), Tier::Forbidden);
    // What is made anew or goes reduces nothing.
    for verb in [Verb::Create, Verb::Delete] {
        let mut action = scale(4);
        (action.verb, action.patch) = (verb, spec("1m"));
        let requests = policy.requests(&action, &facts, NOW);
        assert!(!requests.is_empty());
        assert!(
            requests.iter().all(|request| request.amounts == Amounts::Kept),
            "{verb:?}"
        );
    }
}

#[test]
fn what_is_forbidden_by_name_is_so_whatever_the_target_is() {
    let policy = Policy::default().with_phase(Phase::Expanded);
    let named = |action: &Action| -> Vec<String> {
        policy
            .forbidden_by_name(action, NOW)
            .into_iter()
            .map(|it| it.rule)
            .collect()
    };
    assert_eq!(named(&scale(8)), [""; 0]);
    let mut binding = scale(8);
    binding.api_version = "rbac.authorization.k8s.io/v1".to_owned();
    binding.target = EntityRef::namespaced("RoleBinding", "shop", "b");
    binding.patch = json!({"subjects": [{"kind": "User", "name": "kim"}]});
    assert_eq!(named(&binding), [""; 0], "it depends on what it binds to");
    binding.patch = json!({"subjects": [{"kind": "Group", "name": "system:authenticated"}]});
    assert_eq!(named(&binding), ["operation.tier"]);
    let mut secret = scale(8);
    secret.api_version = "v1".to_owned();
    secret.target = EntityRef::namespaced("Secret", "shop", "s");
    secret.patch = json!({"data": {"a": "b"}});
    assert_eq!(named(&secret), ["operation.tier"]);
    let mut system = scale(8);
    system.target = EntityRef::namespaced("Deployment", "kube-system", "cart");
    assert_eq!(named(&system), ["namespace.system"]);
}
