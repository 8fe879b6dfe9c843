//! What an investigation makes of input that is missing, wrong, too much or not answered: it says so, reads the rest, and
//! claims no more than it saw. One test for each kind.
#![allow(clippy::unwrap_used)] // also in what the tests share: a failure is a panic

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use claw_core::clock::{Clock, ManualClock};
use claw_core::entity::EntityRef;
use claw_core::report::{Report, Verdict};
use claw_guardrails::audit::MemoryAuditLog;
use claw_k8s::bundle::{Bundle, Content, LogFile, LogLine, MetricsFile, MetricsFormat};
use claw_metrics::prometheus::{Prometheus, PrometheusConfig};
use claw_testkit::faults::{Fault, Rule};
use claw_testkit::replay::{boot, incident};
use claw_testkit::world::RunningWorld;
use claw_workflows::assemble::Assembly;
use claw_workflows::trigger::Incident;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const SCENARIO: &str = "oom-limit-lowered";
const CAUSE: &str = "memory_limit";

fn recorded() -> Bundle {
    let scenarios = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    Bundle::load(scenarios.join(SCENARIO)).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_359_200 + second).unwrap()
}

/// A recording of nothing, of trouble that began at second 0 and is looked at an hour before and half an hour after.
fn nothing() -> Bundle {
    let manifest = json!({
        "version": 1, "case": "c", "cluster": "c", "collected_at": at(1800),
        "window": {"start": at(-3600), "end": at(1800)}, "incident": {"start": at(0)},
    });
    Bundle::new(serde_json::from_value(manifest).unwrap())
}

/// Investigates in the world of a bundle, after `change` of the incident and of the world.
async fn investigate(
    bundle: &Bundle,
    change: impl FnOnce(&mut Incident, &RunningWorld),
) -> (Report, RunningWorld) {
    investigate_at(bundle, "", change).await
}

/// As [`investigate`], with a path after the address of Prometheus.
async fn investigate_at(
    bundle: &Bundle,
    path: &str,
    change: impl FnOnce(&mut Incident, &RunningWorld),
) -> (Report, RunningWorld) {
    let mut gaps = Vec::new();
    let (sources, world) = boot(bundle, &mut gaps).await.unwrap();
    let mut config = PrometheusConfig {
        max_series: 20_000,
        ..PrometheusConfig::at(format!("{}{path}", world.prometheus().url()))
    };
    config.http.request_timeout = Duration::from_secs(2);
    config.http.max_retries = 0;
    let sources = sources.metrics(Arc::new(Prometheus::new(config).unwrap()));
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(world.clock());
    let audit = Arc::new(MemoryAuditLog::default());
    let agent = Assembly::new("test", sources, audit, clock).build().unwrap();
    let mut incident = incident(bundle).0;
    change(&mut incident, &world);
    let mut report = agent.investigate(&incident).await.unwrap().report.unwrap();
    report.gaps.extend(gaps);
    (report, world)
}

fn gap(report: &Report, source: &str, words: &str) {
    let found = report
        .gaps
        .iter()
        .any(|gap| gap.source == source && gap.reason.contains(words));
    assert!(found, "no gap of {source} with {words:?}: {:#?}", report.gaps);
}

fn first(report: &Report) -> Option<&str> {
    report.hypotheses.first().map(|first| first.mechanism.as_str())
}

/// The recorded incident is understood from what is left.
fn is_understood(report: &Report) {
    assert_eq!(
        (report.verdict, first(report)),
        (Verdict::Cause, Some(CAUSE)),
        "{}",
        report.summary
    );
}

