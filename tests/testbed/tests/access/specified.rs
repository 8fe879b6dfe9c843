//! The role that the specification prints: the generated one is the same, and an investigation with it alone works.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use claw_k8s::access::PolicyRule;
use claw_testbed::suite::{Account, Namespace, Part, Testbed, agent_command, wait_until};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::agent_under_test::{every_tool, whole_role};
use super::right::Right;

/// The role as the specification prints it.
const SPECIFIED: &str = include_str!("../../../../claw-k8s/src/access/specified.yaml");

/// For a fault to show, and roles to take effect.
const LATER: Duration = Duration::from_secs(90);
/// No command takes longer. What does, hangs.
const HANGS: Duration = Duration::from_secs(180);

/// How `claw-agent` says that a check failed.
const CHECK: i32 = 5;
/// How it says that the report stands, and that a whole source of it could not be read.
const GAPS: i32 = 4;

type Rights = BTreeSet<(String, String, String)>;

fn rights(rules: &[PolicyRule]) -> Rights {
    let mut rights = Rights::new();
    for rule in rules {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    rights.insert((group.clone(), resource.clone(), verb.clone()));
                }
            }
        }
    }
    rights
}

fn specified() -> (String, Vec<PolicyRule>) {
    let role: Value = serde_saphyr::from_str(SPECIFIED).unwrap();
    let name = role.pointer("/metadata/name").and_then(Value::as_str).unwrap();
    (
        name.to_owned(),
        serde_json::from_value(role["rules"].clone()).unwrap(),
    )
}

/// Runs the agent in a folder of its own.
async fn agent(program: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = agent_command(program);
    command.args(arguments).current_dir(folder);
    let output = timeout(HANGS, command.output()).await;
    output
        .unwrap_or_else(|_| panic!("the agent hangs: {arguments:?}"))
        .unwrap()
}

