//! Planning on a thread of its own: of a large cluster it takes a while, and others are to be answered meanwhile.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::plan::{Plan, plan};
use super::recent::Recent;
use crate::incident::grouping::Surroundings;
use crate::trigger::Alert;

/// Alerts that are compared with each other.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    /// Those of runs that are there, the oldest run first.
    pub(super) recent: Vec<Recent>,
    /// Those that belong to no run yet.
    pub(super) fresh: Vec<Alert>,
}

impl Compared {
    /// All of them, in the order in which a plan has them.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        let known = self.recent.iter().flat_map(|run| &run.alerts);
        known.chain(&self.fresh).cloned().collect()
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        let known: usize = self.recent.iter().map(|run| run.alerts.len()).sum();
        known.saturating_add(self.fresh.len())
    }

    /// What is to be done with the new ones (see [`plan`]). The work stops soon after nobody waits for it any more; `None` where it
    /// could not be ended.
    pub(super) async fn plan(self: Arc<Self>, around: Surroundings, apart: bool) -> Option<Plan> {
        let over = CancellationToken::new();
        let _dropped = over.clone().drop_guard();
        let work = tokio::task::spawn_blocking(move || {
            plan(&self.recent, &self.fresh, around, apart, || !over.is_cancelled())
        });
        match work.await {
            Ok(plan) => plan,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "alerts could not be compared");
                None
            }
        }
    }
}
