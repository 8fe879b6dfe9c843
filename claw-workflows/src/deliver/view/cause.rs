//! Hypotheses, and what follows from them.

use claw_core::action::Verb;
use claw_core::report::Report;
use serde::Serialize;

use super::facts::Citations;
use super::{BLOCK, Confidence, Entity, NAME, STATEMENT, fold, untrusted};

/// A piece of evidence where it is referred to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Citation {
    /// The evidence's id.
    pub(crate) id: String,
    /// Position in the report's list of evidence, from 0; `None` if the report does not hold it.
    pub(crate) index: Option<usize>,
    pub(crate) statement: String,
    pub(crate) entity: Option<Entity>,
    /// `02:14:05`.
    pub(crate) time: Option<String>,
    /// Others that say the same of other pods, and are not shown by themselves.
    pub(crate) alike: Vec<Reference>,
}

impl Citation {
    /// The ids of all observations that it stands for.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.alike.iter().map(|other| other.id.as_str()))
    }
}

/// Where a piece of evidence stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reference {
    /// The evidence's id.
    pub(crate) id: String,
    /// Position in the report's list of evidence, from 0.
    pub(crate) index: Option<usize>,
}

/// A term of a hypothesis' score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Term {
    pub(crate) name: String,
    /// Finite.
    pub(crate) log_odds: f64,
}

/// A possible root cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Hypothesis {
    pub(crate) rank: u32,
    pub(crate) entity: Entity,
    pub(crate) cause: String,
    pub(crate) mechanism: String,
    pub(crate) confidence: Confidence,
    pub(crate) terms: Vec<Term>,
    pub(crate) evidence: Vec<Citation>,
    pub(crate) against: Vec<Citation>,
    pub(crate) unseen: Vec<String>,
    pub(crate) explains: Vec<Entity>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Recommendation {
    pub(crate) rank: u32,
    pub(crate) title: String,
    pub(crate) reason: String,
    /// Whole, or not at all: half a command is not to be run.
    pub(crate) command: Option<String>,
    /// Why the command is not shown, or is not to be run as it is.
    pub(crate) command_note: Option<String>,
    pub(crate) reversible: bool,
    pub(crate) confidence: Confidence,
    pub(crate) action: Option<Proposed>,
}

/// A write that is proposed and not performed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Proposed {
    /// `patch Deployment shop/payments (apps/v1)`.
    pub(crate) what: String,
    pub(crate) expected: String,
    /// The patch as JSON.
    pub(crate) patch: String,
    /// The way back as JSON.
    pub(crate) reversal: Option<String>,
}

/// A cause that was considered and does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RuledOut {
    pub(crate) entity: Entity,
    pub(crate) cause: String,
    pub(crate) reason: String,
    pub(crate) evidence: Vec<Citation>,
}

/// An observation made to tell hypotheses apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Test {
    pub(crate) question: String,
    pub(crate) answer: String,
}

pub(super) fn hypotheses(report: &Report, cites: &Citations) -> Vec<Hypothesis> {
    report
        .hypotheses
        .iter()
        .map(|hypothesis| Hypothesis {
            rank: hypothesis.rank,
            entity: Entity::new(&hypothesis.entity),
            cause: untrusted::line(&hypothesis.cause, STATEMENT),
            mechanism: untrusted::line(&hypothesis.mechanism, NAME),
            confidence: Confidence::new(hypothesis.confidence),
            terms: hypothesis
                .terms
                .iter()
                .map(|term| Term {
                    name: untrusted::line(&term.name, NAME),
                    log_odds: if term.log_odds.is_nan() {
                        0.0
                    } else {
                        term.log_odds.clamp(-99.0, 99.0)
                    },
                })
                .collect(),
            evidence: fold::folded(cites.all(&hypothesis.evidence)),
            against: fold::folded(cites.all(&hypothesis.against)),
            unseen: hypothesis
                .unseen
                .iter()
                .map(|text| untrusted::line(text, STATEMENT))
                .collect(),
            explains: hypothesis.explains.iter().map(Entity::new).collect(),
        })
        .collect()
}

pub(super) fn recommendations(report: &Report) -> Vec<Recommendation> {
    report
        .recommendations
        .iter()
        .map(|recommendation| {
            let (command, command_note) = command(recommendation.command.as_deref());
            Recommendation {
                rank: recommendation.rank,
                title: untrusted::line(&recommendation.title, STATEMENT),
                reason: untrusted::line(&recommendation.reason, STATEMENT),
                command,
                command_note,
                reversible: recommendation.reversible,
                confidence: Confidence::new(recommendation.confidence),
                action: recommendation.action.as_ref().map(|action| {
                    let verb = match action.verb {
                        Verb::Patch => "patch",
                        Verb::Create => "create",
                        Verb::Delete => "delete",
                        Verb::Evict => "evict",
                        _ => "change",
                    };
                    let json = |value| untrusted::block(&format!("{value:#}"), BLOCK);
                    Proposed {
                        what: format!(
                            "{verb} {} ({})",
                            Entity::new(&action.target).full(),
                            untrusted::line(&action.api_version, NAME)
                        ),
                        expected: untrusted::line(&action.expected, STATEMENT),
                        patch: json(&action.patch),
                        reversal: action.reversal.as_ref().map(json),
                    }
                }),
            }
        })
        .collect()
}

/// The command as it may be copied, and what is wrong with it.
fn command(text: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return (None, None);
    };
    let length = text.chars().count();
    if length > BLOCK {
        let note = format!(
            "The command has {length} characters and is not shown; it is in the JSON form of the report."
        );
        return (None, Some(note));
    }
    let clean = untrusted::neutral(text);
    let note = text.chars().any(untrusted::is_deceptive).then(|| {
        "The command holds characters that cannot be shown and were taken out. Do not run it as it is."
            .to_owned()
    });
    (Some(clean.trim_end().to_owned()), note)
}

pub(super) fn ruled_out(report: &Report, cites: &Citations) -> Vec<RuledOut> {
    report
        .ruled_out
        .iter()
        .map(|ruled| RuledOut {
            entity: Entity::new(&ruled.entity),
            cause: untrusted::line(&ruled.cause, STATEMENT),
            reason: untrusted::line(&ruled.reason, STATEMENT),
            evidence: cites.all(&ruled.evidence),
        })
        .collect()
}

pub(super) fn tests(report: &Report) -> Vec<Test> {
    report
        .tests
        .iter()
        .map(|test| Test {
            question: untrusted::line(&test.question, STATEMENT),
            answer: untrusted::line(&test.answer, STATEMENT),
        })
        .collect()
}

#[cfg(test)]
mod tests_of_commands {
    use super::*;

    #[test]
    fn a_clean_command_is_shown_as_it_is() {
        let text = "kubectl -n shop get pods \\\n\t-o wide";
        assert_eq!(command(Some(text)), (Some(text.to_owned()), None));
    }

    #[test]
    fn a_command_with_hidden_characters_is_marked() {
        let (shown, note) = command(Some("kubectl delete\u{202e} pod x"));
        assert_eq!(shown.unwrap(), "kubectl delete\u{fffd} pod x");
        assert!(note.unwrap().contains("Do not run it"));
    }

    #[test]
    fn half_a_command_is_never_shown() {
        let (shown, note) = command(Some(&"x".repeat(BLOCK + 1)));
        assert_eq!(shown, None);
        assert!(note.unwrap().contains("8001 characters"));
    }
}
