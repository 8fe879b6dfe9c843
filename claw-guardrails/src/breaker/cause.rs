//! Why a circuit opened.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Why a circuit opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// Writes failed.
    Failures {
        /// How many.
        count: usize,
        /// Within which time.
        within: SignedDuration,
    },
    /// Objects got worse after writes to them.
    Regressions {
        /// How many.
        count: usize,
        /// Within which time.
        within: SignedDuration,
    },
    /// Writes found their objects changed by somebody else.
    Conflicts {
        /// How many.
        count: usize,
        /// Within which time.
        within: SignedDuration,
    },
    /// A write took back a recent one.
    Flapping {
        /// Within which time.
        within: SignedDuration,
    },
    /// A plan wanted more than its budget.
    OverBudget {
        /// Which budget, with its size.
        budget: String,
    },
    /// It is down.
    Down {
        /// As far as is known.
        why: String,
    },
    /// A person opened it.
    Person {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { count, within } => write!(f, "{count} writes failed within {within:#}"),
            Self::Regressions { count: 1, .. } => f.write_str("an object got worse after a write to it"),
            Self::Regressions { count, within } => {
                write!(
                    f,
                    "{count} objects got worse after writes to them within {within:#}"
                )
            }
            Self::Conflicts { count, within } => {
                write!(
                    f,
                    "{count} writes found their objects changed by others within {within:#}"
                )
            }
            Self::Flapping { within } => write!(f, "a write took back what was written within {within:#}"),
            Self::OverBudget { budget } => write!(f, "more was asked for than {budget}"),
            Self::Down { why } => write!(f, "it is down: {why}"),
            Self::Person { by, why } => write!(f, "{by} opened it: {why}"),
        }
    }
}
