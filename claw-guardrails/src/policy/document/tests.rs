use super::*;
use crate::policy::{Environment, Labels, Operation};

fn parse(text: &str) -> Result<Policy, String> {
    Policy::parse("p.yaml", text.as_bytes()).map_err(|error| error.to_string())
}

const FULL: &str = r#"
policy:
  phase: expanded
  scale_up_percent: 150
  max_replicas: 40
  excluded_namespaces: [istio-system, vault]
  labels:
    environment: [stage]
    environments: {QA: staging, live: production}
    criticality: acme.example/tier
    least_criticality: high
  freezes:
    - {name: launch, from: "2026-12-01T00:00:00Z", until: "2026-12-02T00:00:00+01:00"}
  freeze: forbidden
  own_namespace: agents
  own_roles: [watchers, "ops-*"]
  max_actions: read_only
  escalation: always_human
  min_observation_days: 14
  never_reduce_below: {cpu: "50m", memory: "64Mi"}
  overrides:
    - id: payments
      when: {namespaces: [payments], operations: [scale_up, restart], environments: [staging]}
      tier: sync_approval
      reason: the auditors want a person to look
"#;

#[test]
fn everything_that_can_be_said_is_read() {
    let policy = parse(FULL).unwrap();
    assert_eq!(policy.phase, Phase::Expanded);
    assert_eq!((policy.scale_up_percent, policy.max_replicas), (150, 40));
    assert_eq!(policy.excluded_namespaces, ["istio-system", "vault"]);
    assert_eq!(policy.labels.environment, ["stage"]);
    assert_eq!(policy.labels.environments["qa"], Environment::Staging);
    assert_eq!(policy.labels.nature, Labels::default().nature);
    assert_eq!(policy.freezes.len(), 1);
    assert_eq!(policy.freeze, Tier::Forbidden);
    let [over] = &policy.overrides[..] else { panic!() };
    assert_eq!(over.when.operations, [Operation::ScaleUp, Operation::Restart]);
    assert_eq!(policy.labels.least_criticality.name(), "high");
    assert_eq!(
        (policy.own_namespace.as_str(), policy.own_roles.len()),
        ("agents", 2)
    );
    assert!(policy.max_actions.is_some() && policy.escalation.is_some());
    assert_eq!(policy.min_observation_days, Some(14));
    let floor = policy.never_reduce_below.as_ref().unwrap();
    assert_eq!(floor.cpu.unwrap().milli(), 50);
    assert_eq!(floor.memory.unwrap().bytes(), 64 << 20);
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(
        serde_json::from_str::<Policy>(&text).unwrap(),
        policy,
        "it is kept as it is"
    );
    assert_eq!(parse("policy: {}").unwrap(), Policy::default());
}

#[test]
fn what_an_override_is_about_is_read_or_refused_and_never_left_out() {
    let over = |when: &str| {
        parse(&format!(
            "policy: {{overrides: [{{id: a, when: {when}, tier: forbidden, reason: x}}]}}"
        ))
    };
    let read = over("{kinds: [Deployment, Widget]}").unwrap();
    assert_eq!(read.overrides[0].when.kinds, ["Deployment", "Widget"]);
    let refused = over("{operations: [delete_collection]}").unwrap_err();
    assert!(refused.contains("leave it out: no action does that"), "{refused}");
    // A usual name may be written down with the meaning that it has.
    let text = "policy: {labels: {environments: {prod: production, qa: staging}}}";
    let labels = parse(text).unwrap().labels;
    assert_eq!(labels.environments["prod"], Environment::Production);
}

#[test]
fn a_policy_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    Policy::read(&path).unwrap_err();
    std::fs::write(&path, FULL).unwrap();
    assert_eq!(Policy::read(&path).unwrap(), parse(FULL).unwrap());
}

