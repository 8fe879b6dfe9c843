//! Tokens that are accepted no more, and a certificate authority that is replaced.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claw_testbed::suite::{Agent, Service, TcpProxy, during_rotation, notification, wait_until};
use serde_json::{Value, json};

use crate::investigated::{gaps, names_the_cause};
use crate::scene::{LATER, Scene, lists_are_old};

/// Bytes with which a client begins a handshake and breaks it off, at most. A request with its token is longer.
const HELLO: u64 = 800;

/// A token that is good for as long as a secret is there. The agent cannot tell the end of that from the end of its time: the
/// API server answers both alike.
struct BoundToken {
    secret: String,
    token: String,
}

impl BoundToken {
    async fn create(scene: &Scene, name: &str) -> Self {
        let api = scene.testbed.api();
        let inside = format!("/api/v1/namespaces/{}", scene.namespace());
        let secrets = format!("{inside}/secrets");
        api.create(&secrets, &json!({ "metadata": { "name": name } }))
            .await
            .unwrap();
        let secret = format!("{secrets}/{name}");
        let uid = api.get(&secret).await.unwrap()["metadata"]["uid"].clone();
        let asked = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": name, "uid": uid } },
        });
        let answer = api
            .post(&format!("{inside}/serviceaccounts/claw/token"), &asked)
            .await
            .unwrap();
        let token = answer["status"]["token"].as_str().unwrap().to_owned();
        Self { secret, token }
    }

    /// Has it expire, and waits until the API server knows.
    async fn expire(&self, scene: &Scene) {
        scene.testbed.api().delete(&self.secret).await.unwrap();
        let server = Service::with_authority(scene.server(), &scene.authority()).unwrap();
        wait_until(LATER, "the token is refused", async || {
            let status = server.status_as("/version", &self.token).await?;
            Ok(if status == 401 {
                Ok(())
            } else {
                Err(format!("status {status}"))
            })
        })
        .await
        .unwrap();
    }
}

/// Has the agent report on an alert of its own, and says what it reports.
async fn report_on(agent: &Agent, scene: &Scene, mark: &str) -> Value {
    let alert = notification(mark, scene.namespace(), "mailer");
    let runs = agent.notify(&alert).await.unwrap();
    let [run] = runs.as_slice() else {
        panic!("one run, not {runs:?}");
    };
    agent.wait_for(run, LATER).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn a_token_file_is_read_anew_and_a_token_that_has_expired_says_so() {
    let Some(scene) = Scene::set("a token that expires").await else {
        return;
    };
    let file = scene.path("token");
    let token = file.to_str().unwrap();
    let first = BoundToken::create(&scene, "first").await;
    let second = BoundToken::create(&scene, "second").await;
    std::fs::write(&file, &first.token).unwrap();
    // The kubeconfig has credentials, too, which are not used.
    let kubeconfig = scene.kubeconfig(scene.server());
    let with_token = ["--token-path", token];
    // Each alert is to open a run of its own, though all are about the same.
    let serving = ["--token-path", token, "--no-grouping"];
    let data = scene.path("data");
    let agent = Agent::start_with(scene.program(), &scene.testbed, &data, &kubeconfig, &serving)
        .await
        .unwrap();
    assert!(names_the_cause(&report_on(&agent, &scene, "first").await));

    // Nobody has replaced it yet: the agent goes on, and says what is missing.
    first.expire(&scene).await;
    lists_are_old().await;
    let unseen = report_on(&agent, &scene, "expired").await;
    let said = gaps(&unseen);
    let expected = |gap: &String| {
        gap.starts_with("get_pods: credentials not accepted")
            && gap.ends_with("renew the token or certificate")
    };
    assert!(said.iter().any(expected), "{said:#?}");
    assert!(
        !said.iter().any(|gap| gap.contains("grant the agent")),
        "{said:#?}"
    );
    assert_eq!(unseen["verdict"], "unknown", "{:#}", unseen["hypotheses"]);
    let failed = scene.investigate(&kubeconfig, &with_token).await;
    failed.assert_failed(&["credentials not accepted", "renew the token or certificate"]);
    let secret = [&first.token[..], scene.account().token()];
    assert!(!secret.iter().any(|secret| failed.said.contains(secret)));

    std::fs::write(&file, &second.token).unwrap();
    let seen = report_on(&agent, &scene, "second").await;
    assert!(names_the_cause(&seen), "{:#?}", gaps(&seen));
    assert!(
        !gaps(&seen).iter().any(|gap| gap.contains("credentials")),
        "{:#?}",
        gaps(&seen)
    );
    scene.investigate(&kubeconfig, &with_token).await.assert_cause();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn an_authority_that_was_replaced_is_trusted_once_the_kubeconfig_names_it() {
    let test = "an authority that is replaced";
    let Some(scene) = Scene::set_alone(test).await else {
        return;
    };
    // So that open connections can be ended: they go on with the certificate of before.
    let proxy = TcpProxy::before(scene.server()).await.unwrap();
    let kubeconfig = scene.kubeconfig(proxy.url());
    let data = scene.path("data");
    let agent = Agent::start_with(
        scene.program(),
        &scene.testbed,
        &data,
        &kubeconfig,
        &["--no-grouping"],
    )
    .await
    .unwrap();
    let before = report_on(&agent, &scene, "before").await;
    let folder = scene.path("");
    // First of all the others get their API server back: nothing is asserted before.
    let rotation = during_rotation(&scene.testbed, &folder, test, async |authority: &Path| {
        lists_are_old().await;
        proxy.cut();
        let (connections, bytes) = (proxy.connections(), proxy.asked());
        let untrusted = report_on(&agent, &scene, "untrusted").await;
        let failed = scene.investigate(&kubeconfig, &[]).await;
        let asked = (proxy.connections() - connections, proxy.asked() - bytes);
        scene.kubeconfig_with(proxy.url(), &authority_data(authority));
        let trusted = report_on(&agent, &scene, "trusted").await;
        let again = scene.investigate(&kubeconfig, &[]).await;
        (untrusted, failed, asked, trusted, again)
    });
    let (untrusted, failed, (connections, bytes), trusted, again) = rotation.await.unwrap().unwrap();

    assert!(names_the_cause(&before));
    let said = gaps(&untrusted);
    let expected = |gap: &String| {
        gap.starts_with("get_pods: the certificate of the API server does not verify")
            && gap.contains("give the certificate authority")
    };
    assert!(said.iter().any(expected), "{said:#?}");
    assert_eq!(untrusted["verdict"], "unknown", "{:#}", untrusted["hypotheses"]);
    // Nothing was asked of a server that is not trusted: nothing but the beginnings of handshakes was sent.
    assert!(connections > 1, "{connections} connections");
    assert!(
        bytes <= connections * HELLO,
        "{bytes} bytes by {connections} connections"
    );
    failed.assert_failed(&[
        "the certificate of the API server does not verify",
        "certificate authority",
    ]);
    assert!(names_the_cause(&trusted), "{:#?}", gaps(&trusted));
    again.assert_cause();
    scene.end().await;
}

/// A PEM file as kubeconfigs carry it.
fn authority_data(file: &Path) -> Value {
    STANDARD.encode(std::fs::read(file).unwrap()).into()
}
