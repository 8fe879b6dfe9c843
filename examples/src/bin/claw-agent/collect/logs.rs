//! Records the logs of containers: all of those in trouble, and some of each workload.

use std::collections::BTreeMap;

use claw_core::gate::ObserveError;
use claw_core::tool::{Tool as _, ToolErrorKind};
use claw_core::workflow::StepContext;
use claw_k8s::model::{Object as _, Pod};
use claw_k8s::tools::{GetPodLogs, GetPodLogsInput, Since};
use futures::StreamExt as _;
use jiff::Timestamp;

use super::Recording;
use crate::failure::Failure;

/// Containers whose logs are recorded at most.
const MOST: usize = 400;
/// Well pods of one workload: they say the same.
const WELL: usize = 2;
/// Lines of one container: as many as an investigation reads at most.
const LINES: u32 = 5_000;
/// Calls under way at a time.
const CONCURRENT: usize = 6;

struct Wanted {
    namespace: String,
    pod: String,
    container: String,
    previous: bool,
}

/// Records logs, and returns of how many containers.
pub(super) async fn record(
    cx: &StepContext,
    pods: &[Pod],
    since: Timestamp,
    recording: &mut Recording,
) -> Result<usize, Failure> {
    let mut wanted = wanted(pods);
    if wanted.len() > MOST {
        let reason = format!(
            "there are {} containers; the logs of {MOST} were recorded",
            wanted.len()
        );
        recording.missed("logs", reason, "record single namespaces");
        wanted.truncate(MOST);
    }
    let answers: Vec<_> = futures::stream::iter(wanted)
        .map(|wanted| async move {
            let mut input = GetPodLogsInput::new(&wanted.namespace, &wanted.pod);
            input.container = Some(wanted.container.clone());
            input.previous = wanted.previous;
            input.tail_lines = LINES;
            // The last words of a container that ended are of interest however old they are.
            input.since = (!wanted.previous).then_some(Since::Time(since));
            input.limit_bytes = Some(1 << 20);
            (wanted, cx.observe::<GetPodLogs>(input, "to be recorded").await)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut count = 0_usize;
    for (wanted, answer) in answers {
        let answer = match answer {
            Ok(answer) => answer,
            Err(ObserveError::Audit(error)) => return Err(error.into()),
            Err(ObserveError::Tool(error)) if error.kind() == ToolErrorKind::NotFound => continue,
            Err(error) => {
                recording.missed(
                    GetPodLogs::NAME,
                    error.to_string(),
                    "see the audit log of the recording",
                );
                continue;
            }
        };
        if answer.lines.is_empty() {
            continue;
        }
        let mut text = String::new();
        for line in &answer.lines {
            if let Some(time) = line.time {
                text.push_str(&time.to_string());
                text.push(' ');
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        recording.writer.log(
            &wanted.namespace,
            &wanted.pod,
            &wanted.container,
            wanted.previous,
            &text,
        )?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Pods in trouble first.
fn wanted(pods: &[Pod]) -> Vec<Wanted> {
    let mut sorted: Vec<(bool, &Pod)> = pods
        .iter()
        .map(|pod| (pod.is_ready() && pod.restarts() == 0, pod))
        .collect();
    sorted.sort_by_key(|(well, pod)| (*well, pod.entity()));
    let mut of_workload: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut wanted = Vec::new();
    for (well, pod) in sorted {
        let namespace = pod.metadata.ns().to_owned();
        if well {
            let owner = pod.metadata.owner_references.first();
            let owner = owner.map_or_else(|| pod.metadata.name.clone(), |owner| owner.name.clone());
            let count = of_workload.entry((namespace.clone(), owner)).or_default();
            if *count >= WELL {
                continue;
            }
            *count = count.saturating_add(1);
        }
        for status in pod.all_statuses() {
            let here = |previous| Wanted {
                namespace: namespace.clone(),
                pod: pod.metadata.name.clone(),
                container: status.name.clone(),
                previous,
            };
            wanted.push(here(false));
            if status.restart_count > 0 {
                wanted.push(here(true));
            }
        }
    }
    wanted
}
