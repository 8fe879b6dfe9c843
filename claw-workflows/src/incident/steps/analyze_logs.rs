//! Step 2: what the containers in trouble logged.

pub(in crate::incident) mod selection;

use std::collections::BTreeSet;

use async_trait::async_trait;
use claw_core::report::Gap;
use claw_core::tool::Tool as _;
use claw_core::workflow::{Outcome, Step, StepContext, StepError};
use claw_k8s::tools::{GetPodLogs, GetPodLogsInput, PodLogLine};
use claw_metrics::tools::SearchLogs;
use futures::StreamExt as _;

use super::reading::settle;
use super::search_logs::search;
use crate::incident::case::Case;
use crate::incident::facts::Facts;
use crate::incident::logs;
use selection::{Selection, Wanted, first, of_the_troubled, silent_node};

/// Containers whose logs are read in one run.
const MAX_LOGS: usize = 12;
/// Containers that are read at most of further pods of who alerts: those whom it calls may tell as much.
pub(super) const MAX_SILENT: usize = 4;
/// Containers of workloads around the alerting ones.
pub(super) const MAX_AROUND: usize = 8;
/// Lines of one container.
const TAIL: u32 = 500;
/// Lines of one container whose log goes back less far than the trouble.
const LONG_TAIL: u32 = 5_000;
/// Nodes that a gap names.
const MAX_NAMED: usize = 5;
/// Calls for logs of pods in one run, those that ask again for more lines among them.
const MAX_CALLS: usize = 18;
/// Of these, calls that are left to the last step, which knows best whose logs would tell.
pub(in crate::incident) const FOR_PROBES: usize = 3;
/// Of these, calls that are not spent on asking again.
const RESERVED: usize = 4;
/// Calls under way at a time.
const CONCURRENT: usize = 6;

/// Reads the logs of pods in trouble, of the alerting pods, and what the log store has of namespaces without pods.
#[derive(Clone, Copy, Debug)]
pub struct AnalyzeLogs;

#[async_trait]
impl Step<Case> for AnalyzeLogs {
    fn name(&self) -> &str {
        "analyze_logs"
    }

    async fn run(&self, cx: &StepContext, mut case: Case) -> Result<Outcome<Case>, StepError> {
        let Selection { near, far } = of_the_troubled(&Facts::new(&case));
        let mut wanted = first(&mut case, near, MAX_LOGS);
        // They are not read, but take nobody's place, and it is said.
        wanted.extend(far);
        cx.progress(format!("reading {} container logs", wanted.len()));
        let missing = read_pods(cx, &mut case, wanted, FOR_PROBES).await?;
        let has_store = cx.tools().get(SearchLogs::NAME).is_some();
        if case.objects.pods.is_empty() || (missing > 0 && has_store) {
            search(cx, &mut case).await?;
        }
        case.logs
            .sort_by_key(|digest| (digest.pod.clone(), digest.container.clone(), digest.previous));
        Ok(Outcome::Continue(case))
    }
}

