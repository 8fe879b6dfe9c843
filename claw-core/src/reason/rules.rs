use async_trait::async_trait;

use super::{Claim, Conclusion, Offer, Question, Reasoner, Thought};
use crate::report::Verdict;
use crate::tool::{ToolContext, ToolError};

/// Needs no model: while the best explanations are close, or none is probable, it asks what is expected to tell most for its
/// cost.
///
/// The hypotheses, with one more that none of them is true, are taken as a probability distribution; an offer is worth
/// the expected decrease of its entropy. The same question always has the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleReasoner {
    /// The best explanation wins when it is ahead of the next by so much probability. Default 0.25.
    pub margin: f64,
    /// A cause needs at least this probability. Default 0.5.
    pub enough: f64,
    /// What an offer has to be worth, in bits for a call. Default 0.01.
    pub min_gain: f64,
}

impl Default for RuleReasoner {
    fn default() -> Self {
        Self {
            margin: 0.25,
            enough: 0.5,
            min_gain: 0.01,
        }
    }
}

impl RuleReasoner {
    /// What to do next.
    pub fn decide(&self, question: &Question) -> Thought {
        let beliefs = Beliefs::of(question);
        if beliefs.is_open(self.margin)
            && !question.budget.time.is_zero()
            && let Some(offer) = self.best(question, &beliefs)
        {
            return Thought::Observe(vec![offer.id.clone()]);
        }
        Thought::Conclude(self.conclude(question, &beliefs))
    }

    /// The expected decrease of entropy if the offer's observation is made, in bits. Never negative.
    pub fn gain(question: &Question, offer: &Offer) -> f64 {
        Beliefs::of(question).gain(offer)
    }

    fn best<'a>(&self, question: &'a Question, beliefs: &Beliefs) -> Option<&'a Offer> {
        let affordable = question
            .offers
            .iter()
            .filter(|offer| offer.calls <= question.budget.calls);
        let valued = affordable.map(|offer| (beliefs.gain(offer) / f64::from(offer.calls.max(1)), offer));
        valued
            .filter(|(value, _)| *value > 0.0 && *value >= self.min_gain)
            .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.id.cmp(&x.id)))
            .map(|(_, offer)| offer)
    }

    fn conclude(&self, question: &Question, beliefs: &Beliefs) -> Conclusion {
        let first = beliefs
            .hypotheses
            .first()
            .map_or(0.0, |(_, probability)| *probability);
        let second = beliefs
            .hypotheses
            .get(1)
            .map_or(0.0, |(_, probability)| *probability);
        let (verdict, shown) = if first < beliefs.other && first < self.enough {
            (Verdict::Unknown, 0)
        } else if first - second < self.margin && second > beliefs.other {
            (Verdict::Ambiguous, 2)
        } else if first >= self.enough {
            (Verdict::Cause, 1)
        } else {
            (Verdict::Unknown, 0)
        };
        let best = beliefs.hypotheses.iter().take(shown);
        let claims = best.filter_map(|(rank, _)| {
            let hypothesis = question
                .hypotheses
                .iter()
                .find(|hypothesis| hypothesis.rank == *rank)?;
            Some(Claim {
                statement: hypothesis.cause.clone(),
                evidence: hypothesis.evidence.clone(),
            })
        });
        Conclusion {
            verdict,
            claims: claims.collect(),
        }
    }
}

#[async_trait]
impl Reasoner for RuleReasoner {
    async fn think(&self, _cx: &ToolContext, question: &Question) -> Result<Thought, ToolError> {
        Ok(self.decide(question))
    }
}

/// How probable each explanation is: they add up to 1.
#[derive(Debug)]
struct Beliefs {
    /// Rank and probability, most probable first.
    hypotheses: Vec<(u32, f64)>,
    /// None of them is true.
    other: f64,
}

impl Beliefs {
    fn of(question: &Question) -> Self {
        let mut hypotheses: Vec<_> = question
            .hypotheses
            .iter()
            .map(|h| (h.rank, probability(h.confidence, 0.0)))
            .collect();
        hypotheses.sort_by(|(a, p), (b, q)| q.total_cmp(p).then(a.cmp(b)));
        let sum: f64 = hypotheses.iter().map(|(_, p)| p).sum();
        if sum > 1.0 {
            hypotheses.iter_mut().for_each(|(_, p)| *p /= sum);
        }
        Self {
            hypotheses,
            other: (1.0 - sum).max(0.0),
        }
    }

    /// Whether no hypothesis leads by `margin`. That none of them is true is no finding either, however probable it is.
    fn is_open(&self, margin: f64) -> bool {
        let best = self.hypotheses.first();
        self.lead() < margin || best.is_some_and(|(_, probability)| *probability < self.other)
    }

    /// How far the best explanation is ahead of the next.
    fn lead(&self) -> f64 {
        let mut best: Vec<f64> = self
            .hypotheses
            .iter()
            .take(2)
            .map(|(_, p)| *p)
            .chain([self.other])
            .collect();
        best.sort_by(|a, b| b.total_cmp(a));
        best.first().copied().unwrap_or(1.0) - best.get(1).copied().unwrap_or(0.0)
    }

    /// Mutual information of explanation and answer: the answer's entropy, less what remains when the truth is known.
    fn gain(&self, offer: &Offer) -> f64 {
        let otherwise = probability(offer.otherwise, 0.5);
        let mut yes = self.other * otherwise;
        let mut remaining = self.other * entropy(otherwise);
        for (rank, p) in &self.hypotheses {
            let likelihood = offer
                .likelihoods
                .get(rank)
                .map_or(otherwise, |l| probability(*l, otherwise));
            yes += p * likelihood;
            remaining += p * entropy(likelihood);
        }
        (entropy(yes) - remaining).max(0.0)
    }
}

/// Entropy of a yes or no in bits.
fn entropy(yes: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    term(yes) + term(1.0 - yes)
}

fn probability(value: f64, instead: f64) -> f64 {
    if value.is_finite() {
        value.clamp(0.0, 1.0)
    } else {
        instead
    }
}
