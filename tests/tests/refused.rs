//! What somebody does wrong, and what the world does wrong, on the way to a write: refused with the place, the reason and what to
//! do, and nothing is changed. One case a line.
// A test: functions that it shares with itself may fail it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use claw_core::action::{Action, Verb, pre_image};
use claw_core::actuate::{Actuator as _, Settlement, Submitted};
use claw_core::audit::AuditLog;
use claw_core::clock::{Clock as _, SystemClock};
use claw_core::entity::EntityRef;
use claw_core::execute::{ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing};
use claw_core::gate::{Gate, Permit, Scope};
use claw_core::patch::merged;
use claw_core::redact::Redactor;
use claw_core::store::MemoryDocuments;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{Carrier, Group, Verdict, Vote};
use claw_guardrails::audit::{FileAuditLog, MemoryAuditLog, verify_file};
use claw_guardrails::engine::{Config, Engine, Mode};
use claw_guardrails::pipeline::{Approvals, Pipeline, Settings};
use claw_guardrails::policy::{Phase, Policy};
use claw_k8s::apply::KubeExecutor;
use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits, Proxies};
use claw_k8s::tools::SurveyTarget;
use claw_testkit::api::{self, ApiServer};
use claw_testkit::faults::{Fault, Rule};
use serde_json::{Value, json};

const CART: &str = "/apis/apps/v1/namespaces/shop/deployments/cart";

/// An agent that writes, and what it writes to.
struct World {
    server: ApiServer,
    pipeline: Pipeline,
    /// Credentials are read anew when they run out.
    _folder: tempfile::TempDir,
}

/// Performs what is asked of it when the target has just been deleted.
struct TooLate(KubeExecutor, api::Cluster);

#[async_trait]
impl Executor for TooLate {
    async fn rights(&self, cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        self.0.rights(cx, action).await
    }

    async fn dry_run(&self, cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.0.dry_run(cx, action).await
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        self.1.remove("Deployment", "shop", "cart");
        self.0.perform(cx, permit, action).await
    }

    async fn standing(
        &self,
        cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        self.0.standing(cx, action, id).await
    }
}

fn objects() -> Vec<Value> {
    let object = |api_version: &str, kind: &str, name: &str, more: Value| {
        let named =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
        merged(&named, &more)
    };
    let template = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "app", "image": "cart:1"}]}});
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "cart"}}, "template": template});
    let labels = json!({"claw.dev/nature": "stateless", "claw.dev/criticality": "low"});
    let names = json!({"kind": "App", "plural": "apps", "singular": "app", "listKind": "AppList"});
    let versions = json!([{"name": "v1", "served": true, "storage": true, "schema": {}}]);
    let of_cluster = |object: Value| merged(&object, &json!({"metadata": {"namespace": null}}));
    vec![
        of_cluster(object("v1", "Namespace", "kube-system", json!({}))),
        of_cluster(object(
            "v1",
            "Namespace",
            "shop",
            json!({"metadata": {"labels": {"env": "staging"}}}),
        )),
        object(
            "apps/v1",
            "Deployment",
            "cart",
            json!({"metadata": {"labels": labels}, "spec": spec}),
        ),
        of_cluster(object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "apps.acme.example",
            json!({"spec": {"group": "acme.example", "scope": "Namespaced", "names": names, "versions": versions}}),
        )),
        object(
            "acme.example/v1",
            "App",
            "cart",
            json!({"metadata": {"labels": labels}, "spec": {"size": 1}}),
        ),
    ]
}

impl World {
    async fn start() -> Self {
        Self::with(Arc::new(MemoryAuditLog::default()), false).await
    }