#[tokio::test]
async fn labels_that_nobody_knows_leave_the_whole_cluster_to_be_looked_at() {
    let (report, _world) = investigate(&recorded(), |incident, _| {
        incident.alerts.truncate(1);
        let labels = &mut incident.alerts[0].labels;
        labels.clear();
        labels.extend(
            [
                ("alertname", "X"),
                ("zone", "blue"),
                ("pod", ""),
                ("\u{0}", "\u{fffd}"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
    })
    .await;
    is_understood(&report);
}

#[tokio::test]
async fn what_does_not_exist_is_said_and_not_connected_with_the_cause() {
    for kind in ["Deployment", "Service", "Pod"] {
        let (report, _world) = investigate(&recorded(), |incident, _| {
            incident.alerts.clear();
            incident.subject = vec![EntityRef::namespaced(kind, "payments", "none")];
        })
        .await;
        gap(
            &report,
            "subject",
            &format!("{kind} payments/none does not exist"),
        );
        assert!(
            report
                .summary
                .contains(&format!("not connected with {kind} payments/none")),
            "{}",
            report.summary
        );
    }
    let (report, _world) = investigate(&recorded(), |incident, _| {
        incident.alerts.clear();
        incident.subject = vec![EntityRef::namespaced("Deployment", "payments", "ledger-writer")];
    })
    .await;
    assert!(report.gaps.iter().all(|gap| gap.source != "subject"));
    assert!(!report.summary.contains("not connected"), "{}", report.summary);
}

#[tokio::test]
async fn a_namespace_that_may_not_be_read_is_a_gap() {
    let forbidden = Fault::Status {
        code: StatusCode::FORBIDDEN,
        retry_after: None,
    };
    let (report, world) = investigate(&recorded(), |_, world| {
        for path in [
            "/api/v1/namespaces/payments/**",
            "/apis/*/*/namespaces/payments/**",
        ] {
            world.api().faults().add(Rule::new(path, forbidden.clone()));
        }
    })
    .await;
    gap(&report, "get_pods", "");
    assert_ne!(first(&report), Some(CAUSE), "{}", report.summary);
    assert!(
        world.prometheus().faults().count() > 0,
        "metrics are read all the same"
    );
}

#[tokio::test]
async fn gaps_from_before_a_denied_list_stay() {
    let forbidden = Fault::Status {
        code: StatusCode::FORBIDDEN,
        retry_after: None,
    };
    let (report, _world) = investigate(&recorded(), |incident, world| {
        let more = ["a", "b", "c", "d"].map(str::to_owned);
        incident.namespaces.extend(more);
        world.api().faults().add(Rule::new("/api/v1/pods", forbidden));
    })
    .await;
    gap(&report, "namespaces", "more namespaces than one run reads");
}

#[tokio::test]
async fn a_prometheus_that_is_down_or_elsewhere_is_a_gap_and_the_rest_is_read() {
    let (report, _world) = investigate(&recorded(), |_, world| {
        world
            .prometheus()
            .faults()
            .add(Rule::new("**", Fault::unavailable()));
    })
    .await;
    gap(&report, "list_metrics", "unavailable");
    is_understood(&report);
    let (report, _world) = investigate_at(&recorded(), "/nopath", |_, _| ()).await;
    gap(&report, "list_metrics", "check the address");
    is_understood(&report);
}

#[tokio::test]
async fn a_log_store_that_is_elsewhere_is_a_gap() {
    let not_found = Fault::Status {
        code: StatusCode::NOT_FOUND,
        retry_after: None,
    };
    let mut bundle = nothing();
    bundle.logs = vec![log(Content::text(format!("{} {REFUSED}\n", at(0))))];
    let (report, _world) = investigate(&bundle, |_, world| {
        world.loki().faults().add(Rule::new("**", not_found));
    })
    .await;
    gap(&report, "search_logs", "check the address");
    assert_eq!(report.verdict, Verdict::Unknown);
}

#[tokio::test]
async fn a_prometheus_that_never_answers_is_asked_once() {
    let (report, world) = investigate(&recorded(), |_, world| {
        world.prometheus().faults().add(Rule::new("**", Fault::Hang));
    })
    .await;
    gap(&report, "list_metrics", "not asked again");
    is_understood(&report);
    let asked = world.prometheus().faults().count();
    assert!(asked <= 2, "{asked} requests: names and their types");
}

#[tokio::test]
async fn samples_that_are_no_numbers_are_no_signals() {
    let mut bundle = recorded();
    let mut text = String::new();
    for minute in 0..60 {
        let time = bundle.manifest.window.end.as_second() - 60 * (60 - minute);
        for name in [
            "http_requests_total",
            "http_request_duration_seconds",
            "container_memory_working_set_bytes",
        ] {
            let value = ["NaN", "+Inf", "-Inf"][usize::try_from(minute % 3).unwrap()];
            let _ = writeln!(
                text,
                "{name}{{namespace=\"payments\",pod=\"payments-gateway-1\"}} {value} {time}"
            );
        }
    }
    bundle.metrics = vec![metrics(text)];
    let (report, _world) = investigate(&bundle, |_, _| ()).await;
    is_understood(&report);
}

fn metrics(text: String) -> MetricsFile {
    MetricsFile {
        name: "m.om".into(),
        format: MetricsFormat::OpenMetrics,
        content: Content::text(text + "# EOF\n"),
    }
}

/// More than ten megabytes of one metric, of which the series that sorts last moved.
#[tokio::test(flavor = "multi_thread")]
async fn no_series_is_lost_where_there_are_too_many_samples_for_one_answer() {
    let mut text = String::new();
    for series in 0..2_600 {
        for minute in -50..30 {
            let bad = series == 2_599 && minute >= 0;
            let value = if bad {
                0.6
            } else {
                0.03 + 0.001 * f64::from((series * 7 + minute) % 5)
            };
            let time = at(i64::from(minute) * 60).as_second();
            let _ = writeln!(
                text,
                "service_latency_seconds{{service=\"s{series:04}\",quantile=\"0.95\"}} {value} {time}"
            );
        }
    }
    assert!(text.len() > 10 << 20);
    let mut bundle = nothing();
    bundle.metrics = vec![metrics(text)];
    let (report, _world) = investigate(&bundle, |_, _| ()).await;
    assert!(
        report
            .symptoms
            .iter()
            .any(|symptom| symptom.entity.name == "s2599"),
        "{:?} {}",
        report.verdict,
        report.summary
    );
}

fn log(content: Content) -> LogFile {
    LogFile {
        namespace: "shop".into(),
        pod: "orders-6c9d8f6b5-abcde".into(),
        container: "orders".into(),
        previous: false,
        content,
    }
}

const REFUSED: &str = "ERROR password authentication failed for user \"app\" (SQLSTATE 28P01)";

#[tokio::test]
async fn bytes_that_are_no_text_do_not_hide_the_lines_around_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.log");
    let mut bytes = Vec::new();
    for second in 0..60 {
        bytes.extend([0, 0xFF, 0xC3, 0x28, 0x1B, b'[', b'\n']);
        bytes.extend(format!("{} {REFUSED}\n", at(second)).into_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let mut bundle = nothing();
    bundle.logs = vec![log(Content::file(&path, 1 << 20))];
    let (report, _world) = investigate(&bundle, |_, _| ()).await;
    assert_eq!(
        first(&report),
        Some("authentication_failed"),
        "{}",
        report.summary
    );
}

#[tokio::test]
async fn logs_whose_times_are_not_those_of_a_runtime_are_read() {
    let write = |time: fn(Timestamp) -> String| {
        (0..60_i64)
            .map(|second| format!("{}{REFUSED}\n", time(at(second))))
            .collect::<String>()
    };
    let python = write(|time| time.strftime("%Y-%m-%d %H:%M:%S,000 ").to_string());
    let none = write(|_| String::new());
    for (text, timeless) in [(python, false), (none, true)] {
        let mut bundle = nothing();
        bundle.logs = vec![log(Content::text(text))];
        let (report, _world) = investigate(&bundle, |_, _| ()).await;
        assert_eq!(
            first(&report),
            Some("authentication_failed"),
            "{}",
            report.summary
        );
        let said = report
            .gaps
            .iter()
            .any(|gap| gap.reason.contains("no line has a time"));
        assert_eq!(said, timeless, "{:?}", report.gaps);
    }
}

#[tokio::test]
async fn a_large_log_is_read_at_its_end_and_where_the_trouble_began() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.log");
    let rest = "x".repeat(420);
    let mut text = String::with_capacity(66 << 20);
    for line in 0..150_000_i64 {
        let time = at(-3600) + SignedDuration::from_millis(line * 36);
        let said = if (0..60).contains(&(time.as_second() - at(0).as_second())) && line % 5 == 0 {
            REFUSED
        } else {
            "INFO served"
        };
        let _ = writeln!(text, "{time} {said} {rest}");
    }
    std::fs::write(&path, &text).unwrap();
    assert!(text.len() >= 64 << 20);
    let mut bundle = nothing();
    bundle.logs = vec![log(Content::file(&path, 128 << 20))];
    let (report, _world) = investigate(&bundle, |_, _| ()).await;
    gap(&report, "bundle", "50000 of 150000 lines were left out");
    gap(&report, "search_logs", "more was logged");
    assert_eq!(
        first(&report),
        Some("authentication_failed"),
        "{}",
        report.summary
    );
    let since = report.since.unwrap();
    assert!(since >= at(0) && since < at(2), "{since}");
}

#[tokio::test]
async fn lines_are_found_whatever_their_labels_are() {
    for labels in [
        json!({"service": "orders"}),
        json!({"container": "orders"}),
        json!({"filename": "/var/log/orders.log"}),
        json!({"level": "error"}),
    ] {
        let mut bundle = nothing();
        let labels: std::collections::BTreeMap<String, String> = serde_json::from_value(labels).unwrap();
        bundle.log_lines = (0..60)
            .map(|second| LogLine {
                time: at(second),
                labels: labels.clone(),
                line: REFUSED.to_owned(),
            })
            .collect();
        // Metrics name a namespace that the lines do not name.
        let mut text = String::new();
        for minute in -50..30 {
            let value = if minute >= 0 { 0.3 } else { 0.001 };
            let time = at(minute * 60).as_second();
            let _ = writeln!(
                text,
                "service_error_ratio{{service=\"orders\",namespace=\"prod\"}} {value} {time}"
            );
        }
        bundle.metrics = vec![metrics(text)];
        let (report, _world) = investigate(&bundle, |_, _| ()).await;
        let told = report
            .symptoms
            .iter()
            .any(|symptom| symptom.statement.contains("password authentication failed"));
        assert!(told, "{labels:?}: {:?}", report.symptoms);
    }
}

#[tokio::test]
async fn events_that_expired_are_not_needed() {
    let mut bundle = recorded();
    bundle.objects.retain(|object| object["kind"] != "Event");
    let (report, _world) = investigate(&bundle, |_, _| ()).await;
    is_understood(&report);
}

#[tokio::test]
async fn clocks_that_differ_do_not_change_the_cause() {
    for skew in [SignedDuration::from_hours(1), SignedDuration::from_mins(-5)] {
        let (report, _world) = investigate(&recorded(), |incident, _| {
            for alert in &mut incident.alerts {
                alert.starts_at = alert.starts_at.checked_add(skew).unwrap();
            }
        })
        .await;
        is_understood(&report);
        assert!(report.window.start <= report.window.end);
    }
}

#[tokio::test]
async fn of_an_empty_cluster_nothing_is_said() {
    let (report, _world) = investigate(&nothing(), |_, _| ()).await;
    assert_eq!((report.verdict, first(&report)), (Verdict::Unknown, None));
    assert_eq!(report.title, "Nothing could be seen");
    gap(&report, "objects", "holds no objects");
    gap(&report, "metrics", "holds no metrics");
    gap(&report, "logs", "holds no logs");
}
