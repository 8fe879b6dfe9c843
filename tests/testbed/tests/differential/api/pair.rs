//! Both API servers, and where they differ.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use claw_core::clock::SystemClock;
use claw_testbed::suite::Testbed;
use claw_testkit::api::{ApiServer, Cluster};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::step::{Answer, Step, essence, send, step};

/// Differences that are meant: step, place, what the simulated server answers there, and why. A step of that name that does
/// not differ in this way is itself a difference.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    (
        "write an event with an empty field",
        "/involvedObject/fieldPath",
        "\"\"",
        NO_SCHEMA,
    ),
    ("a table, or the whole", "/kind", "\"ConfigMap\"", NO_TABLES),
    ("a table", "status code", "406", NO_TABLES),
    ("a table", "/kind", "\"Status\"", NO_TABLES),
    ("a table", "/reason", "\"NotAcceptable\"", NO_TABLES),
];
const NO_SCHEMA: &str = "it does not know which fields are left out where they are empty";
const NO_TABLES: &str = "tables are for people to read, and agents do not ask for them";

/// Both servers, and the differences between them so far.
pub(super) struct Pair {
    real: kube::Client,
    simulated: kube::Client,
    /// Lives as long as this value.
    server: Arc<ApiServer>,
    steps: usize,
    /// Which of the known differences were looked at.
    known: BTreeSet<usize>,
    differences: String,
}

impl Pair {
    /// Both as the administrator, and `namespace` in both.
    pub(super) async fn start(testbed: &Testbed, namespace: &str) -> Self {
        let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let server = ApiServer::start(Cluster::new(vec![own], Arc::new(SystemClock)))
            .await
            .unwrap();
        let file = Kubeconfig::read_from(testbed.kubeconfig()).unwrap();
        Self {
            real: client(file).await,
            simulated: client(Kubeconfig::from_yaml(&server.kubeconfig(None)).unwrap()).await,
            server: Arc::new(server),
            steps: 0,
            known: BTreeSet::new(),
            differences: String::new(),
        }
    }

    /// The same servers for whoever has `token` in both.
    pub(super) async fn with_token(&self, testbed: &Testbed, token: &str) -> Self {
        let mut file = Kubeconfig::read_from(testbed.kubeconfig()).unwrap();
        for user in &mut file.auth_infos {
            user.auth_info = Some(kube::config::AuthInfo {
                token: Some(token.to_owned().into()),
                ..Default::default()
            });
        }
        let simulated = Kubeconfig::from_yaml(&self.server.kubeconfig(Some(token))).unwrap();
        Self {
            real: client(file).await,
            simulated: client(simulated).await,
            server: Arc::clone(&self.server),
            steps: 0,
            known: BTreeSet::new(),
            differences: String::new(),
        }
    }

    /// What the simulated server serves.
    pub(super) fn cluster(&self) -> &Cluster {
        self.server.cluster()
    }

    /// Puts what the real server has at `path` into the simulated one, behind which no controller brings it about.
    pub(super) async fn take_over(&self, path: &str) {
        let answer = send(&self.real, &step("take over", "GET", path, &[])).await;
        assert!(self.cluster().put(answer.body.clone()), "{path}: {}", answer.body);
    }

    /// Sends a step to both, and notes where they differ.
    pub(super) async fn same(&mut self, step: Step) -> [Answer; 2] {
        let answers = [send(&self.real, &step).await, send(&self.simulated, &step).await];
        self.compare(&step, &answers);
        answers
    }

    /// The same with a path or body for each: continue tokens and versions are each server's own.
    pub(super) async fn each(&mut self, steps: [Step; 2]) -> [Answer; 2] {
        let [real, simulated] = &steps;
        let answers = [
            send(&self.real, real).await,
            send(&self.simulated, simulated).await,
        ];
        self.compare(real, &answers);
        answers
    }

    fn compare(&mut self, step: &Step, [real, simulated]: &[Answer; 2]) {
        self.steps += 1;
        for ((place, expected), (_, got)) in essence(real, step).into_iter().zip(essence(simulated, step)) {
            let known = KNOWN
                .iter()
                .enumerate()
                .find(|(_, (name, where_, ..))| *name == step.name && *where_ == place);
            self.known.extend(known.map(|(number, _)| number));
            let known = known.map(|(_, known)| known);
            let meant = match known {
                Some((_, _, stated, _)) => {
                    let stated: Value = serde_json::from_str(stated).unwrap();
                    expected != got && got == stated
                }
                None => expected == got,
            };
            if !meant {
                let why = known.map_or(String::new(), |(.., why)| format!(" (is listed because {why})"));
                let _ = writeln!(
                    self.differences,
                    "{}: {place}: really {expected}, simulated {got}{why}\n    {}\n    {}",
                    step.name, real.body, simulated.body
                );
            }
        }
    }

    /// Takes over what was compared by `other`, the same servers for somebody else.
    pub(super) fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.differences += &other.differences;
    }

    /// Notes known differences that no step asked about.
    pub(super) fn expect_known(&mut self) {
        for (number, (step, place, ..)) in KNOWN.iter().enumerate() {
            if !self.known.contains(&number) {
                let _ = writeln!(self.differences, "{step}: {place}: is listed, and was not asked");
            }
        }
    }

    /// Says how much was compared, and fails if there was a difference.
    pub(super) fn end(self, test: &str) {
        println!("{test}: {} requests compared", self.steps);
        assert!(self.differences.is_empty(), "\n{}", self.differences);
        assert!(self.steps > 0, "nothing was asked");
    }
}

/// A client that sends each request once: answers such as 429 are to be seen, not to be waited out.
async fn client(file: Kubeconfig) -> kube::Client {
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(file, &options)
        .await
        .unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}
