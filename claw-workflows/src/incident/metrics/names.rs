//! Which metrics are worth reading.

use claw_core::report::Window;
use claw_core::tool::Tool as _;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::classify::{Measure, classify};
use claw_metrics::series::Labels;
use claw_metrics::tools::{ListMetrics, ListMetricsInput, QueryPrometheus, QueryPrometheusInput};
use jiff::Timestamp;

use super::{answered, may_ask};
use crate::incident::case::Case;

/// Names that are read at most; the most telling kinds come first.
const MAX_NAMES: usize = 160;

/// What tells on which node a pod runs.
pub(super) const PLACEMENT: &str = "kube_pod_info";

/// Names of the metrics that fit `selector` and may tell something, the most telling first; only those of services, if wanted.
pub(super) async fn telling(
    cx: &StepContext,
    case: &mut Case,
    selector: Option<&str>,
    of_services: bool,
) -> Result<Vec<String>, StepError> {
    let mut all = list(cx, case, selector).await?;
    if all.is_empty() && selector.is_some() && may_ask(cx, case) {
        // Metrics with namespaces of their own: those of a service outside the cluster.
        all = list(cx, case, None).await?;
    }
    // The selector lets series without a namespace through for the sake of services that name none. And where no object can be
    // read, and nothing is selected, the trouble of a service is not that of an API server.
    if of_services {
        all.retain(|name| !is_of_the_platform(name));
    }
    // Where pods were read, they tell that themselves.
    let placing = case.objects.pods.is_empty();
    let worth = |name: &str| match name == PLACEMENT && placing {
        true => Some(0),
        false => rank(name),
    };
    let mut names: Vec<(u8, String)> = all
        .into_iter()
        .filter_map(|name| Some((worth(&name)?, name)))
        .collect();
    names.sort();
    if names.len() > MAX_NAMES {
        let reason = format!(
            "there are {} metrics; the {MAX_NAMES} most telling ones were read",
            names.len()
        );
        case.gap("query_prometheus", reason, "ask for others by hand");
        names.truncate(MAX_NAMES);
    }
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Names of all metrics that fit `selector`.
pub(super) async fn list(
    cx: &StepContext,
    case: &mut Case,
    selector: Option<&str>,
) -> Result<Vec<String>, StepError> {
    let Window { start, end } = case.window;
    if cx.tools().get(ListMetrics::NAME).is_none() {
        if cx.tools().get(QueryPrometheus::NAME).is_some() {
            return count(cx, case, selector, end).await;
        }
        case.gap(
            QueryPrometheus::NAME,
            "no metrics were read: the agent has no source of metrics, or a definition does not list one for this step",
            "give the agent a Prometheus, or list query_prometheus for the step",
        );
        return Ok(Vec::new());
    }
    let input = ListMetricsInput {
        selector: selector.map(braced),
        start: Some(start),
        end: Some(end),
    };
    let answer = cx.observe::<ListMetrics>(input, "which metrics there are").await;
    let answer = answered::<ListMetrics>(cx, case, answer)?;
    Ok(answer
        .into_iter()
        .flat_map(|answer| answer.metrics)
        .map(|metric| metric.name)
        .collect())
}

/// As [`list`], for a step that may query only: names of metrics that had a sample at `time`.
async fn count(
    cx: &StepContext,
    case: &mut Case,
    selector: Option<&str>,
    time: Timestamp,
) -> Result<Vec<String>, StepError> {
    let selector = braced(selector.unwrap_or_default());
    let input = QueryPrometheusInput {
        time: Some(time),
        ..QueryPrometheusInput::instant(format!("count by (__name__) ({selector})"))
    };
    let answer = cx
        .observe::<QueryPrometheus>(input, "which metrics there are")
        .await;
    let answer = answered::<QueryPrometheus>(cx, case, answer)?;
    Ok(answer
        .into_iter()
        .flat_map(|answer| answer.series)
        .map(|series| series.name().to_owned())
        .filter(|name| !name.is_empty())
        .collect())
}

/// The selector of all series that fit these matchers. Prometheus refuses one whose matchers all fit series without labels.
fn braced(matchers: &str) -> String {
    let comma = if matchers.is_empty() { "" } else { "," };
    format!("{{__name__!=\"\"{comma}{matchers}}}")
}

/// How metrics begin by which API servers, and the libraries that they are made of, watch themselves. They name no namespace,
/// and there are thousands of series of them in every cluster. Only what no service of a user's own is called like.
const OF_THE_PLATFORM: [&str; 9] = [
    "aggregator_",
    "apiextensions_",
    "apiserver_",
    "etcd_request_",
    "go_godebug_",
    "net_conntrack_",
    "promhttp_",
    "rest_client_",
    "workqueue_",
];

/// Whether a metric is one of the platform's own.
fn is_of_the_platform(name: &str) -> bool {
    OF_THE_PLATFORM.iter().any(|start| name.starts_with(start))
}

/// How telling a metric is, 0 most; `None` for those that mean nothing for an incident.
fn rank(name: &str) -> Option<u8> {
    Some(match classify(name, &Labels::new()).measure {
        Measure::Errors | Measure::Availability | Measure::Latency => 0,
        Measure::Traffic | Measure::Restarts | Measure::OutOfMemory => 1,
        Measure::Cpu
        | Measure::CpuThrottling
        | Measure::Memory
        | Measure::Connections
        | Measure::Queue
        | Measure::Saturation => 2,
        Measure::Network | Measure::NetworkErrors | Measure::Disk | Measure::Replicas => 3,
        Measure::Limit | Measure::Info | Measure::Time => return None,
        _ => 5,
    })
}
