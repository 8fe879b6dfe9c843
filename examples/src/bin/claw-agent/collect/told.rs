//! Records what others tell of changes and calls: annotations, traces.

use claw_core::change::ChangeQuery;
use claw_core::gate::ObserveError;
use claw_core::tool::Tool;
use claw_core::topology::CallGraphQuery;
use claw_core::workflow::StepContext;
use claw_k8s::bundle::{Manifest, RecordedChanges, RecordedTopology};

use super::Recording;
use crate::failure::Failure;

/// Records both, where there is a source of them.
pub(super) async fn record(
    cx: &StepContext,
    manifest: &Manifest,
    recording: &mut Recording,
) -> Result<(), Failure> {
    let until_now = ChangeQuery {
        end: Some(manifest.window.end),
        ..ChangeQuery::default()
    };
    if let Some(list) = ask::<RecordedChanges>(cx, until_now, recording).await? {
        recording.writer.changes(list.changes);
    }
    if let Some(graph) = ask::<RecordedTopology>(cx, CallGraphQuery::default(), recording).await? {
        recording.writer.topology(graph.edges);
    }
    Ok(())
}

/// What the tool of the name of `T` answers; `None` where there is none, or it fails.
async fn ask<T: Tool>(
    cx: &StepContext,
    input: T::Input,
    recording: &mut Recording,
) -> Result<Option<T::Output>, Failure> {
    if cx.tools().get(T::NAME).is_none() {
        return Ok(None);
    }
    match cx.observe::<T>(input, "to be recorded").await {
        Ok(answer) => Ok(Some(answer)),
        Err(ObserveError::Audit(error)) => Err(error.into()),
        Err(error) => {
            recording.missed(T::NAME, error.to_string(), "check the source, and record again");
            Ok(None)
        }
    }
}
