//! `claw-agent serve --writing`: an action is sent, judged, approved by a person, and done.

use std::fs;
use std::time::Duration;

use claw_testkit::api::User;
use claw_testkit::faults::{Fault, Rule};
use serde_json::{Value, json};

use crate::world::{Served, World};

const PATIENCE: Duration = Duration::from_secs(60);

/// Tokens of people, long enough to be some.
const KIM: &str = "kim-0123456789abcdef0123456789abcdef";
const LEE: &str = "lee-0123456789abcdef0123456789abcdef";
const ANN: &str = "ann-0123456789abcdef0123456789abcdef";

const SETTINGS: &str = "
writing:
  mode: live
  policy: policy.yaml
  account: {token_file: writer.token}
  tools: [scale_workload]
  namespaces: [shop]
  people: {tokens_file: tokens, propose: [kim], circuits: [lee]}
  approvals:
    carriers: {http: true}
    groups:
      - name: on-call
        members: [{name: kim, http: kim}, {name: lee, http: lee}]
  health: {every: 100ms, failures: 2}
";

/// A cluster as an operator has prepared it: with what `access` prints applied, and no more rights.
async fn prepared(settings: &str) -> World {
    let world = World::start().await;
    let cluster = world.api.cluster();
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let template = json!({"metadata": {"labels": {"app": "orders"}}, "spec": {"containers": [{"name": "app", "image": "orders:1"}]}});
    for object in [
        namespace("kube-system", json!({})),
        namespace("claw", json!({})),
        namespace("shop", json!({"env": "staging"})),
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "orders", "namespace": "shop", "labels": {"claw.dev/nature": "stateless", "claw.dev/criticality": "low"}},
            "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "orders"}}, "template": template}}),
    ] {
        assert!(cluster.put(object));
    }
    cluster.allow_token(
        "writer-token",
        User::service_account("claw", "openclaw-agent-writer"),
    );
    for (name, text) in [
        ("writing.yaml", settings.to_owned()),
        (
            "policy.yaml",
            "policy: {phase: low_risk_writes, own_namespace: claw}\n".to_owned(),
        ),
        ("tokens", format!("kim {KIM}\nlee {LEE}\nann {ANN}\n")),
        ("writer.token", "writer-token\n".to_owned()),
        ("kim", KIM.to_owned()),
        ("lee", LEE.to_owned()),
        ("ann", ANN.to_owned()),
    ] {
        fs::write(world.path(name), text).unwrap();
    }
    let (code, printed, stderr) = world
        .run(&["access", "--writes", "--writing", "writing.yaml", "-o", "json"])
        .await;
    assert_eq!(code, 0, "{stderr}");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    for object in printed["objects"].as_array().unwrap() {
        assert!(cluster.put(object.clone()), "{object}");
    }
    world
}

impl World {
    fn replicas(&self) -> u64 {
        let object = self.api.cluster().get("Deployment", "shop", "orders").unwrap();
        object["spec"]["replicas"].as_u64().unwrap()
    }

    /// A command to the agent that runs, by a person.
    async fn ask(&self, served: &Served, person: &str, arguments: &[&str]) -> (i32, String, String) {
        let whom = ["--url", served.url.as_str(), "--token-file", person];
        self.run(&[arguments, &whom].concat()).await
    }

    fn action(&self, replicas: u32) -> String {
        let name = format!("scale-{replicas}.json");
        let input = json!({"kind": "Deployment", "namespace": "shop", "name": "orders", "replicas": replicas, "reason": "orders queue up"});
        fs::write(
            self.path(&name),
            json!({"tool": "scale_workload", "input": input}).to_string(),
        )
        .unwrap();
        name
    }

    async fn act(&self, served: &Served, replicas: u32) -> (i32, String, String) {
        self.ask(served, "kim", &["act", &self.action(replicas)]).await
    }
}

