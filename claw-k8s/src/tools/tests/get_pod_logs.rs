use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_core::redact::Redactor;
use claw_core::tool::{Tool, ToolErrorKind};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use crate::cluster::fake::{Fake, context};
use crate::cluster::{Cluster, LogBytes, LogRequest, MockClusterReader};
use crate::tools::*;

#[tokio::test]
async fn logs_come_with_their_times() {
    let text = "2026-03-01T09:59:58.5Z started\n2026-03-01T09:59:59Z \nno time here\n2026-03-01T10:00:01Z too late\n";
    let cluster = Fake::new([]).log("cart-1", "app", false, Ok(text)).cluster();
    let mut asked = GetPodLogsInput::new("shop", "cart-1");
    asked.container = Some("app".into());
    asked.until = Some("2026-03-01T10:00:00Z".parse().unwrap());
    let output = GetPodLogs::new(cluster).call(&context(), asked).await.unwrap();
    let lines: Vec<_> = output
        .lines
        .iter()
        .map(|line| (line.time.is_some(), line.text.as_str()))
        .collect();
    assert_eq!(lines, [(true, "started"), (true, ""), (false, "no time here")]);
    assert!(!output.truncated);
}

#[tokio::test]
async fn logs_of_a_pod_with_several_containers_are_those_of_the_one_in_trouble() {
    let pod = json!({"kind": "Pod", "metadata": {"name": "cart-1", "namespace": "shop"},
        "spec": {"containers": [{"name": "proxy"}, {"name": "app"}]},
        "status": {"containerStatuses": [{"name": "proxy", "ready": true}, {"name": "app", "ready": false, "restartCount": 3}]}});
    let cluster = Fake::new([pod])
        .log(
            "cart-1",
            "",
            false,
            Err("a container name must be specified for pod cart-1, choose one of: [proxy app]"),
        )
        .log("cart-1", "app", false, Ok("2026-03-01T09:59:58Z boom"))
        .cluster();
    let output = GetPodLogs::new(cluster)
        .call(&context(), GetPodLogsInput::new("shop", "cart-1"))
        .await
        .unwrap();
    assert_eq!(
        (output.container.as_str(), output.lines[0].text.as_str()),
        ("app", "boom")
    );
}

#[tokio::test]
async fn a_container_without_a_log_is_no_error_and_a_pod_that_is_not_there_is() {
    let cluster = Fake::new([])
        .log(
            "cart-1",
            "app",
            true,
            Err("previous terminated container \"app\" in pod \"cart-1\" not found"),
        )
        .log(
            "cart-1",
            "app",
            false,
            Err("container \"app\" in pod \"cart-1\" is waiting to start: ContainerCreating"),
        )
        .cluster();
    let tool = GetPodLogs::new(cluster);
    for previous in [true, false] {
        let mut asked = GetPodLogsInput::new("shop", "cart-1");
        asked.container = Some("app".into());
        asked.previous = previous;
        let output = tool.call(&context(), asked).await.unwrap();
        assert!(output.lines.is_empty() && output.note.is_some());
    }
    let error = tool
        .call(&context(), GetPodLogsInput::new("shop", "gone"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::NotFound);
    for (lines, bytes) in [(0, None), (10_001, None), (1, Some(0)), (1, Some(u32::MAX))] {
        let mut asked = GetPodLogsInput::new("shop", "cart-1");
        (asked.tail_lines, asked.limit_bytes) = (lines, bytes);
        let error = tool.call(&context(), asked).await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::InvalidInput);
    }
}

/// One line a second from 09:50 on, numbered from 0.
fn log_of(lines: u32) -> Vec<String> {
    let start: Timestamp = "2026-03-01T09:50:00Z".parse().unwrap();
    (0..lines)
        .map(|line| format!("{} line {line}", start + Duration::from_secs(line.into())))
        .collect()
}

