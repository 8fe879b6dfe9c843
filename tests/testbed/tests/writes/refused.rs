//! What stands in the way of a write on a real API server: it is refused with the place, the reason and what to do, and nothing is
//! changed.

use claw_testbed::suite::expired_kubeconfig;

use super::*;

/// A webhook that is asked about the ConfigMaps of a namespace, and is not there. It goes with the namespace.
fn webhook(namespace: &Value, side_effects: &str) -> Value {
    let name = namespace["metadata"]["name"].as_str().unwrap();
    let owner =
        json!({ "apiVersion": "v1", "kind": "Namespace", "name": name, "uid": namespace["metadata"]["uid"] });
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": format!("{name}-modes"), "ownerReferences": [owner] },
        "webhooks": [{
            "name": "modes.policy.example",
            "admissionReviewVersions": ["v1"],
            "sideEffects": side_effects,
            "failurePolicy": "Fail",
            "timeoutSeconds": 2,
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"] }],
            "clientConfig": { "service": { "name": "modes", "namespace": name, "path": "/review", "port": 443 } },
        }],
    })
}

fn said(error: &dyn std::error::Error) -> String {
    let beneath = std::iter::successors(error.source(), |error| error.source());
    beneath.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn what_stands_in_the_way_is_named_and_nothing_is_written() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("refused").await.unwrap();
    let ns = namespace.name();
    objects(&testbed, ns).await;
    let writer = Writer::with(&testbed, &namespace, &declared(&testbed).await).await;
    let manifest = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: mode, namespace: {ns}}}, data: {{mode: b}}}}"
    );
    let input = json!({ "manifest": manifest, "reason": "mode" });
    let path = format!("/api/v1/namespaces/{ns}/configmaps/mode");
    let api = testbed.api();
    let before = api.get(&path).await.unwrap();
    let action = writer.propose("apply_manifest", &input).await;
    writer.executor.dry_run(&cx(), &action).await.unwrap();

    // A webhook without support of dry runs does not come into a cluster: the API server takes none.
    let place = api.get(&format!("/api/v1/namespaces/{ns}")).await.unwrap();
    let all = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let refused = api
        .create(all, &webhook(&place, "Some"))
        .await
        .unwrap_err()
        .line();
    assert!(refused.contains("sideEffects"), "{refused}");
    // One that has to be asked, and is not there.
    assert!(api.create(all, &webhook(&place, "None")).await.unwrap());
    let told = wait_until(SOON, "that the webhook is asked", async || {
        Ok(match writer.executor.dry_run(&cx(), &action).await {
            Ok(_) => Err("it is not asked yet".to_owned()),
            Err(error) => {
                assert!(matches!(error, ExecuteError::Refused { .. }), "{error:?}");
                Ok(said(&error))
            }
        })
    });
    let told = told.await.unwrap();
    for part in [
        &*format!("ConfigMap {ns}/mode"),
        "modes.policy.example",
        "have it brought back",
    ] {
        assert!(told.contains(part), "{told}");
    }
    testbed.note(&format!("refused: {told}"));
    api.delete(&format!("{all}/{ns}-modes")).await.unwrap();

    // Credentials that have run out.
    let folder = tempfile::tempdir().unwrap();
    if let Some(kubeconfig) =
        expired_kubeconfig(&testbed, folder.path(), "a certificate that has run out").unwrap()
    {
        let connection = Connection::Kubeconfig {
            files: vec![kubeconfig],
            context: None,
        };
        let late = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
            .await
            .unwrap();
        let error = late.dry_run(&cx(), &action).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Refused { .. }), "{error:?}");
        let told = said(&error);
        for part in [
            &*format!("ConfigMap {ns}/mode"),
            "credentials not accepted",
            "renew the token or certificate",
        ] {
            assert!(told.contains(part), "{told}");
        }
        testbed.note(&format!("refused: {told}"));
    }
    let after = api.get(&path).await.unwrap();
    assert_eq!(
        after["metadata"]["resourceVersion"],
        before["metadata"]["resourceVersion"]
    );
    api.delete(&format!("/api/v1/nodes/{ns}-node")).await.unwrap();
}
