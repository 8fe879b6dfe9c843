//! The binary, as a user meets it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)] // a test that fails panics

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn agent(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claw-agent"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env_remove("CLAW_OUTPUT")
        .env_remove("PROMETHEUS_URL")
        .env_remove("LOKI_URL")
        .env_remove("ELASTICSEARCH_URL")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The one line that says what went wrong.
fn complaint(output: &Output) -> String {
    let text = stderr(output);
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    assert!(text.starts_with("claw-agent: "), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn demo_bundle() -> PathBuf {
    workspace("examples/demo")
}

#[test]
fn the_demo_tells_the_story_and_leaves_everything_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = agent(&["demo", "--directory", path(folder.path())]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("ledger-writer"), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(said.contains("intact"), "{said}");
    let seconds: f64 = said
        .split("investigated in ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds < 30.0, "{said}");
    let log = folder.path().join("audit.jsonl");
    let verified = agent(&["audit", "verify", path(&log)]);
    assert_eq!(code(&verified), 0, "{}", stdout(&verified));
    let kinds = |ending: &str| {
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| path(&entry.as_ref().unwrap().path()).ends_with(ending))
            .count()
    };
    assert_eq!((kinds(".html"), kinds(".md")), (1, 1));

    // The story of the run, by the id that the demo prints.
    let run = said
        .split("audit show ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let story = agent(&["audit", "show", run, path(&log)]);
    assert_eq!(code(&story), 0);
    assert!(stdout(&story).contains("gather_context"), "{}", stdout(&story));

    records_can_be_proved_and_exported(folder.path(), run, &log);

    // A second demo in the same folder is another run of the same alert.
    let again = agent(&["demo", "--directory", path(folder.path())]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));

    // That the head is gone shows; one that was kept elsewhere does as well.
    let head = folder.path().join("audit.jsonl.head");
    let kept = folder.path().join("kept");
    fs::copy(&head, &kept).unwrap();
    let printed = stdout(&agent(&["audit", "verify", path(&log)]));
    let printed = printed.split("--head ").nth(1).unwrap().trim().to_owned();
    fs::remove_file(&head).unwrap();
    let missing = agent(&["audit", "verify", path(&log)]);
    assert_eq!(code(&missing), 5);
    assert!(stdout(&missing).contains("--no-head"), "{}", stdout(&missing));
    for (arguments, expected) in [
        (&["--no-head"][..], 0),
        (&["--head", path(&kept)], 0),
        (&["--head", &printed], 0),
        (&["--head", "no-such-file"], 2),
        (&["--head", &printed, "--no-head"], 2),
    ] {
        let output = agent(&[&["audit", "verify", path(&log)][..], arguments].concat());
        assert_eq!(code(&output), expected, "{arguments:?} {}", stdout(&output));
    }

    // A changed byte shows.
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("ledger-writer", "ledger-wrlter", 1)).unwrap();
    let tampered = agent(&["audit", "verify", path(&log)]);
    assert_eq!(code(&tampered), 5);
    assert!(stdout(&tampered).contains("NOT intact"), "{}", stdout(&tampered));
}

#[test]
fn the_demo_of_the_guardrails_shows_what_is_done_asked_for_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = agent(&["demo", "guardrails", "--directory", path(folder.path())]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said = format!("{}{}", stdout(&output), stderr(&output));
    for expected in [
        "done, by the policy alone",
        "waits for approval until",
        "spec.replicas: 8 → 12",
        "done, approved by kim",
        "refused by operation.tier",
        "403: namespaces \"shop\" is forbidden",
        "3 writes failed within 30m",
        "applied as rehearsed",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let log = folder.path().join("audit.jsonl");
    let replayed = agent(&["audit", "replay", path(&log)]);
    assert_eq!(code(&replayed), 0, "{}", stderr(&replayed));
    assert!(stdout(&replayed).ends_with("6 of 6 judgements are the same again\n"));
    assert_eq!(code(&agent(&["audit", "verify", path(&log)])), 0);
    let unfit = agent(&[
        "demo",
        "guardrails",
        "-o",
        "json",
        "--directory",
        path(folder.path()),
    ]);
    assert_eq!(code(&unfit), 2, "{}", stderr(&unfit));
}

fn records_can_be_proved_and_exported(folder: &Path, run: &str, log: &Path) {
    let verified = stdout(&agent(&["audit", "verify", path(log)]));
    let key = verified
        .split("--key '")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    for (key, expected) in [
        (key, 0),
        ("no-such-key", 2),
        (&key.replace("claw-audit/", "claw-audit/0"), 2),
    ] {
        let output = agent(&["audit", "verify", path(log), "--key", key]);
        assert_eq!(code(&output), expected, "{key}: {}", stdout(&output));
    }
    // A proof stands by itself.
    let proof = folder.join("proof.json");
    let made = agent(&["audit", "prove", "3", path(log)]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    fs::write(&proof, stdout(&made)).unwrap();
    let checked = agent(&["audit", "prove", "--check", path(&proof), "--key", key]);
    assert_eq!(code(&checked), 0, "{}", stderr(&checked));
    assert!(
        stdout(&checked).contains("proved: record 3"),
        "{}",
        stdout(&checked)
    );
    fs::write(&proof, stdout(&made).replacen("claw", "clay", 1)).unwrap();
    let altered = agent(&["audit", "prove", "--check", path(&proof), "--key", key]);
    assert_eq!(code(&altered), 5);
    assert!(
        complaint(&altered).contains("proves nothing"),
        "{}",
        complaint(&altered)
    );
    assert_eq!(code(&agent(&["audit", "prove", "1000000", path(log)])), 1);
    assert_eq!(code(&agent(&["audit", "prove"])), 2);
    // Exports have what the story has.
    let all = stdout(&agent(&["audit", "export", path(log), "--run", run]));
    let told: serde_json::Value =
        serde_json::from_str(&stdout(&agent(&["audit", "show", run, path(log), "-o", "json"]))).unwrap();
    assert_eq!(all.lines().count(), told["events"].as_array().unwrap().len());
    let file = folder.join("otlp.jsonl");
    let arguments = [
        "--format",
        "otlp-json",
        "--kind",
        "observe",
        "--run",
        run,
        "--to",
        path(&file),
    ];
    let exported = agent(&[&["audit", "export", path(log)][..], &arguments].concat());
    assert_eq!(code(&exported), 0, "{}", stderr(&exported));
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(
        lines.lines().count(),
        all.lines()
            .filter(|line| line.contains("\"kind\":\"observe\""))
            .count()
    );
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let record = &value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["eventName"], "claw.audit.observe");
    }
    // What is there is not overwritten.
    assert_eq!(
        code(&agent(
            &[&["audit", "export", path(log)][..], &arguments].concat()
        )),
        1
    );
    let future = agent(&["audit", "export", path(log), "--since", "2999-01-01T00:00:00Z"]);
    assert_eq!((code(&future), stdout(&future).len()), (0, 0));
    // Of all records no number is missing: what the log notes about itself has one, too.
    let numbers = |output: &Output| -> Vec<u64> {
        let number =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].as_u64();
        stdout(output).lines().map(|line| number(line).unwrap()).collect()
    };
    let whole = agent(&["audit", "export", path(log)]);
    let found = numbers(&whole);
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
    assert!(
        stdout(&whole).contains("\"note\":{\"kind\":\"closed\""),
        "{}",
        stdout(&whole)
    );
    // That a line could not be read is not passed over.
    let torn = folder.join("torn.jsonl");
    let text = fs::read_to_string(log).unwrap();
    fs::write(&torn, text.replacen("\"sequence\":3", "\"sequence\"=3", 1)).unwrap();
    let exported = agent(&["audit", "export", path(&torn)]);
    assert_eq!((code(&exported), numbers(&exported).len()), (5, found.len() - 1));
}

#[test]
fn a_replay_prints_the_contract_and_the_same_bytes_each_time() {
    let bundle = demo_bundle();
    let arguments = ["replay", path(&bundle), "--output", "json"];
    let (first, second) = (agent(&arguments), agent(&arguments));
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    assert_eq!(first.stdout, second.stdout);
    assert!(first.stderr.is_empty(), "{}", stderr(&first));
    let report: Value = serde_json::from_slice(&first.stdout).unwrap();
    let mut keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["case", "changes", "gaps", "groups", "hypotheses", "symptoms"]
    );
    assert_eq!(report["case"], "oom-limit-lowered");
    let cause = &report["hypotheses"][0];
    assert_eq!(
        (&cause["rank"], &cause["entity"]["name"], &cause["mechanism"]),
        (&1.into(), &"ledger-writer".into(), &"memory_limit".into()),
    );
    assert!(!cause["evidence"].as_array().unwrap().is_empty());
}

