//! Step 7: circuit breakers, and how far all actions of a run and of an hour reach together.

use std::collections::VecDeque;

use claw_core::audit::AuditKind;
use claw_core::entity::EntityRef;
use claw_core::gate::Entry;
use claw_core::radius::{BlastRadius, Endpoints};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Parts;
use super::behalf::Behalf;
use super::error::PipelineError;
use super::guard::refusal;
use super::intent::{Intent, IntentState, OPEN};
use super::judge::{Held, Judged, replicas_of};
use super::kept::{Kept, change};
use super::notice::Noticed;
use crate::breaker::{self, Attempt, Breaker, Outcome, Tripped};
use crate::present::{Present, shifted};
use crate::radius::Limits;

pub(super) const BREAKER: &str = "breaker";
const USAGE: &str = "usage";

/// The window in which small steps of scaling add up.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The window of the budget for all runs.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What was written of late.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    writes: VecDeque<Spent>,
    /// The latest time that was told: a clock that jumps gives no budget back.
    seen: Present,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spent {
    at: Timestamp,
    intent: String,
    run: String,
    target: EntityRef,
    radius: BlastRadius,
    /// How many replicas the target had before.
    replicas: Option<u32>,
}

impl Usage {
    /// The budget that would be exceeded, in words.
    fn exceeded(
        &self,
        (run_limits, hour_limits): (&Limits, &Limits),
        (intent, run): (&str, &str),
        radius: &BlastRadius,
        now: Timestamp,
    ) -> Option<String> {
        let now = self.seen.latest(now);
        let others = || self.writes.iter().filter(|spent| spent.intent != intent);
        let of_run = others().filter(|spent| spent.run == run);
        let of_hour = others().filter(|spent| now.duration_since(spent.at) <= HOUR);
        over("a run", run_limits, of_run, radius).or_else(|| over("an hour", hour_limits, of_hour, radius))
    }

    /// How many replicas a target had when the day began: before the first write of the day to it, or now where there was none.
    fn replicas_at_start(&self, target: &EntityRef, current: Option<u32>, now: Timestamp) -> Option<u32> {
        let now = self.seen.latest(now);
        let mut writes = self.writes.iter();
        let first = writes.find(|spent| spent.target == *target && now.duration_since(spent.at) <= DAY);
        first.map_or(current, |first| first.replicas)
    }

    /// Whether it is time to be told the next time: a minute has passed, and something is remembered that grows old.
    fn is_due(&self, now: Timestamp) -> bool {
        !self.writes.is_empty() && self.seen.since(now) >= SignedDuration::from_mins(1)
    }

    fn tell(&mut self, now: Timestamp) -> Timestamp {
        let (present, by) = self.seen.tell(now);
        if !by.is_zero() {
            self.writes
                .iter_mut()
                .for_each(|spent| spent.at = shifted(spent.at, by));
        }
        self.writes
            .retain(|spent| present.duration_since(spent.at) <= DAY);
        present
    }

    fn book(&mut self, spent: Spent) {
        let spent = Spent {
            at: self.tell(spent.at),
            ..spent
        };
        self.give_back(&spent.intent);
        self.writes.push_back(spent);
    }

    fn give_back(&mut self, intent: &str) {
        self.writes.retain(|known| known.intent != intent);
    }
}

/// Where the limits of a budget are passed. The first action of a budget is judged by its own limits alone, and by people where it
/// is beyond them.
fn over<'a>(
    name: &str,
    limits: &Limits,
    spent: impl Iterator<Item = &'a Spent>,
    radius: &BlastRadius,
) -> Option<String> {
    let before = spent
        .map(|spent| counted(&spent.radius, limits))
        .reduce(|all, one| all.and(&one))?;
    let excesses = limits.excesses(&before.and(&counted(radius, limits)));
    let said: Vec<String> = excesses.iter().map(ToString::to_string).collect();
    match said.is_empty() {
        true => None,
        false => Some(format!("the budget of {name} ({})", said.join("; "))),
    }
}

/// A radius as a budget counts it: what is not known is as much as there may be, and disruption budgets, which say how things are
/// at the moment, do not add up.
fn counted(radius: &BlastRadius, limits: &Limits) -> BlastRadius {
    BlastRadius {
        pods: radius.pods.or(Some(limits.pods)),
        nodes: radius.nodes.or(Some(limits.nodes)),
        zones: radius.zones.or(Some(limits.zones)),
        persistent_data: Some(false),
        services: radius
            .services
            .iter()
            .map(|(service, endpoints)| {
                let most = Endpoints {
                    affected: limits.endpoints_percent.into(),
                    ready: 100,
                };
                (service.clone(), Some(endpoints.unwrap_or(most)))
            })
            .collect(),
        disruptions: Default::default(),
        unseen: Vec::new(),
        objects: radius.objects.clone(),
    }
}

impl Parts {
    /// That no circuit is open, and that the budgets have room for it. One that goes over a budget opens the circuit of its workflow.
    pub(super) async fn may_spend(
        &self,
        by: &Behalf,
        intent: &Intent,
        attempt: &Attempt,
        radius: &BlastRadius,
    ) -> Result<(), Held> {
        let now = self.gate.clock().now();
        let breaker = Kept::<Breaker>::load(&*self.documents, BREAKER).await?;
        if let Some(breaker) = breaker {
            breaker
                .value
                .ask(attempt, now)
                .map_err(|tripped| held(*tripped))?;
        }
        self.is_settled(intent).await?;
        let Some(usage) = Kept::<Usage>::load(&*self.documents, USAGE).await? else {
            return Ok(());
        };
        let limits = (&self.settings.run, &self.settings.hour);
        let exceeded = usage
            .value
            .exceeded(limits, (&intent.id, &intent.run), radius, now);
        let Some(budget) = exceeded else {
            return Ok(());
        };
        self.with_breaker(by, |breaker, now| {
            breaker.over_budget(&intent.workflow, &budget, now);
        })
        .await?;
        Err(refusal(
            "budget.writes",
            format!("with this action, {} would be exceeded", budget),
            "look at what the workflow wants, then close its circuit; or let a person do it",
        )
        .into())
    }

