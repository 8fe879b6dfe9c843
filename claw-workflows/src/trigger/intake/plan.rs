//! Which of the runs that are there new alerts belong to, and which runs they open.

use std::collections::BTreeSet;

use claw_core::workflow::RunId;

use super::receipt::Tied;
use super::recent::Recent;
use crate::incident::grouping::{Link, Surroundings, group_while};
use crate::trigger::Alert;

/// Most runs that one notification opens. Alertmanager may put together what a hundred teams own; that many investigations at
/// once help none of them, and the rest is one run, as it is where nothing is grouped.
pub(super) const MOST_OPENED: usize = 10;

/// What is to be done with new alerts.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Positions of runs, with the alerts that join them.
    pub(super) joins: Vec<(usize, Vec<Alert>)>,
    /// Alerts that open a run together.
    pub(super) opens: Vec<Vec<Alert>>,
    /// Runs that a new alert shows to be about one incident, the oldest first.
    pub(super) bridged: Vec<Vec<RunId>>,
    /// Runs that are done, and that new alerts belong to which are more urgent than all that their reports are about.
    pub(super) exceeded: Vec<RunId>,
    /// Why the new alerts belong to what they belong to.
    pub(super) ties: Vec<Tied>,
}

/// Groups new alerts together with those of runs that are there, the oldest run first.
///
/// Where it is not known what has nothing to do with each other (`apart`), the new alerts stay together: so they were sent.
/// `None` as soon as `is_wanted` says that nobody waits for the plan any more.
pub(super) fn plan(
    recent: &[Recent],
    fresh: &[Alert],
    around: Surroundings,
    apart: bool,
    is_wanted: impl Fn() -> bool,
) -> Option<Plan> {
    let mut all: Vec<Alert> = Vec::new();
    let mut owners: Vec<Option<usize>> = Vec::new();
    for (position, run) in recent.iter().enumerate() {
        all.extend(run.alerts.iter().cloned());
        owners.resize(all.len(), Some(position));
    }
    all.extend_from_slice(fresh);
    owners.resize(all.len(), None);

    let mut plan = Plan::default();
    let mut unplaced = Vec::new();
    let mut together = BTreeSet::new();
    for group in group_while(&all, around, is_wanted)? {
        let mut runs = BTreeSet::new();
        let mut own = Vec::new();
        for position in group.alerts {
            match (owners.get(position), all.get(position)) {
                (Some(Some(run)), _) => drop(runs.insert(*run)),
                (Some(None), Some(alert)) => own.push(alert.clone()),
                _ => {}
            }
        }
        if own.is_empty() {
            continue;
        }
        let tied = |link: &Link| tied(link, &all, &owners, recent);
        plan.ties.extend(group.links.iter().filter_map(tied));
        if !apart {
            together.append(&mut runs);
            continue;
        }
        let runs = plan.admitting(recent, runs, &own);
        if !runs.is_empty() {
            plan.join(recent, &runs, own);
        } else if group.is_placed {
            plan.opens.push(own);
        } else {
            // Of what names nothing it is not known that it is about something else.
            unplaced.extend(own);
        }
    }
    let together = plan.admitting(recent, together, fresh);
    match (apart, together.is_empty()) {
        (true, _) => plan
            .opens
            .extend(Some(unplaced).filter(|alerts| !alerts.is_empty())),
        (false, true) => plan.opens.push(fresh.to_vec()),
        (false, false) => plan.join(recent, &together, fresh.to_vec()),
    }
    if plan.opens.len() > MOST_OPENED {
        let rest = plan.opens.split_off(MOST_OPENED.saturating_sub(1));
        plan.opens.push(rest.concat());
    }
    Some(plan)
}

/// What a link says of a new alert; `None` of one between alerts that have their run.
fn tied(link: &Link, all: &[Alert], owners: &[Option<usize>], recent: &[Recent]) -> Option<Tied> {
    let run = |position: usize| {
        let owner = owners.get(position).copied().flatten()?;
        recent.get(owner).map(|run| run.run.clone())
    };
    let (alert, with) = match (run(link.later), run(link.earlier)) {
        (Some(_), Some(_)) => return None,
        // It began before what was told earlier.
        (Some(_), None) => (link.earlier, link.later),
        (None, _) => (link.later, link.earlier),
    };
    Some(Tied {
        alert: all.get(alert)?.fingerprint.clone(),
        with: all.get(with)?.fingerprint.clone(),
        run: run(with),
        tie: link.tie,
    })
}

impl Plan {
    /// All of them open a run.
    pub(super) fn together(fresh: &[Alert]) -> Self {
        Self {
            opens: vec![fresh.to_vec()],
            ..Self::default()
        }
    }

    /// Those of the runs that these alerts belong to which they may join.
    fn admitting(&mut self, recent: &[Recent], runs: BTreeSet<usize>, alerts: &[Alert]) -> BTreeSet<usize> {
        let admits = |run: &usize| recent.get(*run).is_some_and(|run| run.admits(alerts));
        let (open, exceeded): (BTreeSet<usize>, BTreeSet<usize>) = runs.into_iter().partition(admits);
        for run in names(recent, &exceeded) {
            if !self.exceeded.contains(&run) {
                self.exceeded.push(run);
            }
        }
        open
    }

    /// Lets alerts join the oldest of `runs`: with it the incident began.
    fn join(&mut self, recent: &[Recent], runs: &BTreeSet<usize>, mut alerts: Vec<Alert>) {
        let Some(oldest) = runs.first() else { return };
        match self.joins.iter_mut().find(|(run, _)| run == oldest) {
            Some((_, joining)) => joining.append(&mut alerts),
            None => self.joins.push((*oldest, alerts)),
        }
        if runs.len() > 1 {
            self.bridged.push(names(recent, runs).collect());
        }
    }
}

fn names(recent: &[Recent], runs: &BTreeSet<usize>) -> impl Iterator<Item = RunId> {
    runs.iter().filter_map(|&run| Some(recent.get(run)?.run.clone()))
}