    async fn with(audit: Arc<dyn AuditLog>, too_late: bool) -> Self {
        let clock = Arc::new(SystemClock);
        let server = ApiServer::start(api::Cluster::new(objects(), clock.clone()))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, server.kubeconfig(None)).unwrap();
        let connection = Connection::Kubeconfig {
            files: vec![kubeconfig],
            context: None,
        };
        let reader = KubeCluster::connect(connection.clone(), Limits::default())
            .await
            .unwrap();
        let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
            .await
            .unwrap();
        let executor: Arc<dyn Executor> = if too_late {
            Arc::new(TooLate(executor, server.cluster().clone()))
        } else {
            Arc::new(executor)
        };
        let engine = Arc::new(Engine::new(
            Config::default().with_mode(Mode::Live),
            clock.clone(),
        ));
        let gate = Gate::new(engine.clone(), audit, clock, Redactor::new());
        let mut settings = Settings::default();
        settings.approvals = Approvals::asking(vec![Group::new("operators").with(Carrier::Terminal, "kim")]);
        let surveyor = Arc::new(SurveyTarget::new(Cluster::new(Arc::new(reader))));
        let documents = Arc::new(MemoryDocuments::new());
        let pipeline = Pipeline::builder(executor, surveyor, documents, "test")
            .with_policy(Policy::default().with_phase(Phase::Expanded))
            .with_settings(settings)
            .build(engine, gate)
            .unwrap();
        Self {
            server,
            pipeline,
            _folder: folder,
        }
    }

    /// An action on an object as it is.
    fn patch(&self, kind: &str, name: &str, patch: Value) -> Action {
        let of_cluster = kind == "CustomResourceDefinition";
        let namespace = (!of_cluster).then_some("shop");
        let object = self
            .server
            .cluster()
            .get(kind, namespace.unwrap_or_default(), name)
            .unwrap();
        let text = |place: &str| object.pointer(place).and_then(Value::as_str).map(str::to_owned);
        Action {
            verb: Verb::Patch,
            target: EntityRef {
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            },
            api_version: text("/apiVersion").unwrap(),
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            pre_image: Some(pre_image(&object)),
            patch,
            expected: "as the patch says".to_owned(),
            reversal: None,
            reason: "a test".to_owned(),
        }
    }

    fn scale(&self, replicas: u32) -> Action {
        self.patch("Deployment", "cart", json!({"spec": {"replicas": replicas}}))
    }

    async fn submit(&self, run: &str, action: &Action) -> Submitted {
        let submitted = self.pipeline.submit(&scope(run), "test", action).await;
        submitted.unwrap_or_else(|error| {
            Submitted::Settled(Settlement::Failed {
                reason: chain(&error),
            })
        })
    }

    /// What whoever submits it is told, when nothing comes of it.
    async fn refused(&self, action: &Action) -> String {
        said(self.submit("r", action).await)
    }

    /// Requests that change something, and were not dry runs.
    fn writes(&self) -> usize {
        let exchanges = self.server.faults().exchanges();
        let writes = exchanges.iter().filter(|exchange| {
            let asks = exchange.path.contains("selfsubjectaccessreviews");
            exchange.method != Method::GET && !exchange.query.contains("dryRun") && !asks
        });
        writes.count()
    }
}

fn scope(run: &str) -> Scope {
    Scope {
        run: run.to_owned(),
        step: None,
        actor: "claw".to_owned(),
        deadline: SystemClock.deadline(Duration::from_secs(60)),
        cancel: Default::default(),
    }
}

