//! What becomes of a source that is slow, refuses, or does not answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use claw_core::clock::{Clock, ManualClock};
use claw_core::gate::{Gate, Scope};
use claw_core::redact::Redactor;
use claw_core::registry::Registry;
use claw_core::report::{Report, Verdict};
use claw_core::tool::{ToolContext, ToolError, ToolErrorKind};
use claw_core::workflow::Progress;
use claw_guardrails::audit::MemoryAuditLog;
use claw_guardrails::engine::{Config, Engine};
use claw_metrics::source::{Answer, Grid, Metadata, MetricSource, Names, SourceError};
use claw_metrics::tools::{ListMetrics, QueryPrometheus};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::incident::conclude;
use crate::incident::steps::analyze_logs;
use crate::incident::testing::{at, case, deployment, object};
use crate::incident::weights::Weights;

type Asked = dyn Fn(&str) -> Result<Answer, SourceError> + Send + Sync;

/// A source that has metrics, and answers queries as the test says.
struct Source {
    clock: Arc<ManualClock>,
    names: Vec<String>,
    /// How long it takes to tell the names.
    names_take: Duration,
    /// How that fails, if it does.
    names_fail: Option<ToolErrorKind>,
    queries: AtomicUsize,
    seen: Mutex<Vec<String>>,
    asked: Box<Asked>,
}

#[async_trait]
impl MetricSource for Source {
    async fn instant(
        &self,
        _: &ToolContext,
        query: &str,
        _: Option<Timestamp>,
    ) -> Result<Answer, SourceError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        self.seen.lock().unwrap().push(query.to_owned());
        (self.asked)(query)
    }

    async fn range(&self, cx: &ToolContext, query: &str, _: Grid) -> Result<Answer, SourceError> {
        self.instant(cx, query, None).await
    }

    async fn names<'a>(
        &self,
        _: &ToolContext,
        _: Option<&'a str>,
        _: Option<Window>,
    ) -> Result<Names, SourceError> {
        self.clock.advance(self.names_take);
        if let Some(kind) = self.names_fail {
            return Err(SourceError::Call(ToolError::new(kind, "no answer")));
        }
        Ok(Names {
            names: self.names.clone(),
            warnings: Vec::new(),
        })
    }

    async fn metadata(&self, _: &ToolContext) -> Result<BTreeMap<String, Metadata>, SourceError> {
        Ok(BTreeMap::new())
    }
}

/// A source with so many metrics, and a step that may ask it for a minute.
fn rig(
    names: usize,
    asked: impl Fn(&str, &ManualClock) -> Result<Answer, SourceError> + Send + Sync + 'static,
) -> (Source, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(1800)));
    let its = Arc::clone(&clock);
    let source = Source {
        clock: Arc::clone(&clock),
        names: (0..names)
            .map(|number| format!("errors_{number}_total"))
            .collect(),
        names_take: Duration::ZERO,
        names_fail: None,
        queries: AtomicUsize::new(0),
        seen: Mutex::new(Vec::new()),
        asked: Box::new(move |query| asked(query, &its)),
    };
    (source, clock)
}

fn context(source: Arc<Source>, clock: Arc<ManualClock>) -> StepContext {
    let mut tools = Registry::new();
    let source: Arc<dyn MetricSource> = source;
    tools.register(QueryPrometheus::new(Arc::clone(&source))).unwrap();
    tools.register(ListMetrics::new(source)).unwrap();
    let scope = Scope {
        run: "run".to_owned(),
        step: Some("gather_context".to_owned()),
        actor: "agent".to_owned(),
        deadline: clock.deadline(Duration::from_secs(60)),
        cancel: CancellationToken::new(),
    };
    let engine = Engine::new(Config::default(), clock.clone());
    let audit = Arc::new(MemoryAuditLog::default());
    let gate = Gate::new(Arc::new(engine), audit, clock, Redactor::new());
    StepContext::new(gate, tools, scope, Progress::new(|_| ()))
}

fn failed(kind: ToolErrorKind) -> Result<Answer, SourceError> {
    Err(SourceError::Call(ToolError::new(kind, "no answer")))
}