/// Reads logs and adds their digests. Returns how many logs there were none of, or not from the beginning of the trouble:
/// the kubelet keeps them only as long as the pod, and only so many. So many of the run's calls are left to others.
pub(in crate::incident) async fn read_pods(
    cx: &StepContext,
    case: &mut Case,
    wanted: Vec<Wanted>,
    reserve: usize,
) -> Result<usize, StepError> {
    let read = async |wanted: Wanted, tail: u32| {
        let mut input =
            GetPodLogsInput::new(wanted.pod.namespace.clone().unwrap_or_default(), &wanted.pod.name);
        input.container = Some(wanted.container.clone());
        input.previous = wanted.previous;
        input.tail_lines = tail;
        let why = "what the container said when the trouble began";
        (wanted, tail, cx.observe::<GetPodLogs>(input, why).await)
    };
    let all = wanted.len();
    let wanted = within_reach(case, wanted);
    let mut wave: Vec<(Wanted, u32)> = wanted.into_iter().map(|wanted| (wanted, TAIL)).collect();
    // The most urgent ones stand first.
    let left = wave.split_off(wave.len().min(calls_left(case).saturating_sub(reserve)));
    case.logs_left
        .extend(left.iter().map(|(wanted, _)| wanted.locator()));
    for (wanted, _) in &wave {
        case.logs_left.remove(&wanted.locator());
    }
    let mut missing = all.saturating_sub(wave.len());
    case.logs_asked
        .extend(wave.iter().map(|(wanted, _)| wanted.pod.clone()));
    while !wave.is_empty() {
        case.log_calls = case.log_calls.saturating_add(wave.len());
        let answers: Vec<_> = futures::stream::iter(wave)
            .map(|(wanted, tail)| read(wanted, tail))
            .buffered(CONCURRENT)
            .collect()
            .await;
        wave = Vec::new();
        let mut again: usize = MAX_CALLS.saturating_sub(case.log_calls.saturating_add(RESERVED));
        for (wanted, tail, answer) in answers {
            let answer = settle::<GetPodLogs>(cx, case, answer)?;
            let Some(answer) = answer.filter(|answer| answer.note.is_none()) else {
                missing = missing.saturating_add(1);
                continue;
            };
            let first = answer.lines.iter().find_map(|line| line.time);
            // Where nobody knows when it began, what was logged in the whole time may tell.
            let began = case.began.unwrap_or(case.window.start);
            let late = answer.truncated && first.is_some_and(|first| first > began);
            // What was read is kept where there are no more calls to be made.
            if late && tail == TAIL && again > 0 {
                again -= 1;
                wave.push((wanted, LONG_TAIL));
                continue;
            }
            missing = missing.saturating_add(usize::from(late));
            let text = text(&answer.lines);
            case.logs.push(logs::digest(
                wanted.pod,
                wanted.container,
                wanted.previous,
                text.as_bytes(),
                case.window.start,
                case.began,
                answer.truncated,
            ));
        }
    }
    Ok(missing)
}

/// Calls for logs of pods that the run may still make.
pub(in crate::incident) fn calls_left(case: &Case) -> usize {
    MAX_CALLS.saturating_sub(case.log_calls)
}

/// What is to be said of the logs that were not read because there were no calls left.
pub(in crate::incident) fn left_out(case: &Case) -> Option<Gap> {
    let reason = match case.logs_left.len() {
        0 => return None,
        1 => format!("1 log was not read: the run's limit of {} calls", MAX_CALLS),
        count => format!(
            "{count} logs were not read: the run's limit of {} calls",
            MAX_CALLS
        ),
    };
    Some(Gap {
        source: GetPodLogs::NAME.to_owned(),
        reason,
        remedy: "name a workload, or read the logs of the others by hand".to_owned(),
    })
}

/// Those of the logs whose kubelet can be asked. The others are one gap, which names the nodes.
fn within_reach(case: &mut Case, wanted: Vec<Wanted>) -> Vec<Wanted> {
    let facts = Facts::new(case);
    let (near, far): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| {
        let pod = facts.pod(&wanted.pod);
        pod.is_none_or(|pod| silent_node(&facts, pod).is_none())
    });
    if !far.is_empty() {
        let pods = far.iter().filter_map(|wanted| facts.pod(&wanted.pod));
        let nodes: BTreeSet<&str> = pods.filter_map(|pod| silent_node(&facts, pod)).collect();
        let named: Vec<&str> = nodes.iter().take(MAX_NAMED).copied().collect();
        let more = match nodes.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let reason = format!(
            "no logs were asked for of pods on {}{more}: the kubelet there has stopped reporting",
            named.join(", ")
        );
        case.gap(
            GetPodLogs::NAME,
            reason,
            "see to the node, or look in the log store, if there is one",
        );
    }
    near
}

/// The lines as the runtime writes them: each after its time.
fn text(lines: &[PodLogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        if let Some(time) = line.time {
            text.push_str(&time.to_string());
            text.push(' ');
        }
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}