fn said(submitted: Submitted) -> String {
    match submitted {
        Submitted::Settled(Settlement::Refused(refusal)) => refusal.to_string(),
        Submitted::Settled(Settlement::Failed { reason }) => reason,
        other => format!("not refused: {other:?}"),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let beneath = std::iter::successors(error.source(), |error| error.source());
    beneath.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

/// What is said of a policy file.
fn policy(text: &str) -> String {
    match Policy::parse("policy.yaml", text.as_bytes()) {
        Ok(policy) => format!("not refused: {policy:?}"),
        Err(error) => error.to_string(),
    }
}

/// An action for which nothing comes of it, in a world that stays as it was.
async fn action(make: impl Fn(&World) -> Action + Send) -> String {
    let world = World::start().await;
    let version = world.server.cluster().version();
    let told = world.refused(&make(&world)).await;
    assert_eq!(
        (world.server.cluster().version(), world.writes()),
        (version, 0),
        "{told}"
    );
    told
}

async fn deleted_before_the_write() -> String {
    let world = World::with(Arc::new(MemoryAuditLog::default()), true).await;
    let told = world.refused(&world.scale(4)).await;
    assert!(
        world.server.cluster().get("Deployment", "shop", "cart").is_none(),
        "nobody makes it anew"
    );
    assert_eq!(world.writes(), 1, "sent once");
    told
}

async fn a_webhook_without_dry_runs() -> String {
    let world = World::start().await;
    let fault = Fault::Switch(api::WEBHOOK_WITHOUT_DRY_RUN);
    world.server.faults().add(Rule::new(CART, fault));
    let told = world.refused(&world.scale(4)).await;
    assert_eq!(world.writes(), 0);
    told
}

/// Kim says yes to what is gone by then.
async fn approved_when_it_is_gone() -> String {
    let world = World::start().await;
    let submitted = world.submit("r", &world.scale(12)).await;
    let Submitted::Waiting { approval, .. } = submitted else {
        panic!("{submitted:?}");
    };
    world.server.cluster().remove("Deployment", "shop", "cart");
    let digest = world.pipeline.intent(&approval).await.unwrap();
    let digest = digest.asked.unwrap().request.binding.digest();
    let yes = Vote::new(
        "kim",
        Verdict::Approve,
        digest,
        Carrier::Terminal,
        SystemClock.now(),
    );
    let told = said(world.pipeline.vote(&approval, yes).await.unwrap());
    assert_eq!(world.writes(), 0);
    told
}

async fn approved_what_nobody_has_asked_for() -> String {
    let world = World::start().await;
    let yes = Vote::new(
        "kim",
        Verdict::Approve,
        "digest",
        Carrier::Terminal,
        SystemClock.now(),
    );
    let error = world.pipeline.vote("5f1e", yes).await.unwrap_err();
    assert_eq!(world.writes(), 0);
    chain(&error)
}

/// What somebody is told who opens a log that was `changed`. The file stays as it is.
async fn audit_log(change: impl Fn(&[u8]) -> Vec<u8> + Send) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let open = || FileAuditLog::open(&path, Arc::new(SystemClock));
    let audit = Arc::new(open().await.unwrap());
    let world = World::with(audit.clone(), false).await;
    let applied = world.submit("r", &world.scale(4)).await;
    assert!(
        matches!(applied, Submitted::Settled(Settlement::Applied { .. })),
        "{applied:?}"
    );
    audit.close().await.unwrap();
    let bytes = change(&std::fs::read(&path).unwrap());
    std::fs::write(&path, &bytes).unwrap();
    let told = chain(&open().await.unwrap_err());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    told.replace(folder.path().to_str().unwrap(), "FOLDER")
}

fn damage(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn cut_off(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.take(3).flatten().copied().collect()
}

/// Files of another process may grow to a bound, as on a disk that is full. See [`no_room_is_left`].
async fn disk_full() -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let limited = r#"trap '' XFSZ; ulimit -f 48; exec "$0" --exact no_room_is_left --ignored --nocapture"#;
    let program = std::env::current_exe().unwrap();
    let ended = Command::new("sh")
        .args(["-c", limited])
        .arg(program)
        .env("CLAW_FULL", &path)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{output}\n{errors}");
    let told = output
        .lines()
        .find_map(|line| line.strip_prefix("told: "))
        .unwrap();
    // Where there is room again the log goes on, with all that was acknowledged.
    let audit = FileAuditLog::open(&path, Arc::new(SystemClock)).await.unwrap();
    audit.close().await.unwrap();
    assert!(verify_file(&path).unwrap().is_intact());
    told.replace(folder.path().to_str().unwrap(), "FOLDER")
}

/// Writes until nothing can be recorded. After that nothing is written either.
#[tokio::test]
#[ignore = "for a process whose files may not grow: `what_is_wrong_is_refused` starts it"]
#[allow(clippy::disallowed_methods)] // the environment: which file
async fn no_room_is_left() {
    let Some(path) = std::env::var_os("CLAW_FULL") else {
        return;
    };
    let audit = FileAuditLog::open(Path::new(&path), Arc::new(SystemClock))
        .await
        .unwrap();
    let world = World::with(Arc::new(audit), false).await;
    // A little growth is done at once, and the rest waits for people: all of it is recorded.
    let mut runs = 0_u32;
    let told = loop {
        let before = world.writes();
        let submitted = world
            .submit(&format!("r{runs}"), &world.scale(4 + runs % 9))
            .await;
        if let Submitted::Settled(Settlement::Failed { reason }) = submitted {
            assert_eq!(
                world.writes(),
                before,
                "what cannot be recorded is not done: {reason}"
            );
            break reason;
        }
        runs += 1;
        assert!(runs < 10_000);
    };
    assert!(world.writes() > 0, "until then it was");
    let version = world.server.cluster().version();
    let again = world.submit("later", &world.scale(5)).await;
    assert!(said(again).contains("nothing is read or written"));
    assert_eq!(world.server.cluster().version(), version);
    println!("told: {told}");
}

/// An API server whose certificate ran out.
async fn expired_certificate() -> String {
    claw_core::http::install_crypto_provider();
    let named = |name: &str| {
        let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params, rcgen::KeyPair::generate().unwrap())
    };
    let (mut authority, key) = named("authority");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let trusted = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let (mut served, key) = named("server");
    served.not_before = rcgen::date_time_ymd(2020, 1, 1);
    served.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let chain = vec![served.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    // It ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let asked = connection.complete_io(&mut stream);
            assert!(asked.is_err(), "whoever is asked so is not told anything");
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.crt");
    std::fs::write(&authority, trusted).unwrap();
    let file = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": authority}}],
        "users": [{"name": "c", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]});
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, file.to_string()).unwrap();
    let connection = Connection::Kubeconfig {
        files: vec![kubeconfig],
        context: None,
    };
    let executor = KubeExecutor::connect(connection, Proxies::default(), Limits::default())
        .await
        .unwrap();
    let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(20));
    let action = World::start().await.scale(4);
    chain_of(executor.dry_run(&cx, &action).await.unwrap_err())
}