/// The case after its metrics were gathered, and what would be said of it if all else were well.
async fn gathered(source: Source, clock: Arc<ManualClock>) -> (Case, Report, usize) {
    let source = Arc::new(source);
    let cx = context(Arc::clone(&source), clock);
    let mut case = case();
    gather(&cx, &mut case, &BTreeSet::new()).await.unwrap();
    case.series_read += 1;
    let report = conclude::report(&case, "test", &Weights::default());
    (case, report, source.queries.load(Ordering::Relaxed))
}

#[tokio::test]
async fn where_all_answers_nothing_is_unread() {
    let (source, clock) = rig(50, |_, _| Ok(Answer::default()));
    let (case, report, queries) = gathered(source, clock).await;
    assert_eq!((report.verdict, queries), (Verdict::Healthy, 2));
    assert_eq!(case.gaps, []);
}

#[tokio::test]
async fn a_source_that_falls_silent_is_not_health_and_is_not_asked_on() {
    let (source, clock) = rig(160, |_, _| failed(ToolErrorKind::Timeout));
    let source = Arc::new(source);
    let cx = context(Arc::clone(&source), clock);
    let mut case = case();
    let names: Vec<String> = (0..400).map(|number| format!("errors_{number}_total")).collect();
    let spans = spans(&case);
    raw::read(&cx, &mut case, &names, None, &spans).await.unwrap();
    assert!(case.metrics_are_silent());
    let queries = source.queries.load(Ordering::Relaxed);
    assert!(
        queries <= 4,
        "{queries} requests to a source that does not answer"
    );
    case.series_read = 1;
    let report = conclude::report(&case, "test", &Weights::default());
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(
        report.summary.contains("not all series could be compared"),
        "{}",
        report.summary
    );
}

#[tokio::test]
async fn queries_for_which_no_time_is_left_are_not_health() {
    let (mut source, clock) = rig(50, |_, _| Ok(Answer::default()));
    source.names_take = Duration::from_secs(45);
    let (case, report, queries) = gathered(source, clock).await;
    assert_eq!((report.verdict, queries), (Verdict::Unknown, 0));
    assert_eq!(
        case.gaps.first().unwrap().reason,
        "50 metrics were not read: the time for metrics was over"
    );
}

#[tokio::test]
async fn a_query_that_fails_is_not_health() {
    let (source, clock) = rig(50, |query, _| {
        if query.contains("errors_49_total") {
            failed(ToolErrorKind::Unavailable)
        } else {
            Ok(Answer::default())
        }
    });
    let (case, report, _) = gathered(source, clock).await;
    assert_eq!((report.verdict, case.gaps.len()), (Verdict::Unknown, 1));
}

#[tokio::test]
async fn a_slow_query_of_a_source_that_answers_is_halved() {
    let (source, clock) = rig(8, |query, _| {
        if query.matches("errors_").count() > 2 {
            failed(ToolErrorKind::Timeout)
        } else {
            Ok(Answer::default())
        }
    });
    let (case, report, queries) = gathered(source, clock).await;
    assert!(!case.metrics_are_silent());
    assert_eq!((report.verdict, queries), (Verdict::Healthy, 7));
}

#[tokio::test]
async fn a_time_limit_of_the_run_does_not_make_a_source_silent() {
    let (source, clock) = rig(1, |_, clock| {
        clock.advance(Duration::from_secs(120));
        failed(ToolErrorKind::Timeout)
    });
    let cx = context(Arc::new(source), clock);
    let mut case = case();
    let spans = spans(&case);
    raw::read(&cx, &mut case, &["errors_total".to_owned()], None, &spans)
        .await
        .unwrap();
    assert!(!case.metrics_are_silent());
    assert!(case.series_unread);
}

