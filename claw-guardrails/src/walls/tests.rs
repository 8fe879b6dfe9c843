use std::collections::BTreeSet;

use claw_core::definition::{Escalation, MaxActions};
use serde_json::Value;

use super::*;
use crate::policy::{Criticality, Environment, Freeze, Override, Phase, When};

fn policy(phase: Phase) -> Policy {
    Policy {
        excluded_namespaces: vec!["vault".to_owned()],
        ..Policy::default().with_phase(phase)
    }
}

fn walls(policy: Policy) -> Walls {
    Walls::new(policy, Accounts::in_namespace("claw"))
}

fn short(walls: &Walls) -> Vec<String> {
    let names = walls.names().into_iter();
    names.map(|name| name.replace("openclaw-wall-", "")).collect()
}

/// The texts under a pointer of each object in a list.
fn texts<'a>(object: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    let items = object
        .pointer(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    items.map(|item| item[field].as_str().unwrap()).collect()
}

/// The names of variables in an expression.
fn referred(expression: &str) -> BTreeSet<&str> {
    let parts = expression.split("variables.").skip(1);
    parts
        .map(|part| {
            part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap()
        })
        .collect()
}

#[test]
fn each_phase_has_the_walls_that_it_needs() {
    let of = |phase| short(&walls(policy(phase)));
    let always = ["reader", "places", "forbidden"];
    assert_eq!(of(Phase::Observe), [&always[..], &["phase"]].concat());
    assert_eq!(of(Phase::Recommend), of(Phase::Observe));
    assert_eq!(
        of(Phase::LowRiskWrites),
        [&always[..], &["phase", "unattended"]].concat()
    );
    assert_eq!(of(Phase::Expanded), [&always[..], &["unattended"]].concat());
    let over = Override::new("launch", Tier::Forbidden, "a launch");
    let forbidding = policy(Phase::Expanded).with_override(over);
    assert_eq!(
        short(&walls(forbidding)),
        [&always[..], &["overrides", "unattended"]].concat()
    );
}

/// What a definition's `guardrails` say as well.
#[test]
fn who_only_reads_is_denied_every_write_and_who_always_asks_is_told_of_each() {
    let demands = |walls: &Walls, name: &str| -> Option<(Vec<String>, Value)> {
        let name = format!("openclaw-wall-{name}");
        let manifests = walls.manifests();
        let of = |kind: &str| {
            manifests
                .iter()
                .find(|it| it["metadata"]["name"] == name.as_str() && it["kind"] == kind)
        };
        let wall = of("ValidatingAdmissionPolicy")?;
        let messages = texts(wall, "/spec/validations", "message");
        let binding = of("ValidatingAdmissionPolicyBinding")?;
        let never = texts(wall, "/spec/validations", "expression")[0] == "false";
        let messages = messages
            .into_iter()
            .filter(|_| never)
            .map(str::to_owned)
            .collect();
        Some((messages, binding["spec"]["validationActions"].clone()))
    };
    for &phase in Phase::ALL {
        let mut reading = policy(phase);
        reading.max_actions = Some(MaxActions::ReadOnly);
        let of_reading = walls(reading.clone());
        let (messages, actions) = demands(&of_reading, "phase").unwrap();
        assert!(
            messages[0].starts_with("openclaw: actions.read_only: "),
            "{phase}: {messages:?}"
        );
        assert_eq!(actions, serde_json::json!(["Deny"]));
        assert!(
            demands(&of_reading, "unattended").is_none(),
            "nobody could approve it"
        );
        let matched = Matched {
            rule: "actions.read_only".to_owned(),
            tier: Tier::Forbidden,
        };
        assert_eq!(
            reading.tier(&request(Operation::ScaleUp)),
            Tier::Forbidden,
            "{phase}"
        );
        assert!(of_reading.see(&matched, &request(Operation::ScaleUp)));
        assert!(!of_reading.see(&matched, &request(Operation::OpenPullRequest)));

        let mut asking = policy(phase);
        asking.escalation = Some(Escalation::AlwaysHuman);
        let attended = demands(&walls(asking.clone()), "unattended");
        let unattended = walls(asking).with_attendance(Attendance::Unattended);
        if phase < Phase::LowRiskWrites {
            assert!(attended.is_none());
            continue;
        }
        let (messages, actions) = attended.unwrap();
        assert!(
            messages.len() == 1 && messages[0].contains("actions.always_human"),
            "{messages:?}"
        );
        assert_eq!(actions, serde_json::json!(["Warn", "Audit"]));
        let denied = demands(&unattended, "unattended").unwrap();
        assert_eq!(denied, (messages, serde_json::json!(["Deny"])));
    }
}

