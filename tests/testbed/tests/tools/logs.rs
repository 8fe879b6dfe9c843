//! `get_pod_logs`

use std::path::Path;

use claw_core::clock::{Clock as _, SystemClock};
use claw_core::tool::ToolErrorKind;
use claw_k8s::tools::GetPodLogsOutput;
use claw_testbed::machine;
use claw_testbed::suite::{Namespace, Part, Testbed, wait_until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::agent_under_test::{AgentUnderTest, SOON};
use super::objects::merged;
use super::pods::waiting_pods;

/// Lines of the log, one a second.
const LINES: usize = 500;

/// A log as kubelets keep it.
struct Log {
    begin: Timestamp,
}

impl Log {
    /// When a line was written.
    fn time(&self, number: usize) -> Timestamp {
        let seconds = SignedDuration::from_secs(i64::try_from(number).unwrap());
        self.begin.checked_add(seconds).unwrap()
    }

    fn file(&self) -> String {
        (1..=LINES)
            .map(|number| format!("{:.9} stdout F line {number:03}\n", self.time(number)))
            .collect()
    }
}

/// A pod that has printed a log, and printed another before it was restarted.
async fn printed(testbed: &Testbed, folder: &Path, namespace: &Namespace) -> Log {
    let mark = format!("t{}", machine::secret(4).unwrap());
    // Times of logs are looked up in whole seconds.
    let now = SystemClock.now().as_second();
    let log = Log {
        begin: Timestamp::from_second(now - 600).unwrap(),
    };
    std::fs::write(folder.join(format!("{mark}.log")), log.file()).unwrap();
    let before = log.time(0);
    let previous = format!("{before:.9} stdout F starting\n{before:.9} stderr F no room left\n");
    std::fs::write(folder.join(format!("{mark}.previous.log")), previous).unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "printer", "namespace": namespace.name(), "labels": { "log": mark },
            "annotations": { "kubectl.kubernetes.io/default-container": "main" },
        },
        "spec": { "containers": [
            { "name": "side", "image": "registry.invalid/side:1" },
            { "name": "main", "image": "registry.invalid/main:1" },
        ] },
    });
    testbed.apply(&pod.to_string()).await.unwrap();
    log
}

fn asked(namespace: &Namespace, more: Value) -> Value {
    merged(
        json!({ "namespace": namespace.name(), "pod_name": "printer" }),
        more,
    )
}

/// The numbers of the first and the last line, and how many there are.
fn span(answer: &GetPodLogsOutput) -> (String, String, usize) {
    let text = |line: Option<&claw_k8s::tools::PodLogLine>| line.map(|line| line.text.clone());
    (
        text(answer.lines.first()).unwrap_or_default(),
        text(answer.lines.last()).unwrap_or_default(),
        answer.lines.len(),
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn logs_are_cut_by_lines_times_and_bytes() {
    let testbed = Testbed::for_test().await;
    let Some(folder) = testbed.need(Part::PodLogs, "logs of pods").map(Path::new) else {
        return;
    };
    let namespace = testbed.namespace("logs").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    let log = printed(&testbed, folder, &namespace).await;
    let usual: GetPodLogsOutput = wait_until(SOON, "the log", async || {
        let answer = agent.call("get_pod_logs", asked(&namespace, json!({}))).await;
        Ok(match answer {
            Ok(answer) if !answer["lines"].as_array().unwrap().is_empty() => {
                Ok(serde_json::from_value(answer).unwrap())
            }
            other => Err(format!("{other:?}")),
        })
    })
    .await
    .unwrap();
    // Of several containers, the one that people named.
    assert_eq!((usual.container.as_str(), usual.previous), ("main", false));
    let line = |number: usize| format!("line {number:03}");
    assert_eq!(span(&usual), (line(301), line(LINES), 200));
    assert!(usual.truncated && usual.note.is_none());
    assert_eq!(usual.lines[0].time, Some(log.time(301)));

    let (since, until) = (log.time(400), log.time(100));
    let cuts = [
        (json!({ "tail_lines": 7 }), 494, LINES, true),
        (json!({ "tail_lines": 10_000 }), 1, LINES, false),
        (json!({ "since": since, "tail_lines": 10_000 }), 400, LINES, false),
        (json!({ "since": since, "tail_lines": 10 }), 491, LINES, true),
        (json!({ "until": until }), 1, 100, false),
        (json!({ "until": until, "tail_lines": 10 }), 91, 100, true),
        (json!({ "since": log.time(90), "until": until }), 90, 100, false),
        // Ten lines of eight bytes, and not a part of an eleventh.
        (json!({ "limit_bytes": 85 }), 491, LINES, true),
    ];
    for (more, first, last, truncated) in cuts {
        let answer: GetPodLogsOutput = agent.ask("get_pod_logs", asked(&namespace, more.clone())).await;
        assert_eq!(
            span(&answer),
            (line(first), line(last), last + 1 - first),
            "{more}"
        );
        assert_eq!(answer.truncated, truncated, "{more}");
        assert!(!answer.newer_left_out, "{more}");
    }
    // How long ago, instead of a time.
    let answer: GetPodLogsOutput = agent
        .ask("get_pod_logs", asked(&namespace, json!({ "since": "4m" })))
        .await;
    assert!(
        (100..=LINES).contains(&answer.lines.len()) && answer.lines[0].time > Some(log.time(300)),
        "{:?}",
        span(&answer)
    );
    let later = json!({ "since": SystemClock.now() });
    let answer: GetPodLogsOutput = agent.ask("get_pod_logs", asked(&namespace, later)).await;
    assert!(answer.lines.is_empty() && !answer.truncated);

    let before = json!({ "previous": true, "container": "main" });
    let answer: GetPodLogsOutput = agent.ask("get_pod_logs", asked(&namespace, before)).await;
    assert_eq!(
        span(&answer),
        ("starting".to_owned(), "no room left".to_owned(), 2)
    );
    assert!(answer.previous && !answer.truncated);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn logs_that_are_not_there_are_said_to_be_so() {
    let testbed = Testbed::for_test().await;
    let namespace = testbed.namespace("nologs").await.unwrap();
    let (agent, _account) = AgentUnderTest::with_all_rights(&testbed, &namespace).await;
    waiting_pods(&testbed, &namespace, [("printer".to_owned(), json!({}))]).await;
    // It is on no node yet.
    let answer: GetPodLogsOutput = agent.ask("get_pod_logs", asked(&namespace, json!({}))).await;
    assert!(answer.lines.is_empty() && !answer.truncated, "{answer:?}");
    let refused = [
        (json!({ "pod_name": "absent" }), ToolErrorKind::NotFound),
        (json!({ "container": "absent" }), ToolErrorKind::InvalidInput),
        (json!({ "container": "Not/A/Name" }), ToolErrorKind::InvalidInput),
        (json!({ "pod_name": "../nodes" }), ToolErrorKind::InvalidInput),
        (json!({ "tail_lines": 0 }), ToolErrorKind::InvalidInput),
        (json!({ "tail_lines": 10_001 }), ToolErrorKind::InvalidInput),
        (json!({ "limit_bytes": 0 }), ToolErrorKind::InvalidInput),
    ];
    for (more, kind) in refused {
        let error = agent
            .refusal("get_pod_logs", asked(&namespace, more.clone()))
            .await;
        assert_eq!(error.kind(), kind, "{more}: {error}");
    }
}