#[test]
fn alerts_of_one_incident_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("alerts.jsonl");
    let line = |number: u32, labels: &str| {
        format!(r#"{{"id":"a{number}","labels":{{{labels}}},"startsAt":"2026-05-04T09:0{number}:00Z"}}"#)
    };
    // Two namespaces: only the call graph of the recording tells that one feels the other's trouble.
    let lines = [
        line(
            1,
            r#""alertname":"Slow","namespace":"payments","deployment":"ledger-writer""#,
        ),
        line(
            2,
            r#""alertname":"Slow","namespace":"checkout","deployment":"basket-api""#,
        ),
        line(3, r#""alertname":"DiskFull","instance":"build-7:9100""#),
    ];
    fs::write(&list, lines.join("\n")).unwrap();
    let output = agent(&["group", path(&list), "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let groups: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(groups.as_array().unwrap().len(), 3, "{groups}");
    assert_eq!(groups[2]["alerts"], serde_json::json!(["a3"]));
    let text = stdout(&agent(&["group", path(&list), "--bundle", path(&demo_bundle())]));
    assert!(
        text.contains("  Slow  deployment=basket-api namespace=checkout"),
        "{text}"
    );

    fs::write(&list, format!("{}\n{{\"labels\":{{}}}}", lines[0])).unwrap();
    let output = agent(&["group", path(&list)]);
    assert_eq!(code(&output), 1);
    let said = complaint(&output);
    assert!(
        said.contains("line 2: startsAt") && said.contains("RFC 3339"),
        "{said}"
    );
}

#[test]
fn alerts_are_grouped_by_what_a_recording_knows() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = workspace("tests/scenarios/node-not-ready");
    let body: Value = serde_json::from_slice(&fs::read(scenario.join("alert.json")).unwrap()).unwrap();
    let alerts = body["alerts"].as_array().unwrap();
    assert!(alerts.len() > 2);
    let list = folder.path().join("alerts.json");
    fs::write(&list, body["alerts"].to_string()).unwrap();
    let output = agent(&[
        "group",
        path(&list),
        "--bundle",
        path(&scenario),
        "--output",
        "json",
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let groups: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(groups.as_array().unwrap().len(), 1, "{groups}");
    assert_eq!(groups[0]["alerts"].as_array().unwrap().len(), alerts.len());
}

#[test]
fn lines_of_a_log_are_told_by_their_templates() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("app.log");
    fs::write(
        &log,
        "10:00:01 accepted 10.0.0.7:4711\n10:00:02 heartbeat\n10:00:03 accepted 10.0.0.9:52\n",
    )
    .unwrap();
    let output = agent(&["logs", "templates", path(&log), "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mined: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(mined["lines"], serde_json::json!([0, 1, 0]));
    assert_eq!(mined["templates"][0]["text"], "<*> accepted <*>");
    assert_eq!(mined["templates"][0]["count"], 2);
    let text = stdout(&agent(&["logs", "templates", path(&log)]));
    assert_eq!(text.lines().last(), Some("3 lines, 2 templates"));
    let output = agent(&["logs", "templates", path(&folder.path().join("none.log"))]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("cannot be read"));
}

#[test]
fn recordings_are_held_to_what_their_cause_was() {
    let folder = tempfile::tempdir().unwrap();
    let path_of = |name: &str| folder.path().join("slow-stock").join(name);
    fs::create_dir_all(path_of("metrics")).unwrap();
    let write = |name: &str, text: &str| fs::write(path_of(name), text).unwrap();
    write(
        "bundle.json",
        r#"{"version": 1, "case": "slow-stock", "cluster": "shop", "collected_at": "2026-03-01T10:00:00Z",
            "window": {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z"},
            "incident": {"start": "2026-03-01T09:50:00Z"}}"#,
    );
    write("topology.jsonl", "{\"from\": \"web\", \"to\": \"stock\"}\n");
    write(
        "expect.json",
        r#"{"root_cause": {"entity": {"kind": "Service", "name": "stock"}, "kind": "slow"}}"#,
    );
    // 2026-03-01T09:00:00Z
    let start = 1_772_355_600;
    let samples = (0..60).flat_map(|minute| {
        let late = if minute < 50 { 0.0 } else { 0.4 };
        let wobble = 0.001 * f64::from(minute % 3);
        [("web", 0.05), ("stock", 0.02)].map(|(name, usual)| {
            let (value, time) = (usual + wobble + late, start + 60 * minute);
            format!("service_latency_seconds{{service=\"{name}\"}} {value} {time}\n")
        })
    });
    write("metrics/latency.om", &(samples.collect::<String>() + "# EOF\n"));
    let output = agent(&["evaluate", path(folder.path()), "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let case = &found["cases"][0];
    assert_eq!(
        (&case["case"], &case["place"]),
        (&"slow-stock".into(), &1.into()),
        "{found}"
    );
    let groups = found["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["group"].as_str().unwrap());
    assert_eq!(groups.collect::<Vec<_>>(), ["all", "shop", "shop, slow"]);
    let table = stdout(&agent(&["evaluate", path(folder.path())]));
    assert!(
        table.starts_with("slow-stock") && table.contains("ECE"),
        "{table}"
    );

    // What a replay answered once is no truth, and a slip in a key is told.
    for (name, expect) in [
        (
            "draft",
            r#"{"verdict": "cause", "root_cause": {"entity": {"kind": "Service", "name": "stock"}}, "draft": true}"#,
        ),
        (
            "slip",
            r#"{"rootcause": {"entity": {"kind": "Service", "name": "stock"}}}"#,
        ),
    ] {
        let other = folder.path().join(name);
        fs::create_dir(&other).unwrap();
        let text = fs::read_to_string(path_of("bundle.json")).unwrap();
        fs::write(other.join("bundle.json"), text.replace("slow-stock", name)).unwrap();
        fs::write(other.join("expect.json"), expect).unwrap();
    }
    write("changes.jsonl", "{\"time\": 7}\n");
    let output = agent(&["evaluate", path(folder.path()), "--output", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases: Vec<&str> = found["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["case"].as_str().unwrap())
        .collect();
    assert_eq!(cases, ["slow-stock"]);
    assert_eq!(
        found["cases"][0]["damage"].as_array().unwrap().len(),
        1,
        "{found}"
    );
    let table = stdout(&agent(&["evaluate", path(folder.path())]));
    for told in [
        "2 left out",
        "draft: its expect.json is a draft",
        "slip: its expect.json has neither",
        "read in part only",
    ] {
        assert!(table.contains(told), "{told}: {table}");
    }

    let empty = tempfile::tempdir().unwrap();
    let output = agent(&["evaluate", path(empty.path())]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("says what its cause was"));
}

#[test]
fn every_form_of_a_report_is_printed() {
    let bundle = demo_bundle();
    for (form, begins) in [("markdown", "#"), ("html", "<!doctype html>"), ("text", "")] {
        let output = agent(&["replay", path(&bundle), "--output", form]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.to_lowercase().starts_with(begins), "{form}: {}", &text[..80]);
        assert!(text.contains("ledger-writer"), "{form}");
    }
    let full = agent(&["replay", path(&bundle), "--full", "-o", "json"]);
    let report: Value = serde_json::from_slice(&full.stdout).unwrap();
    assert!(report["timeline"].is_array());
}

#[test]
fn folders_that_are_no_recordings_are_refused_in_one_line() {
    let empty = tempfile::tempdir().unwrap();
    let output = agent(&["replay", path(empty.path())]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("holds neither a bundle nor a cluster dump"));
    let output = agent(&["replay", "/no/such/folder"]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("check that it exists"));

    fs::write(
        empty.path().join("bundle.json"),
        "{\n  \"version\": 1,\n  \"kase\": \"x\"\n}",
    )
    .unwrap();
    let output = agent(&["replay", path(empty.path())]);
    assert_eq!(code(&output), 1);
    assert!(
        complaint(&output).contains("bundle.json:3:"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn definitions_of_the_specification_are_understood_or_refused() {
    let fixture = |name: &str| workspace(&format!("claw-core/src/definition/fixtures/{name}"));
    let (tools, workflow) = (fixture("tools.yaml"), fixture("incident_investigation.yaml"));
    let output = agent(&["check", path(&tools), path(&workflow)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains("tool get_pods") && text.contains("workflow incident_investigation"),
        "{text}"
    );
    assert!(text.contains("severity is critical or warning"), "{text}");
    assert!(
        text.contains("the rule reasoner does not interpret them"),
        "{text}"
    );
    assert!(text.contains("gives values of its own"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("tools.yaml");
    let printed = fs::read_to_string(&tools).unwrap();
    for (given, complaint) in [
        ("default: 500", "tail_lines.default: not available yet"),
        ("enum: [100, 200]", "tail_lines.enum: not available yet"),
    ] {
        fs::write(&other, printed.replace("default: 200", given)).unwrap();
        let output = agent(&["check", path(&other)]);
        assert_eq!(code(&output), 5);
        assert!(
            stderr(&output).contains(complaint) && stderr(&output).contains("leave"),
            "{}",
            stderr(&output)
        );
    }
    let json = agent(&["check", path(&tools), "--output", "json"]);
    assert!(serde_json::from_slice::<Value>(&json.stdout).unwrap()["tools"]["get_pods"].is_object());

    let output = agent(&["check", path(&fixture("resource_rightsizing.yaml"))]);
    assert_eq!(code(&output), 5);
    assert!(
        stderr(&output).contains("not available yet: the workflow"),
        "{}",
        stderr(&output)
    );

    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, "tools:\n  - name: get_pods\n    descripton: x\n").unwrap();
    let output = agent(&["check", path(&wrong)]);
    assert_eq!(code(&output), 5);
    assert!(stderr(&output).contains("wrong.yaml:3:5"), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("did you mean `description`?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_role_is_printed_for_all_tools_or_some() {
    let output = agent(&["access"]);
    assert_eq!(code(&output), 0);
    let yaml = stdout(&output);
    assert!(
        yaml.contains("kind: ClusterRole") && yaml.contains("kind: ServiceAccount"),
        "{yaml}"
    );
    assert!(!yaml.contains("secrets"), "{yaml}");
    // The role of the specification stands by itself; what tools see beyond it is a second role.
    let seed = stdout(&agent(&["access", "--seed-only"]));
    assert!(yaml.starts_with(seed.trim_end()), "{yaml}");
    assert_eq!(seed.matches("kind: ClusterRole\n").count(), 2, "{seed}");
    assert!(
        !seed.contains("extended") && yaml.contains("openclaw-agent-extended"),
        "{yaml}"
    );
    assert!(
        !seed.contains("networkpolicies") && yaml.contains("networkpolicies"),
        "{yaml}"
    );
    assert_eq!(
        code(&agent(&["access", "--in", "shop"])),
        2,
        "--in asks the cluster"
    );
    let some = stdout(&agent(&[
        "access",
        "--tool",
        "get_pod_logs",
        "--namespace",
        "ops",
    ]));
    assert!(some.contains("pods/log") && some.contains("namespace: ops") && !some.contains("deployments"));
    let unknown = agent(&["access", "--tool", "get_pod"]);
    assert_eq!(code(&unknown), 2);
    assert!(complaint(&unknown).contains("get_pods"));
}

#[test]
fn the_account_that_writes_gets_what_the_policy_has_reached_and_its_walls() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let policy = "policy:\n  phase: low_risk_writes\n  own_namespace: robots\n  freeze: forbidden\n  \
                  freezes: [{name: a, from: \"2026-12-01T00:00:00Z\", until: \"2026-12-02T00:00:00Z\"}]\n";
    fs::write(&file, policy).unwrap();
    let writes = |more: &[&str]| agent(&[&["access", "--writes"], more].concat());
    // Nobody has said that it may write.
    let observing = stdout(&writes(&[]));
    assert!(
        observing.contains("openclaw-agent-writer") && !observing.contains("- patch"),
        "{observing}"
    );
    let output = writes(&["--policy", path(&file), "--in", "shop", "--in", "pay"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let yaml = stdout(&output);
    assert!(yaml.starts_with("# the engine alone: freezes: "), "{yaml}");
    assert_eq!(yaml.matches("kind: RoleBinding").count(), 2, "{yaml}");
    assert!(
        yaml.contains("namespace: robots") && yaml.contains("name: openclaw-wall-phase"),
        "{yaml}"
    );
    assert!(
        !yaml.contains("daemonsets") && !yaml.contains("pods/eviction"),
        "{yaml}"
    );
    let wide = stdout(&writes(&["--policy", path(&file), "--phase", "expanded"]));
    assert!(
        wide.contains("pods/eviction") && wide.contains("kind: ClusterRoleBinding"),
        "{wide}"
    );
    assert!(!wide.contains("name: openclaw-wall-phase"), "{wide}");
    let some = stdout(&writes(&["--phase", "low_risk_writes", "--tool", "adjust_hpa"]));
    assert!(
        some.contains("horizontalpodautoscalers") && !some.contains("statefulsets\n"),
        "{some}"
    );
    let json: Value = serde_json::from_str(&stdout(&writes(&["--output", "json"]))).unwrap();
    assert_eq!(json["objects"][0]["kind"], "ServiceAccount");
    for (wrong, said) in [
        (&["access", "--phase", "expanded"][..], "--writes"),
        (&["access", "--writes", "--tool", "get_pods"], "scale_workload"),
        (
            &[
                "access",
                "--writes",
                "--policy",
                path(&file),
                "--namespace",
                "claw",
            ],
            "`robots`",
        ),
        (&["access", "--writes", "--in", "a/b"], "namespace"),
    ] {
        let output = agent(wrong);
        assert_eq!(code(&output), 2, "{wrong:?}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn wrong_arguments_are_told_apart_from_failures() {
    assert_eq!(code(&agent(&["replay"])), 2);
    assert_eq!(code(&agent(&["no-such-command"])), 2);
    let bundle = demo_bundle();
    assert_eq!(code(&agent(&["replay", path(&bundle), "--output", "pdf"])), 2);
    let output = agent(&["audit", "verify", "x", "--output", "html"]);
    assert_eq!(code(&output), 2);
    assert!(complaint(&output).contains("--output text or --output json"));
    let output = agent(&["audit", "verify", "/no/such/log"]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("cannot be read"));
}

/// A kubeconfig whose server is not there.
fn nowhere(folder: &Path) -> PathBuf {
    let config = folder.join("config");
    fs::write(
        &config,
        "apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters:\n- name: c\n  cluster: {server: 'http://127.0.0.1:1'}\n\
         users:\n- name: u\n  user: {}\ncontexts:\n- name: here\n  context: {cluster: c, user: u}\n",
    )
    .unwrap();
    config
}

#[test]
fn an_audit_log_that_was_set_back_is_not_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = nowhere(folder.path());
    let (audit, kept) = (folder.path().join("audit.jsonl"), folder.path().join("kept"));
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", audit.display()));
    // What is asked for fails; the log was opened and closed.
    let investigate = |more: &[&str]| {
        let all = [
            "investigate",
            "-n",
            "shop",
            "--kubeconfig",
            path(&config),
            "--audit",
            path(&audit),
        ];
        let output = agent(&[&all[..], more].concat());
        assert_eq!(code(&output), 1);
        complaint(&output)
    };
    let with_kept = ["--audit-checkpoints", path(&kept)];
    assert!(investigate(&with_kept).contains("not available"));
    let endings = ["", ".head", ".checkpoints"];
    let old = endings.map(|ending| fs::read(beside(ending)).unwrap());
    assert!(investigate(&with_kept).contains("not available"));
    for (ending, bytes) in endings.iter().zip(&old) {
        fs::write(beside(ending), bytes).unwrap();
    }
    let said = investigate(&with_kept);
    assert!(said.contains("a checkpoint was signed for"), "{said}");
    // By the files alone it is not seen, and that is said.
    let alone = agent(&["audit", "verify", path(&audit)]);
    assert_eq!(code(&alone), 0);
    assert!(stdout(&alone).contains("set back"), "{}", stdout(&alone));
    let compared = agent(&["audit", "verify", path(&audit), "--checkpoints", path(&kept)]);
    assert_eq!(code(&compared), 5, "{}", stdout(&compared));
    // A log without its checkpoints is taken up when that is asked for.
    fs::remove_file(beside(".checkpoints")).unwrap();
    let said = investigate(&[]);
    assert!(said.contains("no checkpoint vouches"), "{said}");
    assert!(investigate(&["--audit-adopt-unsigned"]).contains("not available"));
    assert_eq!(code(&agent(&["audit", "verify", path(&audit)])), 0);
}

#[test]
fn without_a_cluster_the_way_to_one_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let output = agent(&["investigate", "-n", "shop", "--audit", path(&audit)]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("kubeconfig"), "{}", stderr(&output));

    let config = nowhere(folder.path());
    let output = agent(&[
        "investigate",
        "-n",
        "shop",
        "--kubeconfig",
        path(&config),
        "--audit",
        path(&audit),
    ]);
    assert_eq!(code(&output), 1);
    assert!(
        complaint(&output).contains("not available"),
        "{}",
        stderr(&output)
    );

    let wrong = |arguments: &[&str]| {
        let mut all = vec![
            "investigate",
            "--kubeconfig",
            path(&config),
            "--audit",
            path(&audit),
        ];
        all.extend(arguments);
        let output = agent(&all);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        complaint(&output)
    };
    assert!(wrong(&["cart"]).contains("deployment/cart"));
    assert!(wrong(&["widget/cart"]).contains("use one of"));
    assert!(wrong(&["-n", "a/b"]).contains("namespace"));
    assert!(wrong(&["--since", "2099-01-01T00:00:00Z"]).contains("future"));
}

#[test]
fn a_server_without_a_good_token_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    for (text, said) in [("", "it is empty"), ("two words", "spaces")] {
        fs::write(&token, text).unwrap();
        let output = agent(&["serve", "--webhook-token-file", path(&token)]);
        assert_eq!(code(&output), 1);
        assert!(complaint(&output).contains(said), "{}", stderr(&output));
    }
    let output = agent(&["serve", "--webhook-token-file", "/no/such/token"]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("cannot be read"));
}

#[test]
fn the_settings_that_are_shipped_are_accepted_and_rights_are_made_of_them() {
    let (policy, writing) = (workspace("deploy/policy.yaml"), workspace("deploy/writing.yaml"));
    let checked = agent(&["policy", "check", path(&policy)]);
    assert_eq!(code(&checked), 0, "{}{}", stdout(&checked), stderr(&checked));
    let writes = agent(&["access", "--writes", "--writing", path(&writing)]);
    assert_eq!(code(&writes), 0, "{}", stderr(&writes));
    let yaml = stdout(&writes);
    for expected in [
        "openclaw-agent-writer-lease",
        "openclaw-agent-writer-approvals",
        "ValidatingAdmissionPolicy",
        "namespace: pay",
    ] {
        assert!(yaml.contains(expected), "{expected}: {yaml}");
    }
    assert!(!yaml.contains("claw-agent-stop"), "{yaml}");
    // In the phase that only observes nobody leads, and nobody is asked.
    let observing = agent(&[
        "access",
        "--writes",
        "--writing",
        path(&writing),
        "--phase",
        "observe",
    ]);
    let yaml = stdout(&observing);
    let own = ["openclaw-agent-writer-lease", "openclaw-agent-writer-approvals"];
    assert!(own.iter().all(|name| !yaml.contains(name)), "{yaml}");
    let reads = agent(&["access", "--writing", path(&writing)]);
    assert_eq!(code(&reads), 0, "{}", stderr(&reads));
    let yaml = stdout(&reads);
    assert!(
        yaml.contains("resourceNames:\n  - claw-stop") && yaml.contains("name: claw-agent-stop"),
        "{yaml}"
    );
    let by_hand = agent(&["access", "--stop-config-map", "claw-stop"]);
    assert_eq!(stdout(&by_hand), yaml);
    for other in [
        &["--policy", path(&policy)][..],
        &["--in", "shop"],
        &["--unattended"],
    ] {
        let both = agent(&[&["access", "--writes", "--writing", path(&writing)][..], other].concat());
        assert_eq!(code(&both), 2, "{other:?}");
    }
}

#[test]
fn every_command_explains_itself() {
    for command in [
        "demo",
        "investigate",
        "collect",
        "replay",
        "evaluate",
        "serve",
        "check",
        "access",
        "audit",
        "stop",
        "act",
        "approvals",
        "circuits",
    ] {
        let output = agent(&[command, "--help"]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).len() > 200, "{command}");
    }
    assert!(stdout(&agent(&["--help"])).contains("Exit codes:"));
}

/// The example in the help of `policy explain`, with so many replicas.
fn scale_up(folder: &Path, replicas: u32) -> PathBuf {
    let help = stdout(&agent(&["policy", "explain", "--help"]));
    let (_, example) = help.split_once("Example of ACTION:").unwrap();
    let mut question: Value = serde_json::from_str(example).unwrap();
    question["action"]["patch"]["spec"]["replicas"] = replicas.into();
    let file = folder.join(format!("{replicas}.json"));
    fs::write(&file, question.to_string()).unwrap();
    file
}

#[test]
fn a_policy_says_what_it_decides_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let explain = |replicas, more: &[&str]| {
        let file = scale_up(folder.path(), replicas);
        agent(&[&["policy", "explain", path(&file)], more].concat())
    };
    let observing = explain(8, &[]);
    assert_eq!(code(&observing), 5, "{}", stderr(&observing));
    let said = stdout(&observing);
    assert!(said.contains("Deployment shop/cart: it is forbidden"), "{said}");
    assert!(said.contains("phase.cap"), "{said}");
    assert!(
        said.contains("it would be auto_logged with phase low_risk_writes"),
        "{said}"
    );
    let phase = ["--phase", "low_risk_writes"];
    let double = explain(8, &phase);
    assert_eq!(code(&double), 0, "{}", stderr(&double));
    assert!(stdout(&double).contains("the agent does it by itself, and people are told"));
    let beyond = explain(9, &["--phase", "low_risk_writes", "--output", "json"]);
    let answer: Value = serde_json::from_str(&stdout(&beyond)).unwrap();
    assert_eq!(answer["decision"]["tier"], "async_approval");
    assert_eq!(answer["decision"]["approvers"], 1);
    let nothing = explain(4, &phase);
    assert_eq!(code(&nothing), 5);
    assert!(complaint(&nothing).contains("the action changes nothing"));

    let file = folder.path().join("policy.yaml");
    let policy = "policy:\n  overrides:\n    - {id: shop, when: {namespaces: [shop]}, tier: sync_approval, reason: a launch}\n";
    fs::write(&file, policy).unwrap();
    let watched = explain(8, &["--phase", "low_risk_writes", "--policy", path(&file)]);
    assert!(
        stdout(&watched).contains("override.shop: a launch"),
        "{}",
        stdout(&watched)
    );
    let checked = agent(&["policy", "check", path(&file)]);
    assert_eq!(code(&checked), 0, "{}", stdout(&checked));
    let table = agent(&["policy", "table", "--policy", path(&file)]);
    assert_eq!(code(&table), 0, "{}", stderr(&table));
    assert!(stdout(&table).contains("delete_namespace"), "{}", stdout(&table));
}

#[test]
fn what_is_wrong_with_a_policy_or_an_action_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    fs::write(&file, "policy:\n  phase: reckless\n").unwrap();
    let refused = agent(&["policy", "check", path(&file)]);
    assert_eq!(code(&refused), 5);
    assert!(
        stderr(&refused).contains("p.yaml:2:10: policy.phase"),
        "{}",
        stderr(&refused)
    );
    fs::write(&file, "policy:\n  excluded_namespaces: [kube-system]\n").unwrap();
    let idle = agent(&["policy", "check", path(&file)]);
    assert_eq!(code(&idle), 5);
    assert!(stdout(&idle).contains("kube-system is never changed anyway"));
    let action = folder.path().join("a.json");
    fs::write(&action, "{\"action\": {\"verb\": \"obliterate\"}}").unwrap();
    let unknown = agent(&["policy", "explain", path(&action)]);
    assert_eq!(code(&unknown), 5);
    assert!(
        complaint(&unknown).contains("a.json:1:32: unknown variant `obliterate`, expected one of `patch`, `create`, `delete`, `evict`; write"),
        "{}",
        stderr(&unknown)
    );
    let absent = agent(&["policy", "explain", path(&folder.path().join("no.json"))]);
    assert_eq!(code(&absent), 1);
    complaint(&absent);
}

#[test]
fn the_stop_of_an_agent_that_does_not_run_is_kept_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let stop = |arguments: &[&str]| agent(&[&["stop"], arguments, &["--data", data]].concat());
    let words = ["--by", "ann", "--reason", "the release misbehaves"];
    // A stop in a folder of nobody would stop nobody.
    for arguments in [
        &["status"][..],
        &[&["engage"], &words[..]].concat(),
        &[&["release"], &words[..]].concat(),
    ] {
        let output = stop(arguments);
        assert_eq!(code(&output), 1);
        assert!(complaint(&output).contains("--data"), "{}", stderr(&output));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    fs::write(folder.path().join("journal.sqlite"), "").unwrap();
    assert_eq!(code(&stop(&["status"])), 0);
    assert!(stdout(&stop(&[&["release"], &words[..]].concat())).contains("not engaged"));

    assert_eq!(code(&stop(&[&["engage"], &words[..]].concat())), 0);
    let status = stop(&["status"]);
    assert_eq!(code(&status), 5);
    assert!(
        stdout(&status).contains("the release misbehaves, by ann"),
        "{}",
        stdout(&status)
    );
    let again = stop(&["engage", "--by", "bob"]);
    assert!(stdout(&again).contains("already"), "{}", stdout(&again));
    let json: Value = serde_json::from_str(&stdout(&stop(&["status", "-o", "json"]))).unwrap();
    assert_eq!(
        (&json["engaged"], &json["mark"]["by"]),
        (&Value::Bool(true), &Value::from("ann"))
    );

    assert_eq!(
        code(&stop(&["release", "--by", "carol"])),
        2,
        "somebody has to say why"
    );
    let released = stop(&["release", "--by", "carol", "--reason", "rolled back"]);
    assert_eq!(code(&released), 0, "{}", stderr(&released));
    assert_eq!(code(&stop(&["status"])), 0);
    let log = folder.path().join("audit.jsonl");
    assert_eq!(code(&agent(&["audit", "verify", path(&log)])), 0);
    let story = stdout(&agent(&["audit", "show", "emergency-stop", path(&log)]));
    assert!(story.contains("stopped") && story.contains("released"), "{story}");
    assert!(fs::read_to_string(&log).unwrap().contains("\"actor\":\"carol\""));
}

#[test]
fn a_recording_becomes_a_scenario_that_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let bundle = workspace("tests/scenarios/pvc-missing-storageclass");
    let output = agent(&["scenario", "new", path(&bundle), path(&made), "--output", "json"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["same"], true);
    assert!(told["replaced"].as_u64().unwrap() > 5, "{told}");
    let expect: Value = serde_json::from_slice(&fs::read(made.join("expect.json")).unwrap()).unwrap();
    assert_eq!(expect["draft"], true);
    assert_eq!(expect["root_cause"]["mechanisms"][0], "volume_unavailable");

    let output = agent(&["scenario", "check", path(folder.path())]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(
        stdout(&output).contains("ok    made  cause: volume_unavailable"),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).contains("[a draft"), "{}", stdout(&output));

    let wrong = fs::read_to_string(made.join("expect.json")).unwrap();
    fs::write(
        made.join("expect.json"),
        wrong.replace("volume_unavailable", "image_pull"),
    )
    .unwrap();
    let output = agent(&["scenario", "check", path(&made)]);
    assert_eq!(code(&output), 5);
    assert!(
        stdout(&output).contains("at work is image_pull"),
        "{}",
        stdout(&output)
    );

    let output = agent(&["scenario", "new", path(&bundle), path(&made)]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("not empty"));
}

#[test]
fn a_runbook_that_cannot_be_honoured_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = "---\ntitle: A\nmatch: {alert: X}\ntools: [{name: scale_workload}]\n---\nText.\n";
    fs::write(folder.path().join("a.md"), text).unwrap();
    let output = agent(&["replay", path(&demo_bundle()), "--runbooks", path(folder.path())]);
    assert_eq!(code(&output), 1);
    assert!(complaint(&output).contains("a.md:4:16: tools[0]: no tool `scale_workload` is registered"));
}
