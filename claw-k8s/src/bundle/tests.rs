//! Whole folders: read, written, broken, foreign.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::*;

const MANIFEST: &str = r#"{"version":1,"case":"cart","cluster":"shop","collected_at":"2026-03-01T10:00:00Z",
  "window":{"start":"2026-03-01T08:00:00Z","end":"2026-03-01T10:00:00Z"},"incident":{"start":"2026-03-01T09:30:00Z"}}"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn names(bundle: &Bundle) -> Vec<String> {
    let entities = bundle.objects.iter().filter_map(Identity::of);
    entities.map(|identity| identity.entity().to_string()).collect()
}

fn problems(bundle: &Bundle) -> Vec<String> {
    bundle.problems.iter().map(ToString::to_string).collect()
}

fn whole() -> TempDir {
    folder(&[
        ("bundle.json", MANIFEST),
        (
            "objects/pods.json",
            r#"{"kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"shop","name":"cart-1"},"spec":{"containers":[{"name":"cart","env":[{"name":"A","value":"b"}]}]}}]}"#,
        ),
        (
            "objects/more/svc.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {namespace: shop, name: cart}\n---\napiVersion: v1\nkind: Secret\nmetadata: {namespace: shop, name: db}\ndata: {password: aHVudGVyMg==}\n",
        ),
        ("logs/shop/cart-1/cart.log", "2026-03-01T09:31:00Z boom\n"),
        ("logs/shop/cart-1/cart.previous.log", "earlier\n"),
        ("metrics/a.om", "m{pod=\"cart-1\"} 1 1772359200\n# EOF\n"),
        (
            "metrics/b.json",
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ),
        (
            "logs.jsonl",
            "{\"time\":\"2026-03-01T09:31:00Z\",\"labels\":{\"app\":\"cart\"},\"line\":\"boom\"}\n",
        ),
        (
            "changes.jsonl",
            "{\"time\":\"2026-03-01T09:29:00Z\",\"kind\":\"deploy\",\"entity\":\"cart\",\"summary\":\"v2\",\"ref\":\"r2\"}\n",
        ),
        (
            "topology.jsonl",
            "{\"from\":\"web\",\"to\":\"cart\",\"protocol\":\"http\"}\n",
        ),
        ("alert.json", r#"{"version":"4","alerts":[]}"#),
        ("expect.json", r#"{"root_cause":{}}"#),
        ("text/describe-node-n1.txt", "Name:  n1\nUnschedulable:  true\n"),
        ("README.md", "ignored"),
    ])
}

#[test]
fn reads_everything_that_belongs_to_a_bundle() {
    let dir = whole();
    let bundle = Bundle::load(dir.path()).unwrap();
    assert_eq!(problems(&bundle), [""; 0]);
    assert_eq!(
        names(&bundle),
        [
            "Node n1",
            "Pod shop/cart-1",
            "Secret shop/db",
            "Service shop/cart"
        ]
    );
    assert_eq!(bundle.objects[2]["data"], json!({"password": ""}));
    assert_eq!(bundle.logs.len(), 2);
    assert_eq!(bundle.logs[1].locator(), "shop/cart-1/cart.previous");
    assert_eq!(&*bundle.logs[1].content.read().unwrap(), "earlier\n");
    assert_eq!(bundle.metrics.len(), 2);
    assert_eq!(bundle.log_lines[0].labels["app"], "cart");
    assert_eq!(bundle.changes[0].entity.to_string(), "Service shop/cart");
    assert_eq!(bundle.topology[0].to.to_string(), "Service shop/cart");
    assert_eq!(bundle.topology[0].from.to_string(), "Service web");
    assert!(bundle.alert.is_some() && bundle.expect.is_some());
}

fn snapshot(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut problems = problem::Problems::new(10);
    let mut tree = tree::Tree::list(root, &Limits::default(), &mut problems).unwrap();
    let names: Vec<String> = tree.names().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| {
            let bytes = tree.read(&name, &mut problems).unwrap();
            (name, bytes)
        })
        .collect()
}

#[test]
fn writing_is_stable_and_reads_back_the_same() {
    let dir = whole();
    let bundle = Bundle::load(dir.path()).unwrap();
    let out = tempfile::tempdir().unwrap();
    bundle.write(out.path().join("one")).unwrap();
    let again = Bundle::load(out.path().join("one")).unwrap();
    assert_eq!(problems(&again), [""; 0]);
    assert_eq!(again.objects, bundle.objects);
    assert_eq!(again.manifest, bundle.manifest);
    assert_eq!(
        (&again.changes, &again.topology),
        (&bundle.changes, &bundle.topology)
    );
    assert_eq!(again.log_lines, bundle.log_lines);
    let mut shuffled = again.clone();
    shuffled.objects.reverse();
    shuffled.logs.reverse();
    shuffled.write(out.path().join("two")).unwrap();
    assert_eq!(
        snapshot(&out.path().join("one")),
        snapshot(&out.path().join("two"))
    );
    let left: Vec<_> = fs::read_dir(out.path())
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert_eq!(left.len(), 2, "nothing else is left behind: {left:?}");
}

#[test]
fn nothing_secret_is_written() {
    let manifest = Bundle::load(whole().path()).unwrap().manifest;
    let mut writer = BundleWriter::new(manifest);
    writer.objects([
        json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "shop", "annotations": {"hook": "https://u:hunter2@host/x"}},
            "spec": {"containers": [{"name": "app", "args": ["--password", "hunter2"], "command": ["run", "--api-key=hunter2"],
                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MAX_TOKENS", "value": "4096"}]}]}}),
        json!({"kind": "ConfigMap", "metadata": {"name": "b", "namespace": "shop"},
            "data": {"password": "hunter2", "app.yaml": "db:\n  password: hunter2\n  host: db\n"}}),
    ]);
    writer.alert(json!({"commonAnnotations": {"runbook": "https://u:hunter2@wiki/x"}, "commonLabels": {"token": "hunter2"}}));
    writer.log_lines([logs::LogLine {
        time: "2026-03-01T09:00:00Z".parse().unwrap(),
        labels: [("api_token".to_owned(), "hunter2".to_owned())].into(),
        line: "password=hunter2".to_owned(),
    }]);
    let up = "up{api_token=\"hunter2\"} 1\n";
    writer.metrics("up", MetricsFormat::OpenMetrics, up).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("bundle");
    writer.write(&root).unwrap();
    let mut kept = String::new();
    for (name, bytes) in snapshot(&root) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("hunter2"), "{name}: {text}");
        kept.push_str(&text);
    }
    for value in ["4096", "host: db", "up{"] {
        assert!(kept.contains(value), "{value}");
    }
}

#[test]
fn refuses_to_overwrite_and_to_leave_its_folder() {
    let dir = whole();
    let bundle = Bundle::load(dir.path()).unwrap();
    let before = snapshot(dir.path());
    assert!(matches!(bundle.write(dir.path()), Err(WriteError::Exists { .. })));
    assert_eq!(before, snapshot(dir.path()));
    let mut writer = BundleWriter::new(bundle.manifest.clone());
    for bad in ["..", "a/b", "", ".hidden", "a\\b", "a\0"] {
        assert!(writer.log("ns", bad, "c", false, "").is_err(), "{bad:?}");
        assert!(writer.log("ns", "p", bad, false, "").is_err(), "{bad:?}");
    }
    assert!(writer.metrics("../x", MetricsFormat::OpenMetrics, "").is_err());
    assert!(writer.metrics("a/b", MetricsFormat::OpenMetrics, "").is_ok());
    writer.object(json!({"kind": "../../x", "metadata": {"name": "a"}}));
    let out = tempfile::tempdir().unwrap();
    assert!(matches!(
        writer.write(out.path().join("x")),
        Err(WriteError::Name { .. })
    ));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn a_private_key_in_a_log_is_not_written() {
    let body = [
        "MIIEpAIBAAKCAQEAx0Fr7mV2Yq8kP5zN1bWc9dTgH4jLsU6oXeRiQaZvBn3yKtM",
        "Q2xhdw==",
    ];
    // Put together at run time, so that scanners of repositories leave it alone.
    let mark = |side: &str| format!("-----{side} RSA PRIV{}", "ATE KEY-----");
    let lines = [
        "loading",
        &mark("BEGIN"),
        body[0],
        body[1],
        &mark("END"),
        "it is loaded",
    ];
    let bundle = Bundle::load(whole().path()).unwrap();
    let mut writer = BundleWriter::new(bundle.manifest.clone());
    writer
        .log("shop", "cart-1", "cart", false, &lines.join("\n"))
        .unwrap();
    // Two streams whose lines come in turn.
    let line = |(number, line): (i64, &&str), app: &str| LogLine {
        time: bundle.manifest.collected_at + jiff::SignedDuration::from_secs(number),
        labels: [("app".to_owned(), app.to_owned())].into(),
        line: (*line).to_owned(),
    };
    for numbered in (0..).zip(&lines) {
        writer.log_lines([line(numbered, "a"), line(numbered, "b")]);
    }
    writer.log_lines(
        (0..)
            .zip(&lines)
            .flat_map(|numbered| [line(numbered, "c"), line(numbered, "d")]),
    );
    let out = tempfile::tempdir().unwrap();
    writer.write(out.path().join("x")).unwrap();
    let log = &fs::read_to_string(out.path().join("x/logs/shop/cart-1/cart.log")).unwrap();
    let stream = &fs::read_to_string(out.path().join("x/logs.jsonl")).unwrap();
    for text in [log, stream] {
        assert!(
            text.contains("loading") && text.contains("it is loaded"),
            "{text}"
        );
        assert!(text.contains("[redacted:private-key]"), "{text}");
        assert!(!body.iter().any(|line| text.contains(line)), "{text}");
    }
    assert_eq!(log.lines().count(), lines.len());
}

#[test]
fn a_bad_file_does_not_prevent_the_rest() {
    let dir = whole();
    fs::write(dir.path().join("objects/broken.json"), "{\"kind\":").unwrap();
    fs::write(dir.path().join("objects/binary.yaml"), [0_u8, 159, 146, 150]).unwrap();
    fs::write(dir.path().join("objects/notes.txt"), "x").unwrap();
    fs::write(dir.path().join("logs/stray.log"), "x").unwrap();
    fs::write(dir.path().join("changes.jsonl"), "nonsense\n").unwrap();
    fs::write(dir.path().join("alert.json"), "[").unwrap();
    let bundle = Bundle::load(dir.path()).unwrap();
    assert_eq!(bundle.objects.len(), 4);
    let found = problems(&bundle);
    for part in [
        "alert.json:1: is not JSON",
        "changes.jsonl:1: is not JSON",
        "logs/stray.log: is not of a kind",
        "objects/binary.yaml",
        "objects/broken.json:1: ends in the middle",
        "objects/notes.txt: is not of a kind",
    ] {
        assert!(
            found.iter().any(|problem| problem.contains(part)),
            "{part}: {found:?}"
        );
    }
    let gap = claw_core::report::Gap::from(&bundle.problems[0]);
    assert_eq!(gap.source, "bundle");
}

#[cfg(unix)]
#[test]
fn never_follows_links_out_of_the_folder() {
    let secret = folder(&[("pod.json", r#"{"kind":"Pod","metadata":{"name":"outside"}}"#)]);
    let dir = whole();
    std::os::unix::fs::symlink(secret.path(), dir.path().join("objects/link")).unwrap();
    std::os::unix::fs::symlink(secret.path().join("pod.json"), dir.path().join("objects/l.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("objects/zero.json")).unwrap();
    let bundle = Bundle::load(dir.path()).unwrap();
    assert_eq!(bundle.objects.len(), 4);
    assert_eq!(
        problems(&bundle)
            .iter()
            .filter(|p| p.contains("symbolic link"))
            .count(),
        3
    );
}

#[test]
fn keeps_within_its_limits() {
    let dir = whole();
    fs::write(dir.path().join("objects/large.json"), " ".repeat(2000)).unwrap();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Bundle::load_within(dir.path(), &limits).unwrap()
    };
    let bundle = limits(|limits| limits.objects = 1);
    assert_eq!(bundle.objects.len(), 1);
    assert!(
        problems(&bundle)
            .iter()
            .any(|p| p.contains("more than 1 objects"))
    );
    let bundle = limits(|limits| limits.file_bytes = 1000);
    assert!(
        problems(&bundle)
            .iter()
            .any(|p| p.contains("larger than the limit of 1000 bytes"))
    );
    let bundle = limits(|limits| limits.log_bytes = 5);
    assert_eq!(&*bundle.logs[0].content.read().unwrap(), "");
    let bundle = limits(|limits| limits.depth = 1);
    assert!(problems(&bundle).iter().any(|p| p.contains("lies too deep")));
}

#[test]
fn says_what_is_wrong_with_a_folder() {
    assert!(matches!(
        Bundle::load("/nonexistent/x"),
        Err(BundleError::Folder { .. })
    ));
    assert!(matches!(
        Bundle::load(folder(&[]).path()),
        Err(BundleError::Empty { .. })
    ));
    assert!(matches!(
        Bundle::load(folder(&[("README.md", "x")]).path()),
        Err(BundleError::Empty { .. })
    ));
    let error =
        Bundle::load(folder(&[("bundle.json", "{\n  \"version\": 1,\n  \"csae\": 1}")]).path()).unwrap_err();
    assert!(error.to_string().contains("bundle.json:3:"), "{error}");
}

#[test]
fn reads_cluster_info_dumps() {
    let dir = folder(&[
        (
            "nodes.json",
            r#"{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n1"}}]}"#,
        ),
        (
            "shop/pods.json",
            r#"{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"cart-1","namespace":"shop"},"status":{"startTime":"2026-03-01T10:00:00Z"}}]}"#,
        ),
        (
            "shop/events.json",
            r#"{"kind":"EventList","apiVersion":"v1","items":[{"metadata":{"name":"e","namespace":"shop"},"type":"Warning","firstTimestamp":"2026-03-01T09:40:00Z","lastTimestamp":"2026-03-01T09:59:00Z"}]}"#,
        ),
        (
            "shop/services.json",
            r#"{"kind":"ServiceList","apiVersion":"v1","items":null}"#,
        ),
        (
            "shop/deployments.json",
            r#"{"kind":"DeploymentList","apiVersion":"apps/v1","items":[{"metadata":{"name":"cart","namespace":"shop"}}]}"#,
        ),
        (
            "shop/cart-1/logs.txt",
            "==== START logs for container cart of pod shop/cart-1 ====\nboom\n==== END logs for container cart of pod shop/cart-1 ====\n",
        ),
    ]);
    let bundle = Bundle::load(dir.path()).unwrap();
    assert_eq!(
        names(&bundle),
        [
            "Deployment shop/cart",
            "Event shop/e",
            "Node n1",
            "Pod shop/cart-1"
        ]
    );
    assert_eq!(bundle.objects[0]["apiVersion"], "apps/v1");
    assert_eq!(bundle.logs[0].locator(), "shop/cart-1/cart");
    assert_eq!(&*bundle.logs[0].content.read().unwrap(), "boom\n");
    assert_eq!(bundle.manifest.collected_at.to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(bundle.manifest.window.start.to_string(), "2026-03-01T07:40:00Z");
    assert!(problems(&bundle).is_empty(), "such folders hold no bundle.json");
}

#[test]
fn reads_must_gather_folders() {
    let root = "must-gather.local.1/quay-io-x-sha256-1";
    let file = |rest: &str| format!("{root}/{rest}");
    let files = [
        (file("version"), "x".to_owned()),
        (file("event-filter.html"), "<html>".to_owned()),
        (file("cluster-scoped-resources/core/nodes/n1.yaml"), "---\napiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n".to_owned()),
        (file("cluster-scoped-resources/config.openshift.io/infrastructures.yaml"), "---\napiVersion: config.openshift.io/v1\nkind: InfrastructureList\nitems:\n- metadata:\n    name: cluster\n  status:\n    infrastructureName: ocp-x\n".to_owned()),
        (file("namespaces/shop/core/pods.yaml"), "---\napiVersion: v1\nkind: PodList\nitems:\n- metadata:\n    name: cart-1\n    namespace: shop\n    creationTimestamp: \"2026-03-01T09:00:00Z\"\n".to_owned()),
        (file("namespaces/shop/pods/cart-1/cart-1.yaml"), "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: cart-1\n  namespace: shop\n".to_owned()),
        (file("namespaces/shop/pods/cart-1/cart/cart/logs/current.log"), "2026-03-01T09:00:00Z now\n".to_owned()),
        (file("namespaces/shop/pods/cart-1/cart/cart/logs/previous.log"), "before\n".to_owned()),
        (file("namespaces/shop/pods/cart-1/cart/cart/logs/previous.insecure.log"), String::new()),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let bundle = Bundle::load(folder(&files).path()).unwrap();
    assert_eq!(
        names(&bundle),
        ["Infrastructure cluster", "Node n1", "Pod shop/cart-1"]
    );
    assert_eq!(bundle.manifest.cluster, "ocp-x");
    let logs: Vec<_> = bundle.logs.iter().map(LogFile::locator).collect();
    assert_eq!(logs, ["shop/cart-1/cart", "shop/cart-1/cart.previous"]);
}

#[test]
fn objects_are_preferred_to_text_about_them() {
    let dir = folder(&[
        ("bundle.json", MANIFEST),
        (
            "objects/n.json",
            r#"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1","labels":{"from":"json"}}}"#,
        ),
        (
            "text/get-nodes.txt",
            "NAME   STATUS     ROLES    AGE\nn1     NotReady   <none>   1d\nn2     Ready      <none>   1d\n",
        ),
        ("text/describe-node-n2.txt", "Name:  n2\nUnschedulable:  true\n"),
    ]);
    let bundle = Bundle::load(dir.path()).unwrap();
    assert_eq!(names(&bundle), ["Node n1", "Node n2"]);
    assert_eq!(bundle.objects[0]["metadata"]["labels"]["from"], "json");
    assert_eq!(bundle.objects[1]["spec"]["unschedulable"], true);
}

#[tokio::test]
async fn the_tools_answer_what_is_asked() {
    use claw_core::change::ChangeQuery;
    use claw_core::clock::ManualClock;
    use claw_core::tool::{Tool, ToolContext};
    use claw_core::topology::CallGraphQuery;

    let bundle = Bundle::load(whole().path()).unwrap();
    let clock = std::sync::Arc::new(ManualClock::at(bundle.manifest.collected_at));
    let cx = ToolContext::new(clock, std::time::Duration::from_secs(1));
    let tool = bundle.changes_tool();
    let count = async |query: ChangeQuery| tool.call(&cx, query).await.unwrap().changes.len();
    let time = bundle.changes[0].time;
    assert_eq!(count(ChangeQuery::default()).await, 1);
    assert_eq!(
        count(ChangeQuery {
            start: Some(time),
            end: Some(time),
            ..ChangeQuery::default()
        })
        .await,
        1
    );
    let later = time.checked_add(std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(
        count(ChangeQuery {
            start: Some(later),
            ..ChangeQuery::default()
        })
        .await,
        0
    );
    assert_eq!(
        count(ChangeQuery {
            namespace: Some("other".into()),
            ..ChangeQuery::default()
        })
        .await,
        0
    );
    let edges = bundle
        .topology_tool()
        .call(&cx, CallGraphQuery::default())
        .await
        .unwrap()
        .edges;
    assert_eq!(edges.len(), 1);
}

fn arbitrary_file() -> impl Strategy<Value = (String, Vec<u8>)> {
    let name = prop_oneof![
        Just("objects/a.json".to_owned()),
        Just("objects/a.yaml".to_owned()),
        Just("logs/a/b/c.log".to_owned()),
        Just("logs.jsonl".to_owned()),
        Just("changes.jsonl".to_owned()),
        Just("topology.jsonl".to_owned()),
        Just("alert.json".to_owned()),
        Just("metrics/a.om".to_owned()),
        Just("text/get-pods-a.txt".to_owned()),
        Just("text/get-events-a.txt".to_owned()),
        Just("text/describe-pod-a-b.txt".to_owned()),
        Just("text/describe-node-b.txt".to_owned()),
        Just("text/describe-svc-a-b.txt".to_owned()),
        Just("text/describe-deploy-a-b.txt".to_owned()),
        "text/[a-z]{1,4}-[a-z-]{0,6}\\.txt",
    ];
    // Pieces of the real forms in any order, with arbitrary bytes between them.
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        prop::sample::select(vec![
            "Name:  ",
            "Events:\n",
            "  Type  Reason  Age  From  Message\n",
            "Containers:\n",
            "    Port:  80/TCP (",
            "State:  Waiting\n",
            "NAME   READY  STATUS  RESTARTS  AGE\n",
            "a  1/1  Init:0/1  3 (5m ago)  5d\n",
            "\n",
            "  ",
            "Conditions:\n",
            "Environment:\n",
            "      A:  <set to the key 'b' in secret '",
            "'>\n",
            "ä",
            "\t",
            "{",
            "}",
            "[",
            ":",
            "{\"kind\":\"List\",\"items\":[",
            "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}",
            "{\"time\":1e300,\"entity\":{},\"kind\":[]}",
            "{\"time\":9223372036854775807,\"entity\":\"a/b\",\"from\":\"x\",\"to\":\":\"}",
            "---\n",
            "kind: Pod\n",
            "&a *a",
            "- ",
            "Labels:  a=b,",
            "Liveness:  http-get http://",
            "exec [",
            "Endpoints:  ",
            "Replicas:  1 desired | ",
            "Taints:  :",
            "m{a=\"",
            "9999999999999999999d",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (
        name,
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(files in prop::collection::vec(arbitrary_file(), 1..5), locator in ".{0,24}") {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("bundle.json"), MANIFEST).unwrap();
        for (name, bytes) in &files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut bundle = Bundle::load(dir.path()).unwrap();
        for kind in ["object", "event", "log", "metric", "change", "topology", "alert"] {
            bundle.remove(&format!("{kind}:{locator}").parse().unwrap());
        }
        let out = tempfile::tempdir().unwrap();
        // Names that cannot be files are refused; anything else reads back.
        if bundle.write(out.path().join("x")).is_ok() {
            prop_assert_eq!(Bundle::load(out.path().join("x")).unwrap().objects.len(), bundle.objects.len());
        }
    }

    #[test]
    fn no_manifest_makes_it_panic(bytes in any::<Vec<u8>>()) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("bundle.json"), bytes).unwrap();
        prop_assert!(Bundle::load(dir.path()).is_err());
    }
}