/// A pod whose log is served as the kubelet does, and cut at its end after `transfer` bytes.
fn kubelet(log: Vec<String>, transfer: usize) -> (Cluster, Arc<Mutex<Vec<LogRequest>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let mut mock = MockClusterReader::new();
    let requests = Arc::clone(&asked);
    mock.expect_pod_logs().returning(move |_, request| {
        requests.lock().unwrap().push(request.clone());
        let time = |line: &str| line.split(' ').next().unwrap().parse::<Timestamp>().unwrap();
        let mut lines: Vec<_> = log
            .iter()
            .filter(|line| request.since.is_none_or(|since| time(line) >= since))
            .collect();
        if let Some(tail) = request.tail_lines {
            lines.drain(..lines.len().saturating_sub(usize::try_from(tail).unwrap()));
        }
        let mut bytes: Vec<u8> = lines
            .iter()
            .flat_map(|line| format!("{line}\n").into_bytes())
            .collect();
        let cut_end = bytes.len() > transfer;
        bytes.truncate(transfer);
        let surplus = bytes.len().saturating_sub(request.limit_bytes);
        bytes.drain(..surplus);
        Ok(LogBytes {
            bytes,
            cut: surplus > 0,
            cut_end,
        })
    });
    (Cluster::new(Arc::new(mock)), asked)
}

async fn read(cluster: Cluster, tail_lines: u32, until: Option<&str>) -> GetPodLogsOutput {
    let asked = GetPodLogsInput {
        container: Some("app".to_owned()),
        tail_lines,
        until: until.map(|time| time.parse().unwrap()),
        ..GetPodLogsInput::new("shop", "cart-1")
    };
    GetPodLogs::new(cluster).call(&context(), asked).await.unwrap()
}

fn first_and_last(output: &GetPodLogsOutput) -> (&str, &str) {
    let lines = &output.lines;
    (&lines[0].text, &lines[lines.len() - 1].text)
}

#[tokio::test]
async fn lines_before_a_time_are_counted_from_there_and_not_from_the_end() {
    let (cluster, _) = kubelet(log_of(600), 8 << 20);
    let output = read(cluster.clone(), 3, Some("2026-03-01T09:51:00Z")).await;
    assert_eq!(first_and_last(&output), ("line 58", "line 60"));
    assert!(output.truncated && !output.newer_left_out);
    let output = read(cluster.clone(), 61, Some("2026-03-01T09:51:00Z")).await;
    assert_eq!(first_and_last(&output), ("line 0", "line 60"));
    assert!(!output.truncated, "these are all the lines until then");
    let output = read(cluster, 5, Some("2026-03-01T09:00:00Z")).await;
    assert!(output.lines.is_empty() && !output.truncated);
}

#[tokio::test]
async fn a_log_that_is_too_large_is_read_in_pieces_up_to_a_time() {
    let (cluster, asked) = kubelet(log_of(600), 10_000);
    let output = read(cluster.clone(), 3, Some("2026-03-01T09:58:00.5Z")).await;
    assert_eq!(first_and_last(&output), ("line 478", "line 480"));
    assert!(!output.newer_left_out);
    assert_eq!(
        asked.lock().unwrap().len(),
        2,
        "of {} bytes",
        log_of(600).join("\n").len()
    );
    let all = read(cluster, 600, Some("2026-03-01T09:58:00.5Z")).await;
    let texts: Vec<_> = all.lines.iter().map(|line| line.text.clone()).collect();
    let expected: Vec<_> = (0..=480).map(|line| format!("line {line}")).collect();
    assert_eq!(texts, expected, "each line once");
}

#[tokio::test]
async fn the_newest_lines_of_a_log_that_is_too_large_are_read() {
    let (cluster, asked) = kubelet(log_of(600), 3000);
    let output = read(cluster, 600, None).await;
    assert_eq!(output.lines.last().unwrap().text, "line 599");
    assert!(output.truncated && !output.newer_left_out);
    let tails: Vec<_> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|request| request.tail_lines.unwrap())
        .collect();
    assert_eq!(tails, [600, 300, 150, 75]);
}