#[test]
fn what_another_policy_may_have_left_is_named() {
    for &phase in Phase::ALL {
        let walls = walls(policy(phase));
        let mut all = walls.names();
        all.extend(walls.other_names());
        let names: BTreeSet<_> = all.iter().collect();
        assert_eq!(
            (all.len(), names.len()),
            (wall::NAMES.len(), wall::NAMES.len()),
            "{all:?}"
        );
    }
    let left = walls(policy(Phase::Expanded)).other_names();
    assert_eq!(left, ["openclaw-wall-phase", "openclaw-wall-overrides"]);
}

#[test]
fn every_policy_is_bound_fails_closed_and_is_about_the_agent_alone() {
    for &phase in Phase::ALL {
        let walls = walls(policy(phase)).with_name("shop");
        let manifests = walls.manifests();
        assert_eq!(manifests.len(), 2 * walls.names().len());
        for (pair, name) in manifests.chunks(2).zip(walls.names()) {
            let [wall, binding] = pair else { panic!() };
            assert!(name.starts_with("shop-wall-"), "{name}");
            assert_eq!(wall["metadata"]["name"], name.as_str());
            assert_eq!(wall["spec"]["failurePolicy"], "Fail");
            assert_eq!(binding["metadata"]["name"], name.as_str());
            assert_eq!(binding["spec"]["policyName"], name.as_str());
            let told = name.ends_with("unattended");
            let actions = if told {
                serde_json::json!(["Warn", "Audit"])
            } else {
                serde_json::json!(["Deny"])
            };
            assert_eq!(binding["spec"]["validationActions"], actions, "{name}");
            let whose = texts(wall, "/spec/matchConditions", "expression")[0];
            assert!(
                whose.contains("system:serviceaccount:claw:openclaw-agent"),
                "{whose}"
            );
            for message in texts(wall, "/spec/validations", "message") {
                assert!(
                    message.starts_with("shop: ") && !message.contains('\n'),
                    "{message}"
                );
            }
        }
    }
}

#[test]
fn every_variable_is_there_before_it_is_used() {
    let over = Override::new("all", Tier::Forbidden, "x").when(When {
        namespaces: vec!["pay".to_owned()],
        kinds: vec!["Deployment".to_owned()],
        operations: Operation::ALL.to_vec(),
        environments: vec![Environment::Production],
        criticalities: vec![Criticality::Critical],
        natures: vec![crate::policy::Nature::Batch],
    });
    for &phase in Phase::ALL {
        for wall in walls(policy(phase).with_override(over.clone())).manifests() {
            let mut known = BTreeSet::new();
            for variable in wall
                .pointer("/spec/variables")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let expression = variable["expression"].as_str().unwrap();
                assert!(referred(expression).is_subset(&known), "{expression}");
                known.insert(variable["name"].as_str().unwrap());
            }
            for expression in texts(&wall, "/spec/validations", "expression") {
                assert!(referred(expression).is_subset(&known), "{expression}");
                assert_eq!(
                    expression.matches('(').count(),
                    expression.matches(')').count(),
                    "{expression}"
                );
            }
        }
    }
}

#[test]
fn nobody_approving_turns_the_telling_into_a_denial() {
    let walls = walls(policy(Phase::Expanded)).with_attendance(Attendance::Unattended);
    for binding in walls.manifests().iter().skip(1).step_by(2) {
        assert_eq!(binding["spec"]["validationActions"], serde_json::json!(["Deny"]));
    }
}

#[test]
fn the_policys_numbers_and_names_are_in_the_walls() {
    let mut policy = policy(Phase::LowRiskWrites);
    (policy.scale_up_percent, policy.max_replicas) = (150, 40);
    policy.own_namespace = "robots".to_owned();
    let text = serde_json::to_string(&walls(policy.clone()).manifests()).unwrap();
    for said in [
        "variables.old_replicas * 150 || variables.new_replicas > 40",
        "variables.place in ['vault']",
        "variables.place == 'robots'",
        "request.namespace == 'robots'",
        "'qa': 'staging'",
    ] {
        let labelled = said.contains("qa");
        assert_eq!(text.contains(said), !labelled, "{said}");
    }
    policy.scale_up_percent = 900;
    policy
        .labels
        .environments
        .insert("qa".to_owned(), Environment::Staging);
    let text = serde_json::to_string(&walls(policy).manifests()).unwrap();
    assert!(
        text.contains("variables.old_replicas * 200 "),
        "more than twice counts as twice"
    );
    assert!(text.contains("'qa': 'staging'"));
}

