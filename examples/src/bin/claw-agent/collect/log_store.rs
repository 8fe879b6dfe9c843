//! Records what the log store has of the namespaces.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::gate::ObserveError;
use claw_core::report::Window;
use claw_core::tool::Tool as _;
use claw_core::workflow::StepContext;
use claw_k8s::bundle::{LogLine, Manifest};
use claw_metrics::tools::{SearchLogs, SearchLogsInput};
use jiff::{SignedDuration, Timestamp};

use super::Recording;
use crate::failure::Failure;

/// Namespaces that the log store is asked for.
const MOST: usize = 20;
/// Lines of one answer.
const LINES: u32 = 5_000;
/// How long before the trouble began an investigation asks the log store for.
const BEFORE_ONSET: SignedDuration = SignedDuration::from_mins(45);
/// How long after that.
const AFTER_ONSET: SignedDuration = SignedDuration::from_mins(30);

/// Records lines, and returns how many.
pub(super) async fn record(
    cx: &StepContext,
    namespaces: &BTreeSet<String>,
    manifest: &Manifest,
    recording: &mut Recording,
) -> Result<usize, Failure> {
    if cx.tools().get(SearchLogs::NAME).is_none() {
        return Ok(0);
    }
    if namespaces.len() > MOST {
        let reason = format!(
            "there are {} namespaces; what the log store has of {MOST} was recorded",
            namespaces.len()
        );
        recording.missed("logs", reason, "record single namespaces");
    }
    // Of a busy namespace the newest lines of a long time do not reach back to where the trouble began.
    let onset = manifest
        .incident
        .map(|incident| around(incident.start, manifest.window));
    let spans: Vec<Window> = std::iter::once(manifest.window).chain(onset).collect();
    let mut lines: BTreeSet<(Timestamp, BTreeMap<String, String>, String)> = BTreeSet::new();
    for namespace in namespaces.iter().take(MOST) {
        for span in &spans {
            let input = SearchLogsInput {
                namespace: Some(namespace.clone()),
                pod: None,
                container: None,
                labels: BTreeMap::new(),
                contains: None,
                start: span.start,
                end: span.end,
                limit: Some(LINES),
            };
            match cx.observe::<SearchLogs>(input, "to be recorded").await {
                Ok(answer) => {
                    for warning in answer.warnings {
                        let reason = format!("the log store warns: {warning}");
                        recording.missed(SearchLogs::NAME, reason, "see the log store's own log");
                    }
                    lines.extend(
                        answer
                            .lines
                            .into_iter()
                            .map(|line| (line.time, line.labels, line.line)),
                    );
                }
                Err(ObserveError::Audit(error)) => return Err(error.into()),
                Err(error) => {
                    let remedy = "check that the log store is up and can be reached";
                    recording.missed(SearchLogs::NAME, error.to_string(), remedy);
                }
            }
        }
    }
    let count = lines.len();
    let lines = lines.into_iter();
    recording
        .writer
        .log_lines(lines.map(|(time, labels, line)| LogLine { time, labels, line }));
    Ok(count)
}

fn around(onset: Timestamp, window: Window) -> Window {
    let start = onset.checked_sub(BEFORE_ONSET).unwrap_or(window.start);
    let end = onset.checked_add(AFTER_ONSET).unwrap_or(window.end);
    Window {
        start: start.clamp(window.start, window.end),
        end: end.clamp(window.start, window.end),
    }
}