    /// Takes the place of the probe in circuits that are half-open, and books the action on its budgets.
    pub(super) async fn spend(&self, by: &Behalf, intent: &Intent, judged: &Judged) -> Result<(), Held> {
        let settings = self.settings.breaker.clone();
        self.with_breaker(by, |breaker, now| breaker.begin(&judged.attempt, &settings, now))
            .await?
            .map_err(|tripped| held(*tripped))?;
        let spent = Spent {
            at: self.gate.clock().now(),
            intent: intent.id.clone(),
            run: intent.run.clone(),
            target: judged.seen.action.target.clone(),
            radius: judged.seen.survey.radius.clone(),
            replicas: judged.facts.object.as_ref().and_then(replicas_of),
        };
        change(&*self.documents, USAGE, |usage: &mut Usage| {
            usage.book(spent.clone())
        })
        .await?;
        Ok(())
    }

    /// Nothing was sent: what was booked for it is given back.
    pub(super) async fn give_back(&self, intent: &Intent) -> Result<(), PipelineError> {
        change(&*self.documents, USAGE, |usage: &mut Usage| {
            usage.give_back(&intent.id);
        })
        .await
    }

    /// That it is known what came of all other writes to the target: one more would take away the annotation by which that is
    /// found out.
    async fn is_settled(&self, intent: &Intent) -> Result<(), Held> {
        let target = &intent.action.target;
        for (_, other) in Kept::<Intent>::list(&*self.documents, OPEN).await? {
            // One that cannot be read may be about the same target.
            let other = other?.value;
            let is_sent = matches!(other.state, IntentState::Sent { .. });
            if is_sent && other.id != intent.id && other.action.target == *target {
                return Err(refusal(
                    "target.unsettled",
                    format!(
                        "it is not known yet what came of another write to {target} (intent {})",
                        other.id
                    ),
                    "wait until that is found out",
                )
                .into());
            }
        }
        Ok(())
    }

    /// What came of a write that was begun.
    pub(super) async fn spent(
        &self,
        by: &Behalf,
        attempt: &Attempt,
        outcome: Outcome,
    ) -> Result<(), PipelineError> {
        let settings = self.settings.breaker.clone();
        self.with_breaker(by, |breaker, now| {
            breaker.end(attempt, outcome, &settings, now);
        })
        .await
    }

    /// How many replicas a target had when the window began: before the first write of it to this target, or now where there
    /// was none.
    pub(super) async fn replicas_at_start(
        &self,
        target: &EntityRef,
        current: Option<u32>,
        now: Timestamp,
    ) -> Result<Option<u32>, PipelineError> {
        let usage = Kept::<Usage>::load(&*self.documents, USAGE).await?;
        Ok(match usage {
            Some(usage) => usage.value.replicas_at_start(target, current, now),
            None => current,
        })
    }

    /// Tells circuits and budgets the time, now and then.
    pub(super) async fn tick(&self) -> Result<(), PipelineError> {
        let now = self.gate.clock().now();
        let documents = &*self.documents;
        let breaker = Kept::<Breaker>::load(documents, BREAKER).await?;
        if breaker.is_some_and(|breaker| breaker.value.is_due(now)) {
            let settings = &self.settings.breaker;
            change(documents, BREAKER, |breaker: &mut Breaker| {
                breaker.tick(settings, now);
            })
            .await?;
        }
        let usage = Kept::<Usage>::load(documents, USAGE).await?;
        if usage.is_some_and(|usage| usage.value.is_due(now)) {
            change(documents, USAGE, |usage: &mut Usage| {
                usage.tell(now);
            })
            .await?;
        }
        Ok(())
    }

    /// Changes the breaker. Circuits that open by it are put on record, and people are told.
    pub(super) async fn with_breaker<R: Send>(
        &self,
        by: &Behalf,
        mut act: impl FnMut(&mut Breaker, Timestamp) -> R + Send,
    ) -> Result<R, PipelineError> {
        let now = self.gate.clock().now();
        let open = |breaker: &Breaker| -> Vec<(breaker::Scope, String)> {
            let tripped = breaker.tripped();
            tripped
                .filter_map(|(scope, state)| match state {
                    breaker::State::Open { cause, .. } => Some((scope.clone(), cause.to_string())),
                    _ => None,
                })
                .collect()
        };
        let (answer, opened) = change(&*self.documents, BREAKER, |breaker: &mut Breaker| {
            let before = open(breaker);
            let answer = act(breaker, now);
            let mut opened = open(breaker);
            opened.retain(|circuit| !before.contains(circuit));
            (answer, opened)
        })
        .await?;
        for (circuit, cause) in opened {
            let said = format!("the circuit of {circuit} opened: {cause}");
            let entry = Entry::new(
                AuditKind::Guard,
                circuit.rule(),
                "writes are held back after trouble",
            )
            .with_input(json!({"circuit": circuit}))
            .with_decided(&said);
            by.record(entry).await?;
            self.tell(Noticed::CircuitOpened, by.run(), None, &said);
        }
        Ok(answer)
    }
}

fn held(tripped: Tripped) -> Held {
    Held::Refused(tripped.into())
}
