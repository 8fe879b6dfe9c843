//! Why a policy decides as it does, and what would have to be otherwise.

use std::fmt;

use serde::Serialize;

use super::axis::{
    Activity, Amounts, Criticality, Environment, Evidence, Nature, Phase, Place, Reach, Season,
};
use super::operation::Operation;
use super::request::{Replicas, Request};
use super::rules::RULES;
use super::tier::Tier;
use super::{Decision, Policy};

/// What a rule looks at in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// [`Request::operation`].
    Operation,
    /// [`Request::place`].
    Place,
    /// [`Request::environment`].
    Environment,
    /// [`Request::criticality`].
    Criticality,
    /// [`Request::nature`].
    Nature,
    /// [`Request::activity`].
    Activity,
    /// [`Request::reach`].
    Reach,
    /// [`Request::season`].
    Season,
    /// [`Request::amounts`].
    Amounts,
    /// [`Request::evidence`].
    Evidence,
    /// [`Request::replicas`].
    Replicas,
    /// [`Policy::phase`].
    Phase,
}

impl Fact {
    /// All facts.
    const ALL: [Self; 12] = [
        Self::Operation,
        Self::Place,
        Self::Environment,
        Self::Criticality,
        Self::Nature,
        Self::Activity,
        Self::Reach,
        Self::Season,
        Self::Amounts,
        Self::Evidence,
        Self::Replicas,
        Self::Phase,
    ];

    /// Its value, for people.
    fn value(self, policy: &Policy, request: &Request) -> String {
        match self {
            Self::Operation => request.operation.to_string(),
            Self::Place => request.place.to_string(),
            Self::Environment => request.environment.to_string(),
            Self::Criticality => request.criticality.to_string(),
            Self::Nature => request.nature.to_string(),
            Self::Activity => request.activity.to_string(),
            Self::Reach => request.reach.to_string(),
            Self::Season => request.season.to_string(),
            Self::Amounts => request.amounts.to_string(),
            Self::Evidence => request.evidence.to_string(),
            Self::Replicas => match request.replicas {
                Some(replicas) => format!("from {} to {}", replicas.at_start, replicas.wanted),
                None => "not known".to_owned(),
            },
            Self::Phase => policy.phase.to_string(),
        }
    }

    /// The same request with another value of this fact, for each that there is. An operation is what was asked for, and has
    /// no other value; the phase is not the request's.
    fn others(self, policy: &Policy, request: &Request) -> Vec<Request> {
        fn each<T: Copy>(request: &Request, all: &[T], set: impl Fn(&mut Request, T)) -> Vec<Request> {
            all.iter()
                .map(|value| {
                    let mut other = request.clone();
                    set(&mut other, *value);
                    other
                })
                .collect()
        }
        match self {
            Self::Operation | Self::Phase => Vec::new(),
            Self::Place => each(request, Place::ALL, |request, value| request.place = value),
            Self::Environment => each(request, Environment::ALL, |request, value| {
                request.environment = value
            }),
            Self::Criticality => each(request, Criticality::ALL, |request, value| {
                request.criticality = value
            }),
            Self::Nature => each(request, Nature::ALL, |request, value| request.nature = value),
            Self::Activity => each(request, Activity::ALL, |request, value| request.activity = value),
            Self::Reach => each(request, Reach::ALL, |request, value| request.reach = value),
            Self::Season => each(request, Season::ALL, |request, value| request.season = value),
            Self::Amounts => each(request, Amounts::ALL, |request, value| request.amounts = value),
            Self::Evidence => each(request, Evidence::ALL, |request, value| request.evidence = value),
            Self::Replicas => {
                // Where nothing was counted, a count would help.
                let most = policy.most_replicas();
                let mut replicas = request.replicas.unwrap_or(Replicas {
                    at_start: most,
                    wanted: most,
                });
                let within = u64::from(replicas.at_start) * u64::from(policy.most_percent()) / 100;
                replicas.wanted = match request.operation {
                    Operation::AdjustHpa => most,
                    _ => u32::try_from(within).unwrap_or(u32::MAX).min(most),
                };
                each(request, &[replicas], |request, value| {
                    request.replicas = Some(value)
                })
            }
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Operation => "operation",
            Self::Place => "place",
            Self::Environment => "environment",
            Self::Criticality => "criticality",
            Self::Nature => "nature",
            Self::Activity => "activity",
            Self::Reach => "reach",
            Self::Season => "season",
            Self::Amounts => "amounts",
            Self::Evidence => "evidence",
            Self::Replicas => "replicas",
            Self::Phase => "phase",
        })
    }
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The rules that matched, from the strictest.
    pub rules: Vec<Explained>,
    /// What would make the decision milder, one thing at a time. Empty where no single thing would.
    pub milder: Vec<Change>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// Its id.
    pub rule: String,
    /// What it says.
    pub text: String,
    /// The tier that it names.
    pub tier: Tier,
    /// What it looked at, with the values that it saw.
    pub inputs: Vec<(String, String)>,
}

