//! How fast the agent is on a cluster of thousands of pods, what it asks the API server for, and what memory it takes.
//!
//! Times are printed, beside the time of the bare lists in the same minute; they are figures, not tests. Asserted is what
//! does not depend on the machine: that the answer is right, how many requests it took, that no kind is listed twice, and memory.
//!
//! `CLAW_E2E_PODS` sets the size (default 2000): `CLAW_E2E_PODS=10000 claw-testbed test --suite speed`. What is asserted of memory
//! holds for 2000.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // also in what the tests share: a failure is a panic

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use claw_testbed::api::Api;
use claw_testbed::load::fleet::{self, Fleet};
use claw_testbed::load::nodes::{self, Size};
use claw_testbed::suite::{
    Account, Agent, AuditEvent, Namespace, Part, Testbed, agent_command, audit_events_of, notification,
    wait_until,
};
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Deployments of a team, and replicas of each.
const DEPLOYMENTS: u32 = 25;
const REPLICAS: u32 = 4;
/// Nodes for a thousand pods each.
const NODES: u32 = 20;
/// Investigations that are timed.
const RUNS: usize = 11;
/// Requests to the API server that one alert may cost.
const MAX_REQUESTS: usize = 40;
/// Memory that the serving agent may take for one alert, in MiB.
const MAX_MEMORY: u64 = 80;
/// Memory that an investigation of the whole cluster may take, in MiB.
const MAX_MEMORY_OF_ALL: u64 = 100;
/// The cluster for which the bounds of memory are meant, in pods.
const USUAL: u32 = 2000;
/// How long a report may take before nobody waits for it any longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request that means nothing but that another part begins.
const MARK: &str = "/version?part=";

/// What an investigation of a whole cluster has to list.
const LISTS: [&str; 14] = [
    "/api/v1/pods",
    "/api/v1/nodes",
    "/api/v1/events",
    "/api/v1/services",
    "/api/v1/persistentvolumeclaims",
    "/api/v1/resourcequotas",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/discovery.k8s.io/v1/endpointslices",
    "/apis/networking.k8s.io/v1/ingresses",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
];

#[allow(clippy::disallowed_methods)] // suites are started by cargo, which passes nothing but the environment
fn pods() -> u32 {
    let given = std::env::var("CLAW_E2E_PODS").unwrap_or_default();
    match given.as_str() {
        "" => USUAL,
        number => number.parse().expect("CLAW_E2E_PODS is a number of pods"),
    }
}

async fn loaded(testbed: &Testbed) {
    let fleet = Fleet {
        namespaces: (pods() / (DEPLOYMENTS * REPLICAS)).max(1),
        deployments: DEPLOYMENTS,
        replicas: REPLICAS,
    };
    let begin = Instant::now();
    let api = testbed.api();
    api.create_all(nodes::nodes(NODES, Size::Large), &|| {})
        .await
        .unwrap();
    nodes::all_ready(api).await.unwrap();
    api.create_all(fleet.namespaces(), &|| {}).await.unwrap();
    api.create_all(fleet.workloads(), &|| {}).await.unwrap();
    fleet::all_ready(api, &fleet, &|_| {}).await.unwrap();
    println!(
        "{} pods ready after {:.0} s",
        fleet.pods(),
        begin.elapsed().as_secs_f64()
    );
}

/// The requests of one account, told apart by marks that it leaves in the API server's audit log.
struct Requests {
    account: Account,
    api: Api,
    marks: usize,
}