#[tokio::test]
async fn lines_that_nobody_can_reach_are_told() {
    let (cluster, asked) = kubelet(vec![format!("2026-03-01T09:50:00Z {}", "x".repeat(500))], 100);
    let output = read(cluster, 1, None).await;
    assert!(output.truncated && output.newer_left_out);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn of_a_line_longer_than_the_limit_its_end_is_kept() {
    let line = format!("2026-03-01T09:59:58Z {} the cause", "x".repeat(5_000));
    let (cluster, _) = kubelet(vec!["2026-03-01T09:59:57Z before".to_owned(), line], 1 << 20);
    for until in [None, Some("2026-03-01T10:00:00Z".parse().unwrap())] {
        let mut asked = GetPodLogsInput::new("shop", "cart-1");
        asked.limit_bytes = Some(100);
        asked.until = until;
        let output = GetPodLogs::new(cluster.clone())
            .call(&context(), asked)
            .await
            .unwrap();
        let texts: Vec<&str> = output.lines.iter().map(|line| line.text.as_str()).collect();
        // Not the part of a word of which the beginning is missing.
        assert_eq!(texts, ["before", "… the cause"]);
        assert!(output.truncated);
    }
}

/// Whether eight characters of the secret that follow each other are in the text.
fn shows(text: &str, secret: &str) -> bool {
    (0..=secret.len() - 8).any(|start| text.contains(&secret[start..start + 8]))
}

/// What leaves the gate of a log that ends in this, when so many bytes are asked for.
fn seen(log: Vec<String>, limit: u32, tail_lines: u32, transfer: usize) -> String {
    let (cluster, _) = kubelet(log, transfer);
    let asked = GetPodLogsInput {
        container: Some("app".to_owned()),
        limit_bytes: Some(limit),
        tail_lines,
        ..GetPodLogsInput::new("shop", "cart-1")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let output = runtime
        .block_on(GetPodLogs::new(cluster).call(&context(), asked))
        .unwrap();
    Redactor::new()
        .redact_json(serde_json::to_value(output).unwrap())
        .to_string()
}

proptest! {
    #[test]
    fn a_secret_does_not_pass_because_what_tells_it_was_cut_off(
        secret in "[A-Z][a-z0-9]{23,60}Q7",
        form in proptest::sample::select(&[
            "password=@", "Authorization: Bearer @", r#"{"user":"a","token":"@","x":1}"#, r#""password": "@""#,
            "db postgres://shop:@@db:5432/orders", "--api-key @ --verbose", "ghp_@", "client_secret: '@'",
            r"-----BEGIN RSA PRIVATE KEY-----\n@\n@\n-----END RSA PRIVATE KEY-----",
        ][..]),
        before in prop_oneof![0_usize..400, 15_000_usize..17_000, 60_000_usize..90_000],
        after in prop_oneof![0_usize..200, 15_000_usize..17_000],
        word in proptest::sample::select(&["lorem ipsum ", "x", "a,b", "é "][..]),
        limit in prop_oneof![1_u32..400, 15_000_u32..17_000],
        transfer in prop_oneof![Just(8_usize << 20), 30_usize..600, 15_000_usize..17_000],
    ) {
        let text = match form.split_once("@@") {
            Some((start, end)) => format!("{start}{secret}@{end}"),
            None => form.replace('@', &secret),
        };
        // The names of secrets are words of their own.
        let filler = |bytes: usize| word.repeat(bytes / word.len());
        let line = format!("2026-03-01T09:59:58Z {} {text} {}", filler(before), filler(after));
        let seen = seen(vec![line], limit, 200, transfer);
        prop_assert!(!shows(&seen, &secret), "{form} {seen}");
    }

    #[test]
    fn a_line_of_a_key_does_not_pass_because_the_key_began_before(
        keys in proptest::collection::vec("[A-Za-z0-9+/]{60}Q7Zz", 1..40),
        limit in 1_u32..400,
        tail in 1_usize..5,
    ) {
        let time = "2026-03-01T09:59:58Z";
        let mut log = vec![format!("{time} -----BEGIN RSA PRIVATE KEY-----")];
        log.extend(keys.iter().map(|key| format!("{time} {key}")));
        let seen = seen(log, limit, u32::try_from(keys.len() + tail).unwrap(), 8 << 20);
        for key in &keys {
            prop_assert!(!shows(&seen, key), "{seen}");
        }
    }
}