/// One thing that would have to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// What.
    pub what: String,
    /// What it would have to be.
    pub to: String,
    /// The tier that would follow.
    pub tier: Tier,
}

impl Policy {
    /// The tier of `request`, each rule that matched with what it saw, and what would change the answer.
    pub fn explain(&self, request: &Request) -> Explanation {
        let decision = self.decide(request);
        let built_in = RULES.iter().filter_map(|rule| {
            Some(Explained {
                rule: rule.id().to_owned(),
                text: rule.text().to_owned(),
                tier: rule.judge(self, request)?,
                inputs: seen(rule.looks_at(), self, request),
            })
        });
        let matching = self.overrides.iter().filter(|over| over.when.matches(request));
        let added = matching.map(|over| Explained {
            rule: format!("override.{}", over.id),
            text: over.reason.clone(),
            tier: over.tier,
            inputs: seen(&Fact::ALL, self, request),
        });
        let mut rules: Vec<Explained> = built_in.chain(added).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.tier));
        let milder = self.milder(request, decision.tier);
        Explanation {
            decision,
            rules,
            milder,
        }
    }

    fn milder(&self, request: &Request, tier: Tier) -> Vec<Change> {
        let mut found = Vec::new();
        for fact in Fact::ALL {
            for other in fact.others(self, request) {
                let milder = self.tier(&other);
                if milder < tier {
                    found.push(Change {
                        what: fact.to_string(),
                        to: fact.value(self, &other),
                        tier: milder,
                    });
                }
            }
        }
        for &phase in Phase::ALL {
            let milder = self.clone().with_phase(phase).tier(request);
            if milder < tier {
                found.push(Change {
                    what: Fact::Phase.to_string(),
                    to: phase.to_string(),
                    tier: milder,
                });
            }
        }
        found
    }
}

fn seen(facts: &[Fact], policy: &Policy, request: &Request) -> Vec<(String, String)> {
    facts
        .iter()
        .map(|fact| (fact.to_string(), fact.value(policy, request)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Override;

    /// From 4 to so many replicas of something stateless that hardly matters.
    fn scale_up(environment: Environment, wanted: u32) -> Request {
        let mut request = Request::new(Operation::ScaleUp, "Deployment", Some("shop"), "cart");
        request.environment = environment;
        request.criticality = Criticality::Low;
        request.nature = Nature::Stateless;
        request.reach = Reach::Within;
        request.replicas = Some(Replicas { at_start: 4, wanted });
        request
    }

    #[test]
    fn says_which_rules_matched_and_what_would_change_the_answer() {
        let request = scale_up(Environment::Production, 9);
        let policy = Policy::default()
            .with_phase(Phase::LowRiskWrites)
            .with_override(Override::new(
                "shop-is-watched",
                Tier::AsyncApproval,
                "the launch is near",
            ));
        let explanation = policy.explain(&request);
        assert_eq!(explanation.decision.tier, Tier::AsyncApproval);
        let rules: Vec<_> = explanation
            .rules
            .iter()
            .map(|rule| (rule.rule.as_str(), rule.tier))
            .collect();
        assert_eq!(
            rules,
            [
                ("environment.production", Tier::AsyncApproval),
                ("scale.up", Tier::AsyncApproval),
                ("override.shop-is-watched", Tier::AsyncApproval),
                ("operation.tier", Tier::AutoLogged),
            ]
        );
        assert_eq!(
            explanation.rules[1].inputs,
            [
                ("operation".to_owned(), "scale_up".to_owned()),
                ("replicas".to_owned(), "from 4 to 9".to_owned())
            ]
        );
        assert_eq!(explanation.milder, [], "three rules ask for it");
    }

    #[test]
    fn an_autoscaler_could_run_as_many_replicas_as_may_be_and_what_was_not_counted_would_be() {
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let mut request = scale_up(Environment::Staging, 101);
        request.operation = Operation::AdjustHpa;
        let helps = |request: &Request| {
            let milder = policy.explain(request).milder;
            assert!(
                milder.iter().all(|change| change.what == "replicas"),
                "{milder:?}"
            );
            milder.into_iter().map(|change| change.to).collect::<Vec<_>>()
        };
        assert_eq!(helps(&request), ["from 4 to 100"]);
        request.replicas = None;
        assert_eq!(helps(&request), ["from 100 to 100"]);
        request.operation = Operation::ScaleUp;
        assert_eq!(helps(&request), ["from 100 to 100"]);
    }

    #[test]
    fn each_change_that_would_help_is_named() {
        let request = scale_up(Environment::Staging, 9);
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let change = |what: &str, to: &str, tier| Change {
            what: what.to_owned(),
            to: to.to_owned(),
            tier,
        };
        assert_eq!(
            policy.explain(&request).milder,
            [change("replicas", "from 4 to 8", Tier::AutoLogged)]
        );
        let request = scale_up(Environment::Staging, 8);
        assert_eq!(
            policy.with_phase(Phase::Observe).explain(&request).milder,
            [
                change("phase", "low_risk_writes", Tier::AutoLogged),
                change("phase", "expanded", Tier::AutoLogged)
            ]
        );
    }
}