impl Requests {
    async fn of(testbed: &Testbed, namespace: &Namespace) -> Self {
        let rules = json!([
            { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
            { "nonResourceURLs": ["*"], "verbs": ["get"] },
        ]);
        let account = Account::create(testbed, namespace, "claw", &rules).await.unwrap();
        let api = account.api(testbed).await.unwrap();
        wait_until(PATIENCE, "rights", async || {
            Ok(Ok(api.list("/api/v1/nodes", "").await?))
        })
        .await
        .unwrap();
        Self {
            account,
            api,
            marks: 0,
        }
    }

    /// What is asked from here on counts as something else.
    async fn mark(&mut self) {
        self.marks += 1;
        let mark = format!("{MARK}{}", self.marks);
        self.api.status(&mark).await.unwrap();
    }

    /// What was asked after each mark.
    async fn all(&self, testbed: &Testbed, test: &str) -> Vec<Vec<AuditEvent>> {
        let asked = audit_events_of(testbed, &self.account.user(), test)
            .await
            .unwrap();
        let asked = asked.expect("the test needs the audit log");
        let parts = asked.split(|asked| asked.uri.starts_with(MARK)).skip(1);
        parts.map(<[AuditEvent]>::to_vec).collect()
    }
}

/// What is listed more often than once: each kind, and each selection of it, by its own.
fn listed_again(asked: &[AuditEvent]) -> Vec<&str> {
    let first_pages = asked
        .iter()
        .filter(|asked| asked.verb == "list" && asked.parameter("continue").is_none());
    let mut uris: Vec<&str> = first_pages.map(|asked| asked.uri.as_str()).collect();
    uris.sort_unstable();
    let twice = uris.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| pair[0]).collect()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

/// Where the time of several runs went: seconds by phase, in the order of the phases.
#[derive(Default)]
struct Phases(Vec<(String, Vec<f64>)>);

impl Phases {
    fn add(&mut self, phase: &str, seconds: f64) {
        match self.0.iter_mut().find(|(known, _)| known == phase) {
            Some((_, all)) => all.push(seconds),
            None => self.0.push((phase.to_owned(), vec![seconds])),
        }
    }

    /// The steps of a run of the serving agent, which ended `all` seconds after the notification was sent.
    fn add_served(&mut self, run: &Value, all: f64) {
        let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let begin = time(&run["run"]["enqueued_at"]);
        let mut last = begin;
        for step in run["steps"].as_array().unwrap() {
            let end = time(&step["ended_at"]);
            self.add(
                step["name"].as_str().unwrap(),
                end.duration_since(last).as_secs_f64(),
            );
            last = end;
        }
        self.add(
            "webhook and delivery",
            all - last.duration_since(begin).as_secs_f64(),
        );
    }

    /// The steps of a run that a command has logged, which took `all` seconds.
    fn add_logged(&mut self, log: &str, all: f64) {
        let mut rest = all;
        for line in log.lines().filter(|line| line.contains("a step ended")) {
            let field = |name: &str| {
                let (_, value) = line.split_once(&format!("{name}="))?;
                Some(value.split_whitespace().next()?.trim_matches('"').to_owned())
            };
            let seconds: f64 = field("seconds").unwrap().parse().unwrap();
            self.add(&field("step").unwrap(), seconds);
            rest -= seconds;
        }
        self.add("start, journal and printing", rest);
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, seconds) in &self.0 {
            writeln!(f, "  {phase:<28} {:.3} s", median(seconds.clone()))?;
        }
        Ok(())
    }
}

