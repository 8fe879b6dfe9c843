//! Doing what was decided: alerts join runs, and open some.

use claw_core::audit::AuditKind;
use claw_core::gate::Entry;
use claw_core::store::{Attach, Attached, Joining};
use claw_core::workflow::RunId;
use serde_json::json;

use super::plan::Plan;
use super::recent::Recent;
use super::{Basis, Intake, Receipt, Tied, key};
use crate::runtime::RunnerError;
use crate::trigger::Alert;

/// A decision about the alerts of a notification.
#[derive(Debug)]
pub(super) struct Decided<'a> {
    pub(super) group: &'a str,
    /// Its name in the audit log.
    pub(super) decision: RunId,
    pub(super) basis: Basis,
}

impl Decided<'_> {
    /// Lets alerts join runs and open some, as planned.
    pub(super) async fn carry_out(
        &self,
        intake: &Intake,
        plan: Plan,
        recent: &[Recent],
        receipt: &mut Receipt,
    ) -> Result<(), RunnerError> {
        for runs in &plan.bridged {
            tracing::info!(
                decision = self.decision.0,
                ?runs,
                "an alert shows that these runs are about one incident"
            );
        }
        for run in &plan.exceeded {
            tracing::info!(
                decision = self.decision.0,
                run = run.0,
                "alerts are more urgent than those that a run was about which is done; they do not join it"
            );
        }
        receipt.bridged = plan.bridged;
        receipt.exceeded = plan.exceeded;
        for (position, alerts) in plan.joins {
            let Some(run) = recent.get(position) else { continue };
            self.join(intake, run, alerts, receipt).await?;
        }
        for alerts in plan.opens {
            intake.open(self.group, alerts, receipt).await?;
        }
        Ok(())
    }

    async fn join(
        &self,
        intake: &Intake,
        run: &Recent,
        alerts: Vec<Alert>,
        receipt: &mut Receipt,
    ) -> Result<(), RunnerError> {
        let unfit = |source| RunnerError::Input {
            workflow: intake.workflow.to_owned(),
            source,
        };
        let joining = |alert: &Alert| {
            Ok(Joining {
                alert: key(alert),
                body: serde_json::to_value(alert).map_err(unfit)?,
            })
        };
        let attach = Attach {
            run: run.run.clone(),
            alerts: alerts.iter().map(joining).collect::<Result<_, RunnerError>>()?,
            input: Some(run.input_with(&alerts).map_err(unfit)?),
            // It may have ended since it was read.
            unless_done: run.is_exceeded_by(&alerts),
        };
        match intake.runner.attach(attach).await? {
            Attached::Joined { closed, amended, .. } => {
                receipt.closed.extend(closed.into_iter().map(|closed| closed.run));
                receipt.joined.push(run.run.clone());
                receipt.belongs_to(&run.run);
                self.note(intake, &run.run, &alerts, &receipt.ties, amended).await;
                Ok(())
            }
            // It has ended meanwhile: these alerts are still nobody's.
            _ => intake.open(self.group, alerts, receipt).await,
        }
    }

    /// Writes down which alerts joined a run, and why, where the reads stand that it was decided by.
    async fn note(&self, intake: &Intake, run: &RunId, alerts: &[Alert], ties: &[Tied], amended: bool) {
        let ties: Vec<&Tied> = ties
            .iter()
            .filter(|tied| tied.run.as_ref() == Some(run))
            .collect();
        tracing::info!(
            run = run.0,
            group = self.group,
            decision = self.decision.0,
            basis = ?self.basis,
            tie = ?ties.iter().map(|tied| tied.tie).min_by_key(|tie| std::cmp::Reverse(tie.lasts())),
            alerts = alerts.len(),
            amended,
            "alerts joined a run"
        );
        let joined: Vec<&str> = alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
        let entry = Entry::new(
            AuditKind::Reason,
            intake.workflow,
            "which incident alerts belong to",
        )
        .with_input(json!({"run": run, "alerts": joined, "grouped_by": self.basis, "ties": ties}))
        .with_reasoned(format!("{} alerts belong to the run {run}", alerts.len()));
        if let Err(error) = intake.runner.note_of(&self.decision, "group", entry).await {
            // They have joined, and the run is shown with them: that is not taken back.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                run = run.0,
                decision = self.decision.0,
                error,
                "that alerts joined a run could not be recorded"
            );
        }
    }
}