fn chain_of(error: ExecuteError) -> String {
    assert!(error.is_without_effect(), "{error}");
    chain(&error)
}

fn create(api_version: &str, kind: &str) -> Action {
    Action {
        verb: Verb::Create,
        target: EntityRef::namespaced(kind, "shop", "new"),
        api_version: api_version.to_owned(),
        uid: None,
        resource_version: None,
        pre_image: None,
        patch: json!({"metadata": {"name": "new", "namespace": "shop"}, "spec": {"size": 2}}),
        expected: "a new one".to_owned(),
        reversal: None,
        reason: "a test".to_owned(),
    }
}

/// What hangs on it is not known, so that it reaches without end.
#[tokio::test]
async fn an_object_of_a_kind_of_ones_own_takes_a_person() {
    let world = World::start().await;
    let larger = world.patch("App", "cart", json!({"spec": {"size": 2}}));
    let submitted = world.submit("r", &larger).await;
    assert!(matches!(submitted, Submitted::Waiting { .. }), "{submitted:?}");
    assert_eq!(world.writes(), 0);
}

/// What somebody was told who did something wrong, and the place, reason and remedy that have to be in it.
struct Case {
    name: &'static str,
    told: String,
    parts: [&'static str; 3],
}

/// One that fails in another way than by being refused is told as well.
async fn case(
    name: &'static str,
    told: impl Future<Output = String> + Send + 'static,
    parts: [&'static str; 3],
) -> Case {
    let told = tokio::spawn(told).await;
    let told = told.unwrap_or_else(|error| format!("not refused: {error}"));
    Case { name, told, parts }
}

#[tokio::test]
#[rustfmt::skip] // one case a line
async fn what_is_wrong_is_refused() {
    let twice = "policy:\n  overrides:\n  - {id: a, tier: forbidden, reason: x}\n  - {id: a, tier: sync_approval, reason: y}\n";
    let kind = "policy:\n  overrides: [{id: a, when: {kinds: [Deployments]}, tier: forbidden, reason: x}]\n";
    let plural = json!({"spec": {"names": {"plural": "applications"}}});
    let status = json!({"spec": {"replicas": 4}, "status": {"readyReplicas": 4}});
    let cases = [
        case("typo in a policy", async { policy("policy:\n  phse: observe\n") }, ["policy.yaml:2:3", "unknown key `phse`", "did you mean `phase`?"]).await,
        case("overrides that contradict each other", async move { policy(twice) }, ["policy.yaml:4", "`a` is here twice", "keep one of the two"]).await,
        case("a kind in a policy that there is none of", async move { policy(kind) }, ["policy.yaml:2", "no kind is spelled `Deployments`", "write Deployment"]).await,
        case("an unknown kind", action(|_| create("apps/v1", "Deploymint")), ["Deploymint shop/new", "serves no Deploymint in apps/v1", "nothing was written"]).await,
        case("a kind as the target", action(move |world| world.patch("CustomResourceDefinition", "apps.acme.example", plural.clone())), ["operation.tier", "the policy forbids it", "let a person do it"]).await,
        case("a status in the patch", action(move |world| world.patch("Deployment", "cart", status.clone())), ["operation.tier", "the policy forbids it", "let a person do it"]).await,
        case("deleted between dry run and write", deleted_before_the_write(), ["Deployment shop/cart", "there is no", "propose the action anew"]).await,
        case("a webhook without dry runs", a_webhook_without_dry_runs(), ["Deployment shop/cart", "does not support dry run", "sideEffects: None"]).await,
        case("approved when it is gone", approved_when_it_is_gone(), ["Deployment shop/cart", "target.", "propose"]).await,
        case("approved what nobody has asked for", approved_what_nobody_has_asked_for(), ["5f1e", "there is no intent", "see the audit log"]).await,
        case("an audit log that was changed", audit_log(damage), ["FOLDER/audit.jsonl", "line ", "run `audit verify"]).await,
        case("an audit log that was cut off", audit_log(cut_off), ["FOLDER/audit.jsonl", "records, but it had", "run `audit verify"]).await,
        case("an expired certificate", expired_certificate(), ["Deployment shop/cart", "not valid at this time", "have it renewed"]).await,
        case("a full disk", disk_full(), ["FOLDER/audit.jsonl", "too large", "nothing is read or written until it can"]).await,
    ];
    let mut wrong = BTreeMap::new();
    for Case { name, told, parts } in cases {
        println!("{name}: {told}");
        let missing: Vec<&str> = parts.into_iter().filter(|part| !told.contains(part)).collect();
        if !missing.is_empty() {
            wrong.insert(name, (missing, told));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
