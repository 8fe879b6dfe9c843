//! The emergency stop of an agent that runs, and an investigation that is broken off.

use std::fs;
use std::time::Duration;

use claw_testkit::faults::{Fault, Rule};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, Served, World, alert};

/// How long the agent may take to feel something: it looks every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

/// Until the folder says that the stop is engaged, for this reason.
async fn engaged(world: &World, reason: &str) {
    until(reason, async || {
        let (code, stdout, _) = world.run(&["stop", "status"]).await;
        code == 5 && stdout.contains(reason)
    })
    .await;
}

async fn released(world: &World) {
    let arguments = ["stop", "release", "--by", "ann", "--reason", "looked at it"];
    let (code, stdout, stderr) = world.run(&arguments).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("is released"), "{stdout}");
    assert_eq!(world.run(&["stop", "status"]).await.0, 0);
}

fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

async fn ask(served: &Served, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
    claw_core::http::install_crypto_provider();
    #[allow(clippy::disallowed_methods)] // a sender that is not ours
    let request = reqwest::Client::new().request(method, format!("{}{path}", served.url));
    let answer = request
        .bearer_auth("an-admin-token")
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// An alert that comes meanwhile is taken in, and its report says that nothing could be seen.
async fn nothing_is_read(world: &World, served: &Served) {
    let reads = || {
        let exchanges = world.api.faults().exchanges();
        exchanges
            .iter()
            .filter(|exchange| !exchange.path.ends_with("/claw-stop"))
            .count()
    };
    let before = reads();
    let receipt = served.webhook(&alert(world.began)).send().await.unwrap();
    let receipt: Value = receipt.json().await.unwrap();
    let run = receipt["runs"][0].as_str().unwrap();
    let report = world.path("claw-data/reports").join(format!("{run}.json"));
    until("a report", async || report.exists()).await;
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("the emergency stop is engaged"), "{report}");
    assert_eq!(reads(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_stops_the_agent_and_a_person_lets_it_go_on() {
    let world = World::start().await;
    fs::write(world.path("admin"), "an-admin-token\n").unwrap();
    let more = ["--admin-token-file", "admin", "--stop-config-map", "claw-stop"];
    let mut served = world.serve(&more).await;
    let (status, body) = ask(&served, reqwest::Method::GET, "/stop", &Value::Null).await;
    assert_eq!(
        (status, &body["engaged"], &body["blind"]),
        (200, &Value::Null, &json!({}))
    );

    // A signal.
    signal("-USR1", served.child.id().unwrap());
    engaged(&world, "SIGUSR1").await;
    let (_, body) = ask(&served, reqwest::Method::GET, "/stop", &Value::Null).await;
    assert!(body["engaged"].as_str().unwrap().contains("SIGUSR1"), "{body}");
    nothing_is_read(&world, &served).await;
    released(&world).await;

    // A file: it is not released as long as it is there, and not by its being gone either.
    fs::write(world.path("claw-data/STOP"), "the release misbehaves").unwrap();
    engaged(&world, "the release misbehaves").await;
    let arguments = ["stop", "release", "--by", "ann", "--reason", "impatient"];
    let (code, _, stderr) = world.run(&arguments).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("still asks"), "{stderr}");
    fs::remove_file(world.path("claw-data/STOP")).unwrap();
    served.stop().await;
    let mut served = world.serve(&more).await;
    let (_, body) = ask(&served, reqwest::Method::GET, "/stop", &Value::Null).await;
    assert!(
        body["engaged"]
            .as_str()
            .unwrap()
            .contains("the release misbehaves"),
        "{body}"
    );
    released(&world).await;

    // An object in the cluster.
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "claw-stop", "namespace": "default"},
        "data": {"stop": "from kubectl"}});
    world.api.cluster().put(object);
    engaged(&world, "from kubectl").await;
    world.api.cluster().remove("ConfigMap", "default", "claw-stop");
    until("the object is seen to be gone", async || {
        let words = json!({"by": "bob", "reason": "it is over"});
        ask(&served, reqwest::Method::POST, "/stop/release", &words)
            .await
            .0
            == 200
    })
    .await;

    // The command, and the token.
    let (code, _, stderr) = world
        .run(&["stop", "engage", "--by", "ann", "--reason", "by hand"])
        .await;
    assert_eq!(code, 0, "{stderr}");
    until("the command is felt", async || {
        let (_, body) = ask(&served, reqwest::Method::GET, "/stop", &Value::Null).await;
        body["engaged"] == "by hand (ann)"
    })
    .await;
    released(&world).await;
    served.stop().await;

    let (code, stdout, _) = world.run(&["audit", "verify"]).await;
    assert_eq!(code, 0, "{stdout}");
    let (_, story, _) = world.run(&["audit", "show", "emergency-stop"]).await;
    assert_eq!(story.matches("released").count(), 4, "{story}");
    for who in ["SIGUSR1", "STOP", "claw-stop", "ann", "bob"] {
        let (_, events, _) = world.run(&["audit", "export", "--run", "emergency-stop"]).await;
        assert!(events.contains(who), "{who}: {events}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_investigation_that_is_broken_off_ends_in_order() {
    for name in ["-INT", "-TERM"] {
        let world = World::start().await;
        world
            .api
            .faults()
            .add(Rule::new("/api/v1/namespaces/**", Fault::Hang));
        let arguments = ["investigate", "-n", NAMESPACE, "deploy/cart"];
        let child = world
            .command(&arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        until("it has begun", async || {
            let exchanges = world.api.faults().exchanges();
            exchanges
                .iter()
                .any(|exchange| exchange.path.starts_with("/api/v1/namespaces/"))
        })
        .await;
        signal(name, child.id().unwrap());
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.expect("it ends").unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("broken off by a signal"), "{stderr}");
        let (code, stdout, _) = world.run(&["audit", "verify"]).await;
        assert_eq!(code, 0, "{stdout}");
        let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
        assert!(log.contains("a person broke it off by a signal"), "{log}");
        assert!(log.contains("\"kind\":\"run_finished\""), "{log}");
    }
}
