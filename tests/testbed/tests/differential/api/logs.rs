//! Logs of pods that there are: the same lines are in a file of the simulated kubelet and in the simulated server.

use std::path::Path;
use std::time::Duration;

use claw_core::clock::{Clock as _, SystemClock};
use claw_k8s::bundle::Content;
use claw_testbed::machine;
use claw_testbed::suite::{Part, Testbed, wait_until};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::pair::Pair;
use super::step::step;

/// Until the pod runs and prints.
const SOON: Duration = Duration::from_secs(60);

/// Seconds before now, stream, and text.
const LINES: &[(i64, &str, &str)] = &[
    (3600, "stdout", "starting"),
    (3600, "stderr", "at the same moment"),
    (1800, "stdout", "level=warn msg=\"slow\" took=3s"),
    (1205, "stderr", ""),
    (1204, "stderr", "  at Main.run(Main.java:7)"),
    (610, "stdout", "2026-03-01T10:00:00Z a time of its own"),
    (605, "stdout", "payment refused for café ☕"),
    (70, "stdout", " spaces around "),
    (65, "stderr", "panic: out of memory"),
];

/// The lines of the container before.
const BEFORE: &[(i64, &str, &str)] = &[(7200, "stdout", "first run"), (7100, "stderr", "no room left")];

struct Log {
    now: Timestamp,
}

impl Log {
    fn time(&self, ago: i64) -> Timestamp {
        self.now.checked_sub(SignedDuration::from_secs(ago)).unwrap()
    }

    /// As container runtimes keep it.
    fn file(&self, lines: &[(i64, &str, &str)]) -> String {
        let line =
            |(ago, stream, text): &(i64, &str, &str)| format!("{:.9} {stream} F {text}\n", self.time(*ago));
        lines.iter().map(line).collect()
    }

    /// As recordings keep it.
    fn recorded(&self, lines: &[(i64, &str, &str)]) -> Content {
        let line = |(ago, _, text): &(i64, &str, &str)| format!("{:.9} {text}\n", self.time(*ago));
        Content::text(lines.iter().map(line).collect::<String>())
    }
}

/// A pod of two containers that has printed.
async fn printed(testbed: &Testbed, folder: &Path, pair: &Pair, ns: &str) -> Log {
    let mark = format!("t{}", machine::secret(4).unwrap());
    let log = Log {
        now: Timestamp::from_second(SystemClock.now().as_second()).unwrap(),
    };
    std::fs::write(folder.join(format!("{mark}.log")), log.file(LINES)).unwrap();
    std::fs::write(folder.join(format!("{mark}.previous.log")), log.file(BEFORE)).unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "printer", "labels": {"log": mark}},
        "spec": {"initContainers": [{"name": "first", "image": "registry.invalid/first:1"}],
            "containers": [
                {"name": "side", "image": "registry.invalid/side:1"},
                {"name": "main", "image": "registry.invalid/main:1"}]}});
    let pods = format!("/api/v1/namespaces/{ns}/pods");
    let printer = format!("{pods}/printer");
    let api = testbed.api();
    // The account that pods run as is made a moment after the namespace.
    wait_until(SOON, "a pod", async || api.create(&pods, &pod).await.map(Ok))
        .await
        .unwrap();
    wait_until(SOON, "the pod's log", async || {
        let pod = api.get(&printer).await?;
        if pod["status"]["phase"] != "Running" {
            return Ok(Err(pod["status"].to_string()));
        }
        let status = api
            .status(&format!("{printer}/log?container=main&previous=true"))
            .await?;
        Ok(if status == 200 {
            Ok(())
        } else {
            Err(status.to_string())
        })
    })
    .await
    .unwrap();
    pair.take_over(&printer).await;
    for container in ["side", "main"] {
        for (previous, lines) in [(false, LINES), (true, BEFORE)] {
            pair.cluster()
                .set_log(ns, "printer", container, previous, log.recorded(lines));
        }
    }
    log
}

/// Parameters of the log of a container.
fn parameters(log: &Log) -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        "timestamps=true",
        "timestamps=false",
        "previous=true",
        "previous=true&timestamps=true",
        "tailLines=0",
        "tailLines=1",
        "tailLines=4",
        "tailLines=1000",
        "tailLines=-1",
        "tailLines=x",
        "sinceSeconds=0",
        "sinceSeconds=-5",
        "sinceSeconds=x",
        "sinceSeconds=300",
        "sinceSeconds=900",
        "sinceSeconds=2400",
        "sinceSeconds=100000",
        "sinceSeconds=900&tailLines=1",
        "sinceSeconds=900&timestamps=true",
        "sinceTime=yesterday",
        "limitBytes=0",
        "limitBytes=-1",
        "limitBytes=x",
        "limitBytes=1",
        "limitBytes=20",
        "limitBytes=100000",
        "limitBytes=40&timestamps=true",
        "limitBytes=12&tailLines=2",
        "limitBytes=5&previous=true",
        "previous=true&tailLines=1",
    ]
    .map(str::to_owned)
    .into();
    for ago in [100_000, 3600, 1800, 1204, 610, 70, 65, 1] {
        all.push(format!("sinceTime={}", log.time(ago)));
    }
    all.push(format!("sinceTime={}&sinceSeconds=900", log.time(1800)));
    all.push(format!("sinceTime={}&tailLines=2", log.time(1800)));
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_api_servers_show_the_same_logs() {
    const TEST: &str = "logs of pods";
    let testbed = crate::testbed().await;
    let Some(folder) = testbed.need(Part::PodLogs, TEST).map(Path::new) else {
        return;
    };
    let namespace = testbed.namespace("logs").await.unwrap();
    let ns = namespace.name();
    let mut pair = Pair::start(&testbed, ns).await;
    let log = printed(&testbed, folder, &pair, ns).await;
    let printer = format!("/api/v1/namespaces/{ns}/pods/printer/log");
    for parameters in parameters(&log) {
        let path = format!("{printer}?container=main&{parameters}");
        let [real, _] = pair.same(step("a log", "GET", path, &["lines"])).await;
        assert!(real.status != 200 || real.body.is_string(), "{}", real.body);
    }
    for (name, path) in [
        ("a log of no container", printer.clone()),
        (
            "a log of the other container",
            format!("{printer}?container=side&tailLines=3"),
        ),
        (
            "a log of a container that is none",
            format!("{printer}?container=other"),
        ),
        (
            "a log of a pod that is not there",
            printer.replace("printer", "nobody"),
        ),
    ] {
        pair.same(step(name, "GET", path, &["/message"])).await;
    }
    pair.end(TEST);
}