#[tokio::test]
async fn the_platform_is_not_asked_about_for_the_sake_of_a_service_whose_objects_cannot_be_read() {
    let (mut source, clock) = rig(1, |_, _| Ok(Answer::default()));
    source
        .names
        .push("apiserver_request_terminations_total".to_owned());
    let source = Arc::new(source);
    let cx = context(Arc::clone(&source), clock);
    let mut case = case();
    case.incident.namespaces.insert("shop".to_owned());
    assert!(case.objects.pods.is_empty());
    let shop = BTreeSet::from(["shop".to_owned()]);
    gather(&cx, &mut case, &shop).await.unwrap();
    let asked = |source: &Source| source.seen.lock().unwrap().join(" ");
    assert!(asked(&source).contains("errors_0_total"), "{}", asked(&source));
    assert!(!asked(&source).contains("apiserver_"), "{}", asked(&source));
    // Whoever asks about the cluster asks about the platform, too.
    gather(&cx, &mut case, &BTreeSet::new()).await.unwrap();
    assert!(asked(&source).contains("apiserver_"), "{}", asked(&source));
}

#[tokio::test]
async fn a_source_that_takes_all_the_time_is_one_gap() {
    let (mut source, clock) = rig(0, |_, _| Ok(Answer::default()));
    source.names_take = Duration::from_secs(120);
    source.names_fail = Some(ToolErrorKind::Timeout);
    let cx = context(Arc::new(source), clock);
    let mut case = case();
    case.objects.pods.push(object("cart-1", json!({})));
    case.objects.nodes.push(object("n1", json!({})));
    gather(&cx, &mut case, &BTreeSet::from(["shop".to_owned()]))
        .await
        .unwrap();
    assert!(case.series_unread);
    let [gap] = case.gaps.as_slice() else {
        panic!("{:#?}", case.gaps);
    };
    assert_eq!((&*gap.source, &*gap.reason), ("list_metrics", "no answer"));
}

#[tokio::test]
async fn a_metric_of_which_a_piece_is_missing_is_not_compared() {
    let pieces = AtomicUsize::new(0);
    let (source, clock) = rig(1, move |_, _| {
        if pieces.fetch_add(1, Ordering::Relaxed) > 0 {
            return failed(ToolErrorKind::Unavailable);
        }
        let labels = [("__name__", "errors_0_total"), ("service", "cart")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let points = (-90..-60).map(|minute| (at(60 * minute), 1.0)).collect();
        Ok(Answer {
            series: vec![Series::new(labels.into_iter().collect(), points)],
            warnings: Vec::new(),
            total: 1,
        })
    });
    let source = Arc::new(source);
    let cx = context(source, clock);
    let mut case = case();
    let spans = [
        Window {
            start: at(-7200),
            end: at(-3600),
        },
        Window {
            start: at(0),
            end: at(1800),
        },
    ];
    let read = raw::read(&cx, &mut case, &["errors_0_total".to_owned()], None, &spans)
        .await
        .unwrap();
    assert_eq!(read.series.len(), 1);
    assert!(read.partial.contains("errors_0_total"));
}

#[tokio::test]
async fn logs_without_calls_left_are_one_gap_and_probes_have_a_reserve() {
    let (source, clock) = rig(0, |_, _| Ok(Answer::default()));
    let cx = context(Arc::new(source), clock);
    let mut case = case();
    let running = serde_json::json!({"name": "app", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": at(-9000)}}});
    let pod = serde_json::json!({"containers": [{"name": "app"}],
        "status": {"phase": "Running", "containerStatuses": [running]}});
    deployment(&mut case, "cart", pod);
    let wanted = analyze_logs::selection::of_pod(case.objects.pods.first().unwrap());
    case.log_calls = 18 - analyze_logs::FOR_PROBES;
    let missing = analyze_logs::read_pods(&cx, &mut case, wanted.clone(), analyze_logs::FOR_PROBES)
        .await
        .unwrap();
    assert_eq!((missing, case.log_calls), (1, 15), "no call was made");
    let said = analyze_logs::left_out(&case).map(|gap| gap.reason);
    assert_eq!(said.unwrap(), "1 log was not read: the run's limit of 18 calls");
    // The reserve is there for probes, and what they read is not left out.
    analyze_logs::read_pods(&cx, &mut case, wanted, 0).await.unwrap();
    assert_eq!((case.log_calls, analyze_logs::left_out(&case)), (16, None));
}
