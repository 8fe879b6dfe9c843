//! Observations that would tell hypotheses apart: what the last step asks for while the best ones are close.
//!
//! Each kind of observation is one file. It looks at the hypotheses and what was gathered, and offers what was not looked
//! at yet, with how probable the answer is under each hypothesis. The [`Reasoner`] chooses among the offers.

mod logs;
mod namespace;

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use claw_core::evidence::{Hypothesis, Severity};
use claw_core::reason::{self, Budget, Offer, Question, Reasoner, Thought};
use claw_core::report::Test;
use claw_core::tool::ToolContext;
use claw_core::workflow::{StepContext, StepError};

use super::case::Case;
use super::conclude::{Weighed, weigh};
use super::rank::Ranked;
use super::steps::analyze_logs::{read_pods, selection};
use super::weights::Weights;

/// Rounds of asking and weighing again.
const MAX_ROUNDS: usize = 4;
/// Tool calls that the rounds may make together.
const MAX_CALLS: u32 = 12;
/// Hypotheses that are worth telling apart.
const MAX_RIVALS: usize = 4;
/// How sure one can be of something at most that was not looked at.
const UNSEEN: f64 = 0.5;
/// How sure one can be at most of something that leaves open what is wrong, while there are others to be looked at.
const UNSAID: f64 = 0.35;
/// Below this confidence the best hypothesis explains nothing.
const UNCLEAR: f64 = 0.3;
/// A hypothesis below this confidence is no rival.
const RIVAL: f64 = 0.05;

/// An observation that could be made.
#[async_trait]
trait Probe: fmt::Debug + Send + Sync {
    /// What it would ask, and what is to be expected.
    fn offer(&self) -> Offer;

    /// Makes it: adds what it sees to the case, and says what that is in one sentence. `None` if no call was left for it.
    async fn make(&self, cx: &StepContext, case: &mut Case) -> Result<Option<String>, StepError>;
}

/// Everything that could still be asked about the best hypotheses.
fn probes(weighed: &Weighed<'_>) -> Vec<Box<dyn Probe>> {
    let mut all = logs::probes(weighed);
    all.extend(namespace::probes(weighed));
    all
}

/// Asks for what tells the best hypotheses apart, until one leads, nothing is left to ask, or enough was asked.
pub(super) async fn tell_apart(
    cx: &StepContext,
    case: &mut Case,
    weights: &Weights,
    reasoner: &dyn Reasoner,
    goal: &str,
) -> Result<(), StepError> {
    read_beside(cx, case, weights).await?;
    let mut calls = MAX_CALLS;
    let mut made: BTreeSet<String> = BTreeSet::new();
    for _round in 0..MAX_ROUNDS {
        let (question, mut offered) = {
            let weighed = weigh(case, weights);
            let offered: Vec<(Offer, Box<dyn Probe>)> = probes(&weighed)
                .into_iter()
                .map(|probe| (probe.offer(), probe))
                .filter(|(offer, _)| !made.contains(&offer.id) && cx.tools().get(&offer.tool).is_some())
                .collect();
            let rivals = || weighed.ranked.iter().take(MAX_RIVALS);
            let question = Question {
                goal: goal.to_owned(),
                evidence: rivals().flat_map(|ranked| ranked.evidence.clone()).collect(),
                hypotheses: rivals().map(|ranked| doubted(ranked, &offered)).collect(),
                offers: offered.iter().map(|(offer, _)| offer.clone()).collect(),
                budget: Budget {
                    calls,
                    time: cx.remaining(),
                },
            };
            (question, offered)
        };
        if question.hypotheses.is_empty() || offered.is_empty() {
            return Ok(());
        }
        let Some(chosen) = ask(cx, case, reasoner, &question).await? else {
            return Ok(());
        };
        offered.retain(|(offer, _)| chosen.contains(&offer.id));
        for (offer, probe) in offered {
            cx.progress(&offer.question);
            if let Some(answer) = probe.make(cx, case).await? {
                calls = calls.saturating_sub(offer.calls);
                case.tests.push(Test {
                    question: offer.question,
                    answer,
                });
            }
            made.insert(offer.id);
        }
    }
    Ok(())
}

/// Where nothing explains the trouble of what the alert names, what its neighbours log may: that was not read, for the alert
/// spoke of one workload only.
async fn read_beside(cx: &StepContext, case: &mut Case, weights: &Weights) -> Result<(), StepError> {
    let beside = {
        let weighed = weigh(case, weights);
        let wrong = weighed
            .symptoms
            .iter()
            .any(|symptom| symptom.severity >= Severity::Warning);
        let best = weighed.ranked.first();
        let clear = best.is_some_and(|ranked| ranked.hypothesis.confidence >= UNCLEAR);
        if !wrong || clear {
            return Ok(());
        }
        selection::beside(&weighed.facts)
    };
    if beside.is_empty() || cx.remaining().is_zero() {
        return Ok(());
    }
    cx.progress(format!("reading {} logs beside the alert", beside.len()));
    read_pods(cx, case, beside, 0).await?;
    Ok(())
}

/// The hypothesis, less sure where what it blames was not looked at, or where it does not say what is wrong there: that may be
/// a victim itself.
fn doubted(ranked: &Ranked, offered: &[(Offer, Box<dyn Probe>)]) -> Hypothesis {
    let hypothesis = ranked.hypothesis.clone();
    let unseen = offered
        .iter()
        .any(|(offer, _)| offer.likelihoods.contains_key(&hypothesis.rank));
    let most = match (ranked.general && !offered.is_empty(), unseen) {
        (true, _) => UNSAID,
        (false, true) => UNSEEN,
        (false, false) => 1.0,
    };
    let confidence = hypothesis.confidence.min(most);
    Hypothesis {
        confidence,
        ..hypothesis
    }
}

/// The offers that the reasoner chooses; `None` when it is done, or of no use.
async fn ask(
    cx: &StepContext,
    case: &mut Case,
    reasoner: &dyn Reasoner,
    question: &Question,
) -> Result<Option<Vec<String>>, StepError> {
    let context = ToolContext {
        clock: std::sync::Arc::clone(cx.gate().clock()),
        deadline: cx.scope().deadline,
        cancel: cx.scope().cancel.clone(),
        // A reasoner asks no API server.
        requests: Default::default(),
    };
    let thought = match reasoner.think(&context, question).await {
        Ok(thought) => thought,
        Err(error) => {
            case.gap(
                "reasoner",
                error.to_string(),
                "see why the reasoner fails; the rules need none",
            );
            return Ok(None);
        }
    };
    if let Err(error) = reason::validate(&thought, question) {
        case.gap(
            "reasoner",
            error.to_string(),
            "use a reasoner that keeps to what it is offered",
        );
        return Ok(None);
    }
    match thought {
        Thought::Observe(ids) => {
            let why = "it is expected to tell the likeliest causes apart best";
            cx.reasoned("what to look at next", ids.join(", "), why).await?;
            Ok(Some(ids))
        }
        _ => Ok(None),
    }
}
