//! How fast the agent is on a cluster of thousands of pods, what it asks the API server for, and what memory it takes.
//!
//! Times are printed, beside the time of the bare lists in the same minute; they are figures, not tests. Asserted is what
//! does not depend on the machine: that the answer is right, how many requests it took, and memory.
//!
//! `CLAW_E2E_PODS` sets the size (default 2000); name a release build of the agent in `CLAW_E2E_AGENT` for figures that mean
//! something.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // also in what the tests share: a failure is a panic

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use claw_testbed::load::fleet::{self, Fleet};
use claw_testbed::load::nodes::{self, Size};
use claw_testbed::suite::{Agent, Part, Testbed, agent_command, notification};
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
    let given = std::env::var("CLAW_E2E_PODS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(2000)
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

/// Requests of the administrator in the API server's own log since line `from`, and the number of lines.
fn requests(log: &str, from: usize) -> (usize, usize) {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text.lines().count();
    let ours = text.lines().skip(from).filter(|line| {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        entry.pointer("/user/username") == Some(&json!("admin"))
    });
    (ours.count(), lines)
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
#[ignore = "needs the testbed: cargo run -p claw-testbed -- test"]
async fn an_alert_in_a_large_cluster_costs_little() {
    let testbed = Testbed::from_env()
        .await
        .unwrap_or_else(|error| panic!("{}", error.line()));
    let test = "speed";
    let (Some(program), Some(log), Some(_)) = (
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
    let data = tempfile::tempdir().unwrap();
    let agent = Agent::start(program, &testbed, data.path()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (mut seconds, mut most, mut phases) = (Vec::new(), 0, Phases::default());
    for number in 0..RUNS {
        // Longer than lists are shared between runs.
        tokio::time::sleep(Duration::from_secs(6)).await;
        let (_, before) = requests(log, 0);
        let begin = Instant::now();
        let runs = agent
            .notify(&notification(&number.to_string(), namespace.name(), "mailer"))
            .await
            .unwrap();
        let report = loop {
            match runs.first().and_then(|run| agent.report(run)) {
                Some(report) => break report,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let all = begin.elapsed().as_secs_f64();
        seconds.push(all);
        phases.add_served(&agent.run(&runs[0]).await.unwrap(), all);
        // The API server writes its log in batches.
        tokio::time::sleep(Duration::from_secs(1)).await;
        most = most.max(requests(log, before).0);
        let found = &report["hypotheses"][0]["mechanism"];
        assert_eq!(found, "image_pull", "{report:#}");
    }
    let (now, peak) = agent.memory().unwrap_or_default();
    println!(
        "alert to report: median {:.3} s of {RUNS}, at most {:.3} s; at most {most} requests; {} MiB resident, {} MiB at most\n{phases}",
        median(seconds.clone()),
        seconds.iter().copied().fold(0.0, f64::max),
        now / 1024,
        peak / 1024,
    );
    assert!(most > 0 && most <= MAX_REQUESTS, "{most} requests");
    assert!(peak / 1024 <= MAX_MEMORY, "{} MiB", peak / 1024);
    whole_cluster(&testbed, program, namespace.name()).await;
}

/// The whole cluster, beside the bare lists that it needs.
async fn whole_cluster(testbed: &Testbed, program: &str, namespace: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (mut ours, mut bare, mut peak, mut phases) = (Vec::new(), Vec::new(), 0, Phases::default());
    for _ in 0..5 {
        bare.push(bare_lists(testbed).await.as_secs_f64());
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
        let output = child.wait_with_output().await.unwrap();
        let all = begin.elapsed().as_secs_f64();
        ours.push(all);
        phases.add_logged(&String::from_utf8_lossy(&output.stderr), all);
        peak = peak.max(watch.await.unwrap());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let groups = report
            .pointer("/groups")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let named = groups
            .iter()
            .any(|group| group.pointer("/entity/namespace") == Some(&json!(namespace)));
        assert!(named, "the cause in {namespace} is among {groups:?}");
    }
    let (ours, bare) = (median(ours), median(bare));
    println!(
        "whole cluster: median {ours:.3} s; the bare lists {bare:.3} s; ratio {:.2}; {} MiB at most\n{phases}",
        ours / bare,
        peak / 1024
    );
}