/// All pages of the lists that are needed, as bytes that nobody parses beyond their continue tokens.
async fn bare_lists(testbed: &Testbed) -> Duration {
    let begin = Instant::now();
    stream::iter(LISTS)
        .for_each_concurrent(8, |path| async move {
            testbed.api().list(path, "").await.unwrap();
        })
        .await;
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn an_alert_in_a_large_cluster_costs_little() {
    let testbed = Testbed::for_test().await;
    let test = "speed";
    let (Some(program), Some(_), Some(_)) = (
        testbed.need(Part::Agent, test),
        testbed.need(Part::AuditLog, test),
        testbed.need(Part::PodLogs, test),
    ) else {
        return;
    };
    loaded(&testbed).await;
    let namespace = testbed.namespace("team").await.unwrap();
    testbed.inject("imagepull", namespace.name()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut requests = Requests::of(&testbed, &namespace).await;
    let data = tempfile::tempdir().unwrap();
    let token = data.path().join("token");
    std::fs::write(&token, requests.account.token()).unwrap();
    let token = token.to_str().unwrap();
    let account = ["--token-path", token];
    let agent = Agent::start_with(program, &testbed, data.path(), testbed.kubeconfig(), &account)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut seconds, mut phases) = (Vec::new(), Phases::default());
    for number in 0..RUNS {
        // Longer than lists are shared between runs.
        tokio::time::sleep(Duration::from_secs(6)).await;
        requests.mark().await;
        let begin = Instant::now();
        let runs = agent
            .notify(&notification(&number.to_string(), namespace.name(), "mailer"))
            .await
            .unwrap();
        let report = async {
            loop {
                match agent.report(&runs[0]) {
                    Some(report) => break report,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let report = tokio::time::timeout(PATIENCE, report).await.expect("a report");
        let all = begin.elapsed().as_secs_f64();
        seconds.push(all);
        phases.add_served(&agent.run(&runs[0]).await.unwrap(), all);
        let found = &report["hypotheses"][0]["mechanism"];
        assert_eq!(found, "image_pull", "{report:#}");
    }
    let (now, peak) = agent.memory().expect("figures of a program that runs");
    requests.mark().await;
    let mut alerts = requests.all(&testbed, test).await;
    alerts.truncate(RUNS);
    let most = alerts.iter().map(Vec::len).max().unwrap_or_default();
    testbed.note(&format!(
        "alert to report among {} pods: median {:.3} s of {RUNS}, at most {:.3} s; at most {most} requests; {} MiB resident, {} MiB at \
         most\n{phases}",
        pods(),
        median(seconds.clone()),
        seconds.iter().copied().fold(0.0, f64::max),
        now / 1024,
        peak / 1024,
    ));
    assert!(
        alerts.iter().all(|asked| !asked.is_empty()),
        "requests were counted"
    );
    assert!(most <= MAX_REQUESTS, "{most} requests");
    assert!(pods() > USUAL || peak / 1024 <= MAX_MEMORY, "{} MiB", peak / 1024);
    drop(agent);
    whole_cluster(&testbed, program, namespace.name(), requests, token).await;
}

/// The whole cluster, beside the bare lists that it needs.
async fn whole_cluster(
    testbed: &Testbed,
    program: &str,
    namespace: &str,
    mut requests: Requests,
    token: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let (mut ours, mut bare, mut peak, mut phases) = (Vec::new(), Vec::new(), 0, Phases::default());
    for _ in 0..5 {
        bare.push(bare_lists(testbed).await.as_secs_f64());
        requests.mark().await;
        let begin = Instant::now();
        let child = agent_command(program)
            .args([
                "-v",
                "investigate",
                "--cluster",
                "--output",
                "json",
                "--kubeconfig",
            ])
            .arg(testbed.kubeconfig())
            .args(["--token-path", token])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id().unwrap_or_default());
        let watch = tokio::spawn(async move {
            let mut most = 0;
            while let Ok(text) = std::fs::read_to_string(&status) {
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let Some(kib) = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
                else {
                    break;
                };
                most = most.max(kib);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            most
        });
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.expect("an end").unwrap();
        let all = begin.elapsed().as_secs_f64();
        ours.push(all);
        phases.add_logged(&String::from_utf8_lossy(&output.stderr), all);
        peak = peak.max(watch.await.unwrap());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let hypotheses = report["hypotheses"].as_array().unwrap();
        let named = hypotheses
            .iter()
            .any(|found| found["mechanism"] == "image_pull" && found["entity"]["namespace"] == namespace);
        assert!(named, "the cause in {namespace} is among {hypotheses:#?}");
    }
    requests.mark().await;
    let asked = requests.all(testbed, "the whole cluster").await;
    let last = &asked[asked.len() - 2];
    let again = listed_again(last);
    assert!(!last.is_empty() && again.is_empty(), "listed again: {again:#?}");
    let (ours, bare) = (median(ours), median(bare));
    testbed.note(&format!(
        "whole cluster of {} pods: median {ours:.3} s; the bare lists {bare:.3} s; ratio {:.2}; {} requests; {} MiB at most\n{phases}",
        pods(),
        ours / bare,
        last.len(),
        peak / 1024
    ));
    assert!(!phases.0.is_empty(), "the agent's log tells its steps");
    assert!(
        pods() > USUAL || peak / 1024 <= MAX_MEMORY_OF_ALL,
        "{} MiB",
        peak / 1024
    );
}