/// Runs the agent as the account whose token is in a file, and has it answer in JSON.
async fn agent_as(
    testbed: &Testbed,
    program: &str,
    folder: &Path,
    token: &Path,
    arguments: &[&str],
) -> Output {
    let kubeconfig = testbed.kubeconfig().to_string_lossy().into_owned();
    let token = token.to_string_lossy().into_owned();
    let account = ["--kubeconfig", &kubeconfig, "--token-path", &token];
    let all = [arguments, &account, &["--output", "json"]].concat();
    agent(program, folder, &all).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_generated_role_is_the_one_of_the_specification() {
    let testbed = Testbed::for_test().await;
    let test = "the generated role";
    let Some(program) = testbed.need(Part::Agent, test) else {
        return;
    };
    let namespace = testbed.namespace("role").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let generated = ["access", "--seed-only", "--namespace", namespace.name()];
    let printed = agent(program, folder.path(), &generated).await;
    assert!(printed.status.success(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    // What the API server makes of it, under names that nobody else has.
    let (name, expected) = specified();
    let own = format!("{name}-{}", namespace.name());
    let renamed = printed.replace(&name, &own);
    let applied = testbed
        .kubectl()
        .run_with(
            &["create", "--dry-run=server", "--output=json", "--filename=-"],
            &renamed,
        )
        .await
        .unwrap();
    let objects: Vec<Value> = serde_json::Deserializer::from_str(&applied)
        .into_iter::<Value>()
        .map(Result::unwrap)
        .flat_map(|object| match object["items"].as_array() {
            Some(items) => items.clone(),
            None => vec![object],
        })
        .collect();
    let kinds: Vec<_> = objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"]);
    assert_eq!(objects[1].pointer("/metadata/name"), Some(&json!(own)));
    let stored: Vec<PolicyRule> = serde_json::from_value(objects[1]["rules"].clone()).unwrap();
    assert_eq!(rights(&stored), rights(&expected));
    let subject = objects[2].pointer("/subjects/0/namespace");
    assert_eq!(subject, Some(&json!(namespace.name())));
}

/// An investigation of the namespace as `account`. Its report, once it names the cause.
async fn investigated(
    testbed: &Testbed,
    program: &str,
    namespace: &Namespace,
    token: &Path,
    mechanism: &str,
) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let asked = ["investigate", "--namespace", namespace.name()];
    wait_until(LATER, &format!("{mechanism} is named"), async || {
        let ended = agent_as(testbed, program, folder.path(), token, &asked).await;
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        let named = report.pointer("/hypotheses/0/mechanism") == Some(&json!(mechanism));
        let stands = matches!(ended.status.code(), Some(0 | GAPS));
        Ok(if stands && named {
            Ok(report)
        } else {
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            Err(format!("{}: {} {said}", ended.status, report["hypotheses"]))
        })
    })
    .await
    .unwrap()
}

/// What the report says it was not allowed to see.
fn denied(report: &Value) -> Vec<String> {
    let gaps = report["gaps"].as_array().unwrap().iter();
    gaps.filter_map(|gap| gap["reason"].as_str())
        .filter(|reason| reason.contains("not allowed"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn an_investigation_with_the_specified_role_alone_names_the_cause_and_what_it_did_not_see() {
    let testbed = Testbed::for_test().await;
    let test = "an investigation with the specified role";
    let Some(program) = testbed.need(Part::Agent, test) else {
        return;
    };
    let namespace = testbed.namespace("seed").await.unwrap();
    // Something that leaves logs, where containers can be made to print.
    let (fault, mechanism) = match testbed.part(Part::PodLogs) {
        Some(_) => ("crashloop", "invalid_configuration"),
        None => ("unschedulable", "unschedulable"),
    };
    testbed.inject(fault, namespace.name()).await.unwrap();
    let (_, seed) = specified();
    let whole = whole_role(&testbed).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, role) in [("seed", &seed), ("whole", &whole)] {
        let account = Account::create(&testbed, &namespace, name, &json!(role))
            .await
            .unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, account.token()).unwrap();
        // What the agent says of its rights, once they have taken effect.
        let check = ["access", "--check"];
        let granted = rights(role);
        let losses = wait_until(LATER, "the rights", async || {
            let checked = agent_as(&testbed, program, folder.path(), &file, &check).await;
            let said: Value = serde_json::from_slice(&checked.stdout).unwrap_or_default();
            let losses: Rights = said["losses"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(lost)
                .collect();
            let expected = if losses.is_empty() { 0 } else { CHECK };
            assert_eq!(checked.status.code(), Some(expected), "{checked:?}");
            let more = losses.intersection(&granted).next().cloned();
            Ok(match more {
                None => Ok(losses),
                Some(right) => Err(format!("{right:?} is granted, and said to be missing")),
            })
        })
        .await
        .unwrap();
        assert_eq!(losses.is_empty(), name == "whole", "{losses:?}");

        let report = investigated(&testbed, program, &namespace, &file, mechanism).await;
        let denied = denied(&report);
        if name == "whole" {
            assert!(denied.is_empty(), "{denied:?}");
            continue;
        }
        // Everything that it was refused lies beyond the role, and is named.
        let specs = every_tool(&testbed).await.specs();
        let beyond: Vec<Right> = specs
            .iter()
            .flat_map(|spec| Right::all(&spec.access))
            .filter(|right| {
                let right = (right.group.clone(), right.resource.clone(), right.verb.clone());
                // Not by what was found missing: kinds of other tests come and go.
                !granted.contains(&right)
            })
            .collect();
        for reason in &denied {
            assert!(
                beyond.iter().any(|right| reason.contains(&right.name())),
                "{reason} is not beyond the role"
            );
        }
        for always in [
            "endpointslices.discovery.k8s.io",
            "networkpolicies.networking.k8s.io",
            "jobs.batch",
            "controllerrevisions.apps",
        ] {
            assert!(
                denied.iter().any(|reason| reason.contains(always)),
                "{always} is not named: {denied:?}"
            );
        }
        println!(
            "with the specified role alone: {mechanism} is named; {} kinds could not be seen, and are named",
            denied.len()
        );
    }
}

/// The rights of one loss.
fn lost(loss: &Value) -> Rights {
    let text = |name: &str| loss[name].as_str().unwrap_or_default().to_owned();
    let verbs = loss["verbs"].as_array().into_iter().flatten();
    verbs
        .filter_map(Value::as_str)
        .map(|verb| (text("group"), text("resource"), verb.to_owned()))
        .collect()
}
