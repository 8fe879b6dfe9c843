//! What every tool does with arguments that make no sense, whichever tools there are.

use claw_core::tool::{ToolErrorKind, ToolSpec};
use serde_json::{Value, json};

use claw_testbed::suite::Testbed;

use super::agent_under_test::{AgentUnderTest, every_tool};

/// Whether the tool asks the API server about the namespace that it is given. Objects of GitOps live in namespaces of their
/// own: there the name is only compared.
fn asks_about_a_namespace(spec: &ToolSpec) -> bool {
    !spec.access.kubernetes.is_empty() && has(spec, "namespace") && spec.name != "query_gitops"
}

fn has(spec: &ToolSpec, property: &str) -> bool {
    let schema = spec.input.as_value();
    schema.pointer(&format!("/properties/{property}")).is_some()
}

/// Arguments that fit as far as they have to, with one of them set.
fn with(spec: &ToolSpec, property: &str, value: Value) -> Value {
    let mut arguments = json!({});
    let required = spec.input.as_value().pointer("/required");
    for name in required.and_then(Value::as_array).into_iter().flatten() {
        let name = name.as_str().unwrap();
        arguments[name] = match name {
            "query" => json!("up"),
            "start" | "end" => json!("2026-03-01T10:00:00Z"),
            _ => json!("default"),
        };
    }
    arguments[property] = value;
    arguments
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn wrong_arguments_are_refused_by_name_and_recorded() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("wrong").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    for spec in every_tool(&testbed).await.specs() {
        let mut wrong = vec![("nonsense", json!(1))];
        if has(&spec, "namespace") {
            wrong.push(("namespace", json!(["shop"])));
        }
        if asks_about_a_namespace(&spec) {
            wrong.push(("namespace", json!("not/a/name")));
        }
        if has(&spec, "since") {
            wrong.push(("since", json!("yesterday")));
        }
        for (property, value) in wrong {
            let error = agent
                .refusal(&spec.name, with(&spec, property, value.clone()))
                .await;
            let said = format!("{} with {property} {value}: {error}", spec.name);
            assert_eq!(error.kind(), ToolErrorKind::InvalidInput, "{said}");
            // What is wrong, or how it is written right.
            let told = [property, "`not/a/name`", "invalid type", "for example 30m"];
            assert!(told.iter().any(|part| error.to_string().contains(part)), "{said}");
        }
    }
    let (calls, records) = agent.recorded();
    assert_eq!(calls, records, "each call is in the audit log");
    println!("{calls} calls with wrong arguments");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_namespace_that_does_not_exist_is_not_taken_for_an_empty_one() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("empty").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let absent = format!("{}-not", namespace.name());
    let source = format!("namespace {absent}");
    let mut asked = 0;
    for spec in every_tool(&testbed)
        .await
        .specs()
        .iter()
        .filter(|spec| asks_about_a_namespace(spec))
    {
        asked += 1;
        match agent
            .call(&spec.name, with(spec, "namespace", json!(absent)))
            .await
        {
            Ok(answer) => {
                let gaps = answer["gaps"].as_array().unwrap();
                assert!(
                    gaps.iter()
                        .any(|gap| gap["source"] == source && gap["reason"] == "it does not exist"),
                    "{}: {answer}",
                    spec.name
                );
            }
            Err(claw_core::gate::ObserveError::Tool(error)) => {
                assert_eq!(error.kind(), ToolErrorKind::NotFound, "{}: {error}", spec.name);
                assert!(error.to_string().contains(&absent), "{}: {error}", spec.name);
            }
            Err(error) => panic!("{}: {error}", spec.name),
        }
        if spec.name == "get_pod_logs" {
            continue; // logs are those of a pod
        }
        let answer: Value = agent
            .ask(&spec.name, with(spec, "namespace", json!(namespace.name())))
            .await;
        let about = answer["gaps"].as_array().unwrap().iter();
        let about: Vec<_> = about
            .filter(|gap| gap["source"].as_str().unwrap().starts_with("namespace"))
            .collect();
        assert!(about.is_empty(), "{} in an empty namespace: {about:?}", spec.name);
    }
    assert!(asked >= 6, "{asked} tools take a namespace");
}