#[test]
fn what_is_written_into_a_policy_comes_out_as_text() {
    let mut policy = policy(Phase::Expanded);
    policy.labels.criticality = "x' || true || '".to_owned();
    let over = Override::new("a\nb", Tier::Forbidden, "two\nlines").when(When {
        kinds: vec!["Pod\" || '".to_owned()],
        ..When::default()
    });
    let manifests = walls(policy.with_override(over)).manifests();
    let text = serde_json::to_string(&manifests).unwrap();
    assert!(!text.contains("x' || true"), "{text}");
    let overrides = manifests
        .iter()
        .find(|it| it["metadata"]["name"] == "openclaw-wall-overrides")
        .unwrap();
    assert_eq!(
        texts(overrides, "/spec/validations", "message"),
        ["openclaw: override.a b: the policy forbids it: two lines; have a person do it"]
    );
}

fn request(operation: Operation) -> Request {
    Request::new(operation, "Deployment", Some("shop"), "cart")
}

#[test]
fn what_a_wall_tells_by_the_kind_is_seen_in_that_kind_alone() {
    let walls = walls(policy(Phase::Expanded));
    let matched = Matched {
        rule: "operation.tier".to_owned(),
        tier: Tier::Forbidden,
    };
    for (operation, kind, seen) in [
        (Operation::TouchSecret, "Secret", true),
        (Operation::TouchSecret, "Deployment", false),
        (Operation::Escalate, "RoleBinding", true),
        (Operation::Escalate, "ConfigMap", false),
        (Operation::ChangeAdmission, "ValidatingWebhookConfiguration", true),
        (
            Operation::ChangeAdmission,
            "ValidatingAdmissionPolicyBinding",
            false,
        ),
        (Operation::Exec, "Pod", true),
    ] {
        let request = Request::new(operation, kind, Some("shop"), "cart");
        assert_eq!(walls.see(&matched, &request), seen, "{operation} {kind}");
    }
}

#[test]
fn what_the_api_server_cannot_see_is_said() {
    let of = |operations: &[Operation]| {
        Override::new("o", Tier::Forbidden, "x").when(When {
            operations: operations.to_vec(),
            ..When::default()
        })
    };
    let matched = |rule: &str| Matched {
        rule: rule.to_owned(),
        tier: Tier::Forbidden,
    };
    let mut plain = policy(Phase::Expanded);
    assert!(walls(plain.clone()).unseen().is_empty());
    for (rule, seen) in [
        ("operation.tier", true),
        ("namespace.excluded", true),
        ("phase.cap", true),
        ("season.frozen", false),
        ("workload.working", false),
        ("override.o", false),
    ] {
        assert_eq!(
            walls(plain.clone()).see(&matched(rule), &request(Operation::Restart)),
            seen,
            "{rule}"
        );
    }
    assert!(!walls(plain.clone()).see(&matched("phase.cap"), &request(Operation::OpenPullRequest)));
    let both = walls(
        plain
            .clone()
            .with_override(of(&[Operation::Restart, Operation::Configure])),
    );
    assert!(both.see(&matched("override.o"), &request(Operation::Restart)));
    assert!(!both.see(&matched("override.o"), &request(Operation::Configure)));
    assert!(
        both.unseen()[0].contains("cannot tell configure"),
        "{:?}",
        both.unseen()
    );
    // Every change is a change, whatever it changes.
    assert!(
        walls(plain.clone().with_override(of(&[])))
            .see(&matched("override.o"), &request(Operation::Configure))
    );
    let mut workloads = of(&[]);
    workloads.when.criticalities = vec![Criticality::Critical];
    let workloads = walls(plain.clone().with_override(workloads));
    assert!(!workloads.see(&matched("override.o"), &request(Operation::Drain)));
    assert!(
        workloads.unseen()[0].contains("an eviction"),
        "{:?}",
        workloads.unseen()
    );
    plain.freeze = Tier::Forbidden;
    plain.freezes = vec![Freeze::new(
        "launch",
        jiff::Timestamp::UNIX_EPOCH,
        jiff::Timestamp::MAX,
    )];
    assert!(walls(plain).unseen()[0].starts_with("freezes"));
}
