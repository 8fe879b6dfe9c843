//! The API server compiles every expression, and fills nothing in: what it stores can be compared with what was generated.

use claw_core::patch::merged;
use claw_guardrails::policy::{
    Criticality, Environment, Nature, Operation, Override, Phase, Policy, Tier, When,
};
use claw_guardrails::walls::Walls;
use claw_testbed::suite::Testbed;
use serde_json::{Value, json};

use super::asked::place;
use super::scene::accounts;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn the_api_server_stores_each_wall_as_it_was_generated() {
    let testbed = Testbed::for_test().await;
    let own = testbed.namespace("walls-types").await.unwrap();
    let uid = testbed
        .api()
        .get(&place("Namespace", None, Some(own.name())).1)
        .await
        .unwrap()["metadata"]["uid"]
        .clone();
    let owner = json!({ "apiVersion": "v1", "kind": "Namespace", "name": own.name(), "uid": uid });
    let (accounts, ..) = accounts(&testbed, &own, "types").await;
    // Of everything that an override can say, something.
    let over = Override::new("all", Tier::Forbidden, "to be sure").when(When {
        namespaces: vec!["pay".to_owned()],
        kinds: vec!["Deployment".to_owned()],
        operations: Operation::ALL.to_vec(),
        environments: vec![Environment::Staging],
        criticalities: vec![Criticality::High],
        natures: vec![Nature::Batch],
    });
    let mut stored = 0;
    for &phase in Phase::ALL {
        let mut policy = Policy::default().with_phase(phase).with_override(over.clone());
        policy.excluded_namespaces = vec!["it's \\ \"quoted\"\n".to_owned()];
        let name = format!("{}-{phase}", own.name()).replace('_', "-");
        let walls = Walls::new(policy, accounts.clone()).with_name(name);
        let owned = json!({ "metadata": { "ownerReferences": [owner] } });
        let manifests = walls.manifests();
        let items: Vec<Value> = manifests.iter().map(|object| merged(object, &owned)).collect();
        testbed
            .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
            .await
            .unwrap();
        for wanted in &manifests {
            let plural = match wanted["kind"].as_str() {
                Some("ValidatingAdmissionPolicy") => "validatingadmissionpolicies",
                _ => "validatingadmissionpolicybindings",
            };
            let name = wanted["metadata"]["name"].as_str().unwrap();
            let path = format!("/apis/admissionregistration.k8s.io/v1/{plural}/{name}");
            let found = testbed.api().get(&path).await.unwrap();
            assert_eq!(found["spec"], wanted["spec"], "{name}");
            stored += 1;
        }
    }
    testbed.note(&format!(
        "walls: {stored} objects are stored as they were generated"
    ));
    assert!(stored > 30, "{stored}");
}