#[test]
fn each_problem_is_told_with_its_place_and_remedy() {
    let error = parse(
        "policy:\n  phase: reckless\n  scale_up_percent: 50\n  max_replicas: many\n  excluded_namespace: [a]\n  freeze: auto\n",
    )
    .unwrap_err();
    assert_eq!(
        error.lines().collect::<Vec<_>>(),
        [
            "p.yaml:2:10: policy.phase: `reckless` is not known here; known are observe, recommend, low_risk_writes, expanded",
            "p.yaml:3:21: policy.scale_up_percent: 50 percent of the replicas at the start make no sense; write 100 to 200",
            "p.yaml:4:17: policy.max_replicas: expected a whole number, found the text `many`; write a number: 1",
            "p.yaml:5:3: policy: unknown key `excluded_namespace`; did you mean `excluded_namespaces`?",
            "p.yaml:6:11: policy.freeze: `auto` is not known here; known are sync_approval, forbidden",
        ]
    );
}

#[test]
fn what_would_say_nothing_or_two_things_is_refused() {
    for (text, expected) in [
        ("", "the file has no document; write a `policy:`"),
        ("{}", "the key `policy` is missing"),
        ("policy: {}\n---\npolicy: {}", "there is a second document"),
        (
            "policy: {freezes: [{name: a, from: \"2026-12-02T00:00:00Z\", until: \"2026-12-01T00:00:00Z\"}]}",
            "the freeze is over before it begins",
        ),
        (
            "policy: {freezes: [{name: a, from: tomorrow, until: \"2026-12-01T00:00:00Z\"}]}",
            "`tomorrow` is no time with a zone",
        ),
        (
            "policy: {overrides: [{id: a, tier: auto, reason: x}]}",
            "`auto` is not known here",
        ),
        (
            "policy: {overrides: [{id: a, tier: forbidden}]}",
            "the key `reason` is missing",
        ),
        (
            "policy: {overrides: [{id: a, tier: forbidden, reason: x}, {id: a, tier: forbidden, reason: y}]}",
            "`a` is here twice",
        ),
        (
            "policy: {overrides: [{id: a, when: {operations: []}, tier: forbidden, reason: x}]}",
            "the list is empty",
        ),
        (
            "policy: {max_replicas: 100000}",
            "100000 replicas make no sense; write 1 to 100",
        ),
        (
            "policy: {labels: {environments: {Prod: development}}}",
            "`Prod` cannot mean less than production; write `Prod: production`, or leave it out",
        ),
        (
            "policy: {overrides: [{id: a, when: {kinds: [Deployments]}, tier: forbidden, reason: x}]}",
            "no kind is spelled `Deployments` in manifests; write Deployment",
        ),
        (
            "policy: {overrides: [{id: a, when: {kinds: [HPA]}, tier: forbidden, reason: x}]}",
            "write HorizontalPodAutoscaler",
        ),
        (
            "policy: {overrides: [{id: a, when: {operations: [rollback]}, tier: forbidden, reason: x}]}",
            "no action is ever told to be `rollback`; write configure",
        ),
        ("policy: {max_actions: many}", "`many` is not known here"),
        (
            "policy: {never_reduce_below: {}}",
            "neither `cpu` nor `memory` is here",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// The example in the documentation for operators is a policy.
#[test]
fn the_documented_example_is_read_as_it_is_meant() {
    let page = include_str!("../../../../docs/policy.md");
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let policy = parse(example.unwrap()).unwrap();
    assert_eq!(policy.lint(), [""; 0]);
    // Each key that there is, and each operation, is told of.
    let Ok(serde_json::Value::Object(keys)) = serde_json::to_value(&policy) else {
        panic!("an object")
    };
    for key in keys.keys() {
        assert!(example.unwrap().contains(&format!(" {key}:")), "{key}");
    }
    for operation in Operation::ALL.iter().filter(|operation| operation.is_told()) {
        assert!(page.contains(&format!("`{operation}`")), "{operation}");
    }
}
