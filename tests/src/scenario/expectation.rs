//! `expect.json`: the right answer to a scenario.

use std::collections::BTreeMap;

use claw_core::entity::EntityRef;
use claw_core::report::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The right answer to a scenario.
///
/// ```json
/// {
///   "verdict": "cause",
///   "root_cause": {
///     "entity": {"kind": "Deployment", "namespace": "shop", "name": "cart"},
///     "accept": [{"kind": "Pod", "namespace": "shop", "name": "cart-6f7b9-x2k4q"}],
///     "mechanisms": ["memory_limit"]
///   },
///   "must_not_blame": {
///     "entities": [{"kind": "Deployment", "namespace": "shop", "name": "web"}],
///     "changes": ["Deployment/shop/web@41"]
///   },
///   "absent": {"network_policy": "the policy of cart lets web in"},
///   "decoys": {"application_crash": "a worker crashed once, nine days ago"},
///   "cited": true
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The answer in one word: `cause`, `unknown` (something is wrong, and the recording does not show why) or
    /// `healthy` (nothing is wrong).
    pub verdict: Verdict,
    /// What the first hypothesis has to say. Given with the verdict `cause`, and with no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCause>,
    /// What must not be blamed, since it only stands near, shouts louder, or suffers.
    #[serde(default)]
    pub must_not_blame: MustNotBlame,
    /// Mechanisms whose setting is in the world and in order, by id, each with what is there. No hypothesis may bear the id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<String, String>,
    /// Mechanisms that something in the world looks like without being the cause, by id, each with what does. The first
    /// hypothesis must not bear the id, and no likely one may.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decoys: BTreeMap<String, String>,
    /// Whether the first hypothesis has to cite evidence for what it says.
    #[serde(default)]
    pub cited: bool,
    /// Whether it is only what a replay answered once: a person has not looked at it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// What the first hypothesis has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootCause {
    /// What is at fault.
    pub entity: EntityRef,
    /// Other entities that are right as well, such as a pod of the workload at fault.
    #[serde(default)]
    pub accept: Vec<EntityRef>,
    /// Ids of the mechanisms that are right; one at least.
    pub mechanisms: Vec<String>,
    /// Reference of the change that brought it, as it stands in reports; it has to be blamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

impl RootCause {
    /// Whether `entity` is at fault.
    pub fn is(&self, entity: &EntityRef) -> bool {
        self.entity == *entity || self.accept.contains(entity)
    }
}

/// What must not be blamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MustNotBlame {
    /// Entities that the first hypothesis must not name.
    #[serde(default)]
    pub entities: Vec<EntityRef>,
    /// References of changes that must not be blamed, as they stand in reports. A change that is recorded and seen on
    /// the objects as well may have two.
    #[serde(default)]
    pub changes: Vec<String>,
}

impl Expectation {
    /// Reads the content of `expect.json`.
    ///
    /// # Errors
    /// If it has another form, or contradicts itself.
    pub fn parse(value: Value) -> Result<Self, ExpectationError> {
        let expect: Self = serde_json::from_value(value)?;
        expect.check()?;
        Ok(expect)
    }

    fn check(&self) -> Result<(), ExpectationError> {
        self.check_cause()?;
        self.check_kinds()
    }

    fn check_cause(&self) -> Result<(), ExpectationError> {
        let senseless = |reason| Err(ExpectationError::Senseless { reason });
        match (self.verdict, &self.root_cause) {
            (Verdict::Cause, None) => senseless("the verdict `cause` needs a `root_cause`"),
            (Verdict::Cause, Some(cause)) if cause.mechanisms.is_empty() => {
                senseless("`root_cause` names no mechanism; name one that is right")
            }
            (Verdict::Cause, Some(cause))
                if self.must_not_blame.entities.iter().any(|entity| cause.is(entity)) =>
            {
                senseless("an entity is both at fault and not to be blamed")
            }
            (Verdict::Cause, Some(_)) => Ok(()),
            (Verdict::Unknown | Verdict::Healthy, None) if self.cited => {
                senseless("`cited` speaks of a first hypothesis; leave it out with this verdict")
            }
            (Verdict::Unknown | Verdict::Healthy, None) => Ok(()),
            (Verdict::Unknown | Verdict::Healthy, Some(_)) => {
                senseless("a `root_cause` goes with the verdict `cause` only")
            }
            _ => senseless("the verdict has to be `cause`, `unknown` or `healthy`"),
        }
    }

    fn check_kinds(&self) -> Result<(), ExpectationError> {
        let senseless = |reason| Err(ExpectationError::Senseless { reason });
        let right = |id: &String| {
            let mut causes = self.root_cause.iter();
            causes.any(|cause| cause.mechanisms.contains(id))
        };
        if self.absent.keys().chain(self.decoys.keys()).any(right) {
            return senseless("a mechanism that is right is also in `absent` or `decoys`");
        }
        if self.absent.keys().any(|id| self.decoys.contains_key(id)) {
            return senseless("a mechanism is both in `absent` and in `decoys`");
        }
        let mut told = self.absent.values().chain(self.decoys.values());
        if told.any(|what| what.trim().is_empty()) {
            return senseless("say of each mechanism in `absent` and `decoys` what is there");
        }
        Ok(())
    }
}

/// The right answer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectationError {
    /// There is none.
    #[error("is not there; a scenario needs one")]
    Absent,
    /// It has another form.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// It contradicts itself.
    #[error("{reason}")]
    Senseless {
        /// How, and what to do.
        reason: &'static str,
    },
}