async fn get(served: &Served, path: &str, token: &str) -> (u16, Value) {
    claw_core::http::install_crypto_provider();
    #[allow(clippy::disallowed_methods)] // a sender that is not ours
    let client = reqwest::Client::new();
    let answer = client
        .get(format!("{}{path}", served.url))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}"));
}

/// The word after another one.
fn after<'a>(text: &'a str, word: &str) -> &'a str {
    let (_, rest) = text.split_once(word).unwrap_or_else(|| panic!("{word}: {text}"));
    rest.split_whitespace().next().unwrap().trim_end_matches(':')
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_sent_approved_by_another_person_and_done_across_a_restart() {
    let world = prepared(SETTINGS).await;
    let mut served = world.serve(&["--writing", "writing.yaml"]).await;

    // Within twice as many: the policy lets the agent do it.
    let (code, said, stderr) = world.act(&served, 6).await;
    assert_eq!(code, 0, "{stderr}{said}");
    assert!(
        said.contains("Deployment shop/orders: applied, by the policy alone"),
        "{said}"
    );
    assert_eq!(world.replicas(), 6);

    // Beyond: somebody decides, and not whoever asked.
    let (code, said, stderr) = world.act(&served, 12).await;
    assert_eq!(code, 0, "{stderr}{said}");
    assert!(
        said.contains("spec.replicas: 6 → 12") && said.contains("waiting"),
        "{said}"
    );
    let run = said.split(':').next().unwrap().to_owned();
    let digest = after(&said, "digest ").to_owned();
    let (_, listed, _) = world.ask(&served, "lee", &["approvals"]).await;
    assert!(listed.contains(&digest), "{listed}");
    let id = listed.split(':').next().unwrap().to_owned();
    let decide = ["approvals", "approve", id.as_str(), "--digest", &digest[..12]];
    let (code, _, stderr) = world.ask(&served, "kim", &decide).await;
    assert_eq!(code, 0, "{stderr}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.replicas(), 6, "who asks does not approve");

    // It waits on across a restart.
    served.stop().await;
    let mut served = world.serve(&["--writing", "writing.yaml"]).await;
    let path = format!("/v1/actions/{run}");
    let (status, seen) = get(&served, &path, KIM).await;
    assert_eq!((status, &seen["status"]), (200, &json!("waiting")), "{seen}");
    assert_eq!(seen["intents"][0]["approval"]["digest"], digest.as_str());
    let wrong = ["approvals", "approve", id.as_str(), "--digest", "0123456789ab"];
    let (code, _, stderr) = world.ask(&served, "lee", &wrong).await;
    assert_eq!(code, 5);
    assert!(stderr.contains("another digest"), "{stderr}");
    let (code, _, stderr) = world.ask(&served, "lee", &decide).await;
    assert_eq!(code, 0, "{stderr}");
    until("it is done", async || {
        get(&served, &path, KIM).await.1["status"] == "done"
    })
    .await;
    let (_, seen) = get(&served, &path, KIM).await;
    assert_eq!(
        seen["outcome"],
        "Deployment shop/orders: applied, approved by lee"
    );
    assert_eq!(world.replicas(), 12);
    served.stop().await;

    let (code, story, _) = world.run(&["audit", "show", &run]).await;
    assert_eq!(code, 0);
    for said in ["lee", "applied", "scale_workload"] {
        assert!(story.contains(said), "{said}: {story}");
    }
    let (code, replayed, _) = world.run(&["audit", "replay", "--run", &run]).await;
    assert_eq!(code, 0, "{replayed}");
    assert_eq!(world.run(&["audit", "verify"]).await.0, 0);
    let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
    for secret in [KIM, LEE, "writer-token"] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what_is_told_by_the_token_and_by_nothing_else() {
    let world = prepared(SETTINGS).await;
    fs::write(world.path("webhook"), "a-webhook-token-0123456789abcdef0123\n").unwrap();
    let arguments = ["--writing", "writing.yaml", "--webhook-token-file", "webhook"];
    let served = world.serve(&arguments).await;
    let action = world.action(6);
    for (person, arguments, said) in [
        (
            "lee",
            vec!["act", &action],
            "lee may not send actions; have somebody do it who may, or be added to `people.propose`",
        ),
        (
            "webhook",
            vec!["act", &action],
            "the token is missing, or is nobody's",
        ),
        (
            "kim",
            vec!["circuits", "open", "cluster", "--reason", "a look"],
            "kim may not open or close circuits",
        ),
        (
            "lee",
            vec!["circuits", "open", "nonsense", "--reason", "a look"],
            "`nonsense` names no circuit; write cluster",
        ),
        (
            "lee",
            vec!["circuits", "close", "cluster", "--reason", "a look"],
            "that circuit is not open; see /v1/circuits",
        ),
        (
            "lee",
            vec!["circuits", "open", "cluster", "--reason", " "],
            "the reason is empty or too long",
        ),
    ] {
        let (code, _, stderr) = world.ask(&served, person, &arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
    for (text, code, said) in [
        (
            "{\"tool\": \"get_pods\", \"input\": {}}",
            1,
            "choose one of: scale_workload",
        ),
        (
            "{\"tool\": \"scale_workload\"}",
            1,
            "it has to hold `tool` and `input`, or `action`",
        ),
        (
            "{\"tool\": \"scale_workload\", \"inputs\": {}}",
            1,
            "unknown field `inputs`",
        ),
        ("[]", 5, "no JSON object"),
        ("{", 5, "a.json:1:"),
        (
            "{\"tool\": \"scale_workload\", \"input\": {\"kind\": \"Deployment\", \"namespace\": \"shop\", \"name\": \"nobody\", \"replicas\": 2, \"reason\": \"a\"}}",
            5,
            "not proposed",
        ),
    ] {
        fs::write(world.path("a.json"), text).unwrap();
        let (found, stdout, stderr) = world.ask(&served, "kim", &["act", "a.json"]).await;
        assert_eq!(found, code, "{text}: {stderr}{stdout}");
        assert!(
            format!("{stdout}{stderr}").contains(said),
            "{text}: {stdout}{stderr}"
        );
    }
    // Sent twice by one id it is one.
    let twice = ["act", action.as_str(), "--id", "deploy-1"];
    let (_, first, _) = world.ask(&served, "kim", &twice).await;
    let (_, second, _) = world.ask(&served, "kim", &twice).await;
    assert_eq!(first, second);
    assert!(first.contains("applied"), "{first}");
    // Without a token nobody is let in.
    for path in ["/v1/circuits", "/v1/actions/x", "/approvals"] {
        assert_eq!(get(&served, path, "nobody").await.0, 401, "{path}");
    }
    let (code, _, stderr) = world.run(&["circuits", "--url", &served.url]).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("--token-file"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn circuits_opened_by_hand_refuse_and_those_of_backends_open_and_close_by_themselves() {
    let world = prepared(SETTINGS).await;
    let mut served = world.serve(&["--writing", "writing.yaml"]).await;
    let open = ["circuits", "open", "namespace:shop", "--reason", "a launch"];
    let (code, listed, stderr) = world.ask(&served, "lee", &open).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(listed.contains("namespace:shop: open since"), "{listed}");
    assert!(listed.contains("because lee opened it: a launch"), "{listed}");
    let (code, said, _) = world.act(&served, 6).await;
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("breaker.namespace"), "{said}");
    // It is kept.
    served.stop().await;
    let mut served = world.serve(&["--writing", "writing.yaml"]).await;
    assert_eq!(world.act(&served, 6).await.0, 5);
    let close = ["circuits", "close", "namespace:shop", "--reason", "it is over"];
    let (code, listed, stderr) = world.ask(&served, "lee", &close).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(listed.contains("all circuits are closed"), "{listed}");

    let busy = Fault::unavailable();
    world.api.faults().add(Rule::new("/version", busy));
    until("the circuit of the API server opens", async || {
        let (_, listed, _) = world.ask(&served, "ann", &["circuits"]).await;
        listed.contains("backend:api_server: open") && listed.contains("it is down")
    })
    .await;
    let (code, said, _) = world.act(&served, 6).await;
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("breaker.backend"), "{said}");
    world.api.faults().clear();
    until("it closes", async || {
        world
            .ask(&served, "ann", &["circuits"])
            .await
            .1
            .contains("all circuits are closed")
    })
    .await;
    let (code, said, stderr) = world.act(&served, 6).await;
    assert_eq!(code, 0, "{said}{stderr}");
    assert_eq!(world.replicas(), 6);
    served.stop().await;
    let (_, guards, _) = world.run(&["audit", "export", "--kind", "guard"]).await;
    for said in [
        "\"actor\":\"lee\"",
        "lee closes the circuit of namespace shop",
        "the circuit of the API server closes",
        "the API server holds the agent to its policy",
    ] {
        assert!(guards.contains(said), "{said}: {guards}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_walls_the_agent_writes_only_where_that_was_said_and_recorded() {
    let settings = SETTINGS.replace("health:", "walls: {every: 200ms}\n  health:");
    let world = prepared(&settings).await;
    let mut served = world.serve(&["--writing", "writing.yaml"]).await;
    assert_eq!(world.act(&served, 5).await.0, 0);
    // Somebody takes one down.
    let wall = "openclaw-wall-phase";
    assert!(
        world
            .api
            .cluster()
            .remove("ValidatingAdmissionPolicyBinding", "", wall)
    );
    until("that is seen", async || {
        let log = fs::read_to_string(world.path("claw-data/audit.jsonl")).unwrap();
        log.contains("nothing is written: wall missing")
    })
    .await;
    let arguments = ["act", &world.action(6), "--no-wait"];
    let (_, taken, _) = world.ask(&served, "kim", &arguments).await;
    let run = taken.split(':').next().unwrap();
    until("it waits for the walls", async || {
        let (_, seen) = get(&served, &format!("/v1/actions/{run}"), KIM).await;
        let reason = seen["reason"].as_str().unwrap_or_default();
        reason.contains("walls.missing") && reason.contains(wall)
    })
    .await;
    assert_eq!(world.replicas(), 5);
    served.stop().await;

    let without = settings.replace("walls: {", "walls: {required: false, ");
    fs::write(world.path("writing.yaml"), without).unwrap();
    let mut served = world
        .serve(&["--writing", "writing.yaml", "--data", "other"])
        .await;
    let (code, said, stderr) = world.act(&served, 6).await;
    assert_eq!(code, 0, "{said}{stderr}");
    served.stop().await;
    let log = fs::read_to_string(world.path("other/audit.jsonl")).unwrap();
    assert!(
        log.contains("writes go on without the outer walls, as the settings say"),
        "{log}"
    );
    assert!(log.contains(wall), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_the_one_that_holds_the_lease_writes() {
    let lease = "lease: {name: claw-agent, duration: 3s, every: 300ms, margin: 1s}\n  health:";
    let world = prepared(&SETTINGS.replace("health:", lease)).await;
    let mut first = world.serve(&["--writing", "writing.yaml"]).await;
    until("the first leads", async || {
        let lease = world.api.cluster().get("Lease", "claw", "claw-agent");
        lease.is_some_and(|lease| lease["spec"]["holderIdentity"].is_string())
    })
    .await;
    let mut second = world
        .serve(&["--writing", "writing.yaml", "--data", "second"])
        .await;
    let (code, said, stderr) = world.act(&first, 5).await;
    assert_eq!(code, 0, "{said}{stderr}");
    let mut told = String::new();
    until("the second says who leads", async || {
        let (code, _, stderr) = world.act(&second, 6).await;
        told = stderr;
        code == 1 && told.contains("is held by")
    })
    .await;
    assert!(
        told.contains("send it to the replica that holds the lease"),
        "{told}"
    );
    first.stop().await;
    until("the second follows", async || world.act(&second, 7).await.0 == 0).await;
    assert_eq!(world.replicas(), 7);
    second.stop().await;
    let lease = world.api.cluster().get("Lease", "claw", "claw-agent").unwrap();
    assert!(
        lease["spec"]["holderIdentity"].is_null(),
        "it is given back: {lease}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_said_before_anything_begins() {
    let world = prepared(SETTINGS).await;
    let serve = async |more: &[&str]| {
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "--data", "none"], more].concat();
        world.run(&arguments).await
    };
    let (code, _, stderr) = serve(&["--writing", "no-such.yaml"]).await;
    assert_eq!(code, 5);
    assert!(
        stderr.contains("no-such.yaml: the file cannot be read"),
        "{stderr}"
    );
    for (from, to, code, said) in [
        (
            "mode: live",
            "mode: enforce",
            5,
            "w.yaml:3:9: writing.mode: `enforce` is not known here",
        ),
        (
            "members: [{name: kim, http: kim}, {name: lee, http: lee}]",
            "members: []",
            5,
            "members: the list is empty",
        ),
        (
            "policy: policy.yaml",
            "policy: nowhere.yaml",
            5,
            "nowhere.yaml: the file cannot be read",
        ),
        (
            "tokens_file: tokens",
            "tokens_env: CLAW_TEST_NO_SUCH",
            1,
            "the environment variable CLAW_TEST_NO_SUCH holds no tokens of people",
        ),
        (
            "propose: [kim]",
            "propose: [kim, eve]",
            1,
            "eve is to call the agent over HTTP, and has no line in the file",
        ),
        (
            "token_file: writer.token",
            "token_file: gone",
            1,
            "token of the account that writes cannot be read",
        ),
        (
            "carriers: {http: true}",
            "carriers: {http: true, slack: {token_env: T, channel: C1, team: T1, app: A1}}",
            5,
            "the key `signing_secret_file` or `signing_secret_env` is missing",
        ),
        (
            "account:",
            "acount:",
            5,
            "unknown key `acount`; did you mean `account`?",
        ),
    ] {
        let text = SETTINGS.replace(from, to);
        assert_ne!(text, SETTINGS, "{from}");
        fs::write(world.path("w.yaml"), text).unwrap();
        let (found, _, stderr) = serve(&["--writing", "w.yaml"]).await;
        assert_eq!(found, code, "{to}: {stderr}");
        assert!(stderr.contains(said), "{to}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    fs::write(world.path("short"), "kim short\n").unwrap();
    fs::write(
        world.path("w.yaml"),
        SETTINGS.replace("tokens_file: tokens", "tokens_file: short"),
    )
    .unwrap();
    let (code, _, stderr) = serve(&["--writing", "w.yaml"]).await;
    assert_eq!(code, 1);
    assert!(
        stderr.contains("line 1 of the tokens: a token has 32 to 512 characters"),
        "{stderr}"
    );
    // A place to stop the agent is said once.
    fs::write(
        world.path("w.yaml"),
        format!("{SETTINGS}  stop: {{config_map: claw-stop}}\n"),
    )
    .unwrap();
    let (code, _, stderr) = serve(&["--writing", "w.yaml", "--stop-config-map", "other"]).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("stop.config_map"), "{stderr}");
    // Somebody else's port.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = [
        "serve",
        "--listen",
        &address,
        "--data",
        "none",
        "--writing",
        "writing.yaml",
    ];
    let (code, _, stderr) = world.run(&arguments).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("cannot be listened on"), "{stderr}");
    assert_eq!(world.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_mode_that_proposes_it_is_rehearsed_and_nothing_is_written() {
    let world = prepared(&SETTINGS.replace("mode: live", "mode: propose")).await;
    let served = world.serve(&["--writing", "writing.yaml"]).await;
    let (code, said, stderr) = world.act(&served, 6).await;
    assert_eq!(code, 0, "{stderr}{said}");
    assert!(
        said.contains("rehearsed and not done (auto_logged): spec.replicas: 4 → 6"),
        "{said}"
    );
    assert_eq!(world.replicas(), 4);
}
