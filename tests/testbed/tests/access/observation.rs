//! What a tool says with the rights of one account, and how that compares.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::gate::ObserveError;
use claw_core::tool::{ToolContext, ToolErrorKind, ToolSpec};
use claw_k8s::access::{Loss, preflight};
use claw_testbed::suite::Testbed;
use serde_json::Value;

use super::agent_under_test::{AgentUnderTest, Reader};
use super::right::Right;
use super::world::Arguments;

/// How long the questions about rights may take.
const QUESTIONS: Duration = Duration::from_secs(30);

/// The answers of one tool, and the rights that its agent says it lacks.
pub(crate) struct Observation {
    pub(crate) losses: Vec<Loss>,
    pub(crate) answers: Vec<Answer>,
}

/// An answer: what was found, how much of each kind, and what could not be seen.
#[derive(Debug)]
pub(crate) enum Answer {
    Given {
        counts: BTreeMap<String, usize>,
        gaps: Vec<String>,
    },
    Refused {
        kind: ToolErrorKind,
        text: String,
    },
}

impl Observation {
    /// Asks anew: nothing that was read before is used. Rights are asked about in `place`, or in all namespaces.
    pub(crate) async fn of(
        testbed: &Testbed,
        reader: &Reader,
        tool: &ToolSpec,
        arguments: &[Arguments],
        place: Option<&str>,
    ) -> Self {
        let cx = ToolContext::new(Arc::new(SystemClock), QUESTIONS);
        let needs = [(tool.name.as_str(), &tool.access)];
        let found = preflight(&reader.cluster(), &cx, needs, place).await;
        assert!(found.gaps.is_empty(), "{:?}", found.gaps);
        Self {
            losses: found.losses,
            answers: answers(testbed, reader, tool, arguments).await,
        }
    }

    /// How this observation, without `right`, compares with the answers of one that has all rights. An error says what is not as it should be.
    pub(crate) fn compare(&self, right: &Right, whole: &[Answer]) -> Result<(), String> {
        let [loss] = self.losses.as_slice() else {
            return Err(format!("one right is said to be missing, not {:?}", self.losses));
        };
        if (&loss.group, &loss.resource) != (&right.group, &right.resource)
            || loss.verbs != [right.verb.as_str()]
        {
            return Err(format!("another right is said to be missing: {loss:?}"));
        }
        let pairs = || self.answers.iter().zip(whole);
        if !right.used {
            if !loss.meaning.contains(" works; ") {
                return Err(format!("more is said to be lost than is: {}", loss.meaning));
            }
            let differs = pairs().find(|(part, whole)| !part.is_same(whole));
            return match differs {
                None => Ok(()),
                Some((part, whole)) => Err(format!(
                    "calls use it, against what is declared: {part:?} differs from {whole:?}"
                )),
            };
        }
        let fails = loss.meaning.contains("does not work without");
        if fails != (right.need == claw_core::access::Need::Required) {
            return Err(format!("{right:?}, and yet it is said: {}", loss.meaning));
        }
        for (part, whole) in pairs() {
            part.is_part_of(whole, right)?;
        }
        let refused = self.answers.iter().filter(|answer| answer.is_refused()).count();
        if fails && refused < self.answers.len() {
            return Err(format!(
                "it works without, against what is declared: {:?}",
                self.answers
            ));
        }
        if !fails && refused == self.answers.len() {
            return Err(format!("nothing is given without it: {:?}", self.answers));
        }
        if self.answers.iter().all(|answer| !answer.misses(right)) {
            return Err(format!("no answer says that it is missing: {:?}", self.answers));
        }
        Ok(())
    }
}

/// The tool's answers alone, to each of the arguments.
pub(crate) async fn answers(
    testbed: &Testbed,
    reader: &Reader,
    tool: &ToolSpec,
    arguments: &[Arguments],
) -> Vec<Answer> {
    let agent = AgentUnderTest::new(testbed, reader);
    let mut answers = Vec::new();
    for arguments in arguments {
        answers.push(match agent.call(&tool.name, arguments.given.clone()).await {
            Ok(answer) => Answer::given(&answer),
            Err(ObserveError::Tool(error)) => Answer::Refused {
                kind: error.kind(),
                text: error.to_string(),
            },
            Err(error) => panic!("{} {}: {error}", tool.name, arguments.given),
        });
    }
    let (calls, records) = agent.recorded();
    assert!(
        calls <= records,
        "{calls} calls, {records} records in the audit log"
    );
    answers
}

impl Answer {
    fn given(answer: &Value) -> Self {
        let mut counts = BTreeMap::new();
        count(answer, "", &mut counts);
        let gaps = answer.get("gaps").and_then(Value::as_array);
        let reason = |gap: &Value| gap.get("reason").and_then(Value::as_str).map(str::to_owned);
        Self::Given {
            counts,
            gaps: gaps.into_iter().flatten().filter_map(reason).collect(),
        }
    }

    /// What it says that was not allowed.
    pub(crate) fn refusals(&self) -> Vec<&str> {
        let said: Vec<&str> = match self {
            Self::Given { gaps, .. } => gaps.iter().map(String::as_str).collect(),
            Self::Refused { text, .. } => vec![text],
        };
        let refused = said.into_iter().filter(|text| text.starts_with("not allowed"));
        refused.collect()
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    fn misses(&self, right: &Right) -> bool {
        match self {
            Self::Given { gaps, .. } => gaps.iter().any(|gap| right.is_missed_in(gap)),
            Self::Refused { kind, text } => *kind == ToolErrorKind::Denied && right.is_missed_in(text),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Given { counts, gaps },
                Self::Given {
                    counts: other_counts,
                    gaps: other_gaps,
                },
            ) => counts == other_counts && gaps == other_gaps,
            _ => false,
        }
    }

    /// Whether this is the other answer without what a right shows: no more than there, and no other gap besides.
    fn is_part_of(&self, whole: &Self, right: &Right) -> Result<(), String> {
        let Self::Given {
            counts: all,
            gaps: known,
        } = whole
        else {
            return Err(format!("with all rights it fails: {whole:?}"));
        };
        match self {
            Self::Refused { .. } if self.misses(right) => Ok(()),
            Self::Refused { text, .. } => Err(format!("it fails for another reason: {text}")),
            Self::Given { counts, gaps } => {
                let more = counts.iter().find(|(kind, count)| all.get(*kind) < Some(count));
                if let Some((kind, count)) = more {
                    return Err(format!("{count} {kind} are more than with all rights: {all:?}"));
                }
                let other = gaps
                    .iter()
                    .find(|gap| !known.contains(gap) && !right.is_missed_in(gap));
                other.map_or(Ok(()), |gap| Err(format!("something else is missing too: {gap}")))
            }
        }
    }
}

/// The lengths of all lists that an answer has near its top, by their place. Gaps are compared by what they say.
fn count(value: &Value, place: &str, counts: &mut BTreeMap<String, usize>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{name}");
        match value {
            Value::Array(list) if place != "/gaps" => {
                counts.insert(place, list.len());
            }
            Value::Object(_) => count(value, &place, counts),
            _ => {}
        }
    }
}
