//! Names in a report the dashboards that show what it is about.

use claw_core::entity::EntityRef;
use claw_core::report::{Report, Verdict};
use claw_core::tool::Tool as _;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::grafana::{DashboardQuery, FindDashboards};

use super::case::Case;
use super::facts::Facts;
use super::steps::read;

/// Entities that dashboards are looked for of.
const MOST: usize = 5;

/// Asks for the dashboards of the cause and of what the alert is about, if there is somebody to ask.
pub(super) async fn name_in(cx: &StepContext, case: &mut Case, report: &mut Report) -> Result<(), StepError> {
    let about = about(case, report);
    if about.is_empty() || cx.tools().get(FindDashboards::NAME).is_none() {
        return Ok(());
    }
    let query = DashboardQuery {
        about,
        start: report.window.start,
        end: report.window.end,
    };
    // What cannot be seen now stands in the report only: the case is concluded.
    let before = case.gaps.len();
    let found = read::<FindDashboards>(cx, case, query, "which dashboards show it").await?;
    report.gaps.extend(case.gaps.iter().skip(before).cloned());
    if let Some(found) = found {
        report.dashboards = found.dashboards;
        report.gaps.extend(found.gaps);
    }
    report.gaps.sort();
    report.gaps.dedup();
    Ok(())
}

/// What is to be shown, the cause first.
fn about(case: &Case, report: &Report) -> Vec<EntityRef> {
    let facts = Facts::new(case);
    let answered = matches!(report.verdict, Verdict::Cause | Verdict::Ambiguous);
    let causes = report.hypotheses.iter().filter(|_| answered).take(1);
    let mut about: Vec<EntityRef> = Vec::new();
    for entity in causes.map(|cause| &cause.entity).chain(&report.subject) {
        for entity in [facts.unit_of(entity), entity.clone()] {
            let is_known = about.contains(&entity);
            // A pod is gone tomorrow; its workload has dashboards.
            let stands_for = entity.kind == "Pod" && !about.is_empty();
            if !is_known && !stands_for {
                about.push(entity);
            }
        }
    }
    about.truncate(MOST);
    about
}
