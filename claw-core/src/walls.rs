//! Whether the API server holds an agent to what its policy says: the verdict on its rights and on the admission policies around
//! it.
//!
//! Whoever has looked at the cluster fills a [`Standing`] in; whoever decides about writes asks it [`Standing::holds`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::Gap;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The account may do what it never should, or what the phase has not reached.
    OverPrivileged,
    /// An admission policy is not there, or nothing has the API server ask it.
    WallMissing,
    /// An admission policy is there, and says something else.
    WallDiffers,
    /// The account lacks a right that it needs: what it is for fails, and nothing worse.
    RightMissing,
}

impl FaultKind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OverPrivileged => "over-privileged",
            Self::WallMissing => "wall missing",
            Self::WallDiffers => "wall differs",
            Self::RightMissing => "right missing",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Of what kind.
    pub kind: FaultKind,
    /// What it is, and where: a right (`delete namespaces in all namespaces`), an object (`ValidatingAdmissionPolicy NAME`).
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.kind.name(), self.what, self.remedy)
    }
}

/// How the walls around an agent stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// How many rights and objects were looked at.
    pub looked_at: usize,
    /// What is not as it should be, the worst first.
    pub faults: Vec<Fault>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
}

impl Standing {
    /// Whether the API server is known to hold the agent to its policy: no right too many, every wall there and as it should be.
    /// Where nothing was looked at, or something could not be, it is not known. A right that is missing changes nothing here.
    pub fn holds(&self) -> bool {
        let harmless = |fault: &Fault| fault.kind == FaultKind::RightMissing;
        self.looked_at > 0 && self.gaps.is_empty() && self.faults.iter().all(harmless)
    }

    /// Whether it [holds](Self::holds), and no right is missing.
    pub fn is_intact(&self) -> bool {
        self.holds() && self.faults.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(kind: FaultKind) -> Standing {
        Standing {
            looked_at: 1,
            faults: vec![Fault {
                kind,
                what: "delete namespaces in all namespaces".to_owned(),
                remedy: "take it away".to_owned(),
            }],
            gaps: Vec::new(),
        }
    }

    #[test]
    fn walls_hold_when_all_was_seen_and_nothing_is_too_much() {
        assert!(!Standing::default().holds(), "nothing was looked at");
        let good = Standing {
            looked_at: 1,
            ..Standing::default()
        };
        assert!(good.holds() && good.is_intact());
        for kind in [
            FaultKind::OverPrivileged,
            FaultKind::WallMissing,
            FaultKind::WallDiffers,
        ] {
            assert!(!with(kind).holds(), "{kind:?}");
        }
        let weak = with(FaultKind::RightMissing);
        assert!(weak.holds() && !weak.is_intact());
        let unseen = Standing {
            gaps: vec![Gap {
                source: "right to delete namespaces".to_owned(),
                reason: "no answer".to_owned(),
                remedy: "try again".to_owned(),
            }],
            ..good
        };
        assert!(!unseen.holds());
    }

    #[test]
    fn a_fault_says_what_and_what_to_do() {
        let said = with(FaultKind::OverPrivileged).faults[0].to_string();
        assert_eq!(
            said,
            "over-privileged: delete namespaces in all namespaces; take it away"
        );
    }
}
