use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::approval::{Group, Terms};
use crate::breaker;
use crate::radius::Limits;

/// The bounds of a pipeline besides its policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Settings {
    /// How far one action may reach without a person who looks at it.
    pub action: Limits,
    /// How far all actions of one run may reach together within a day, a sliding one. As far as one action unless set.
    pub run: Limits,
    /// How far all actions of an hour may reach together, a sliding one. Twice as far as one action unless set.
    pub hour: Limits,
    /// When circuits open.
    pub breaker: breaker::Settings,
    /// Who approves.
    pub approvals: Approvals,
    /// Managers of fields that people write with; of those a field may be taken over. What other managers have set is theirs:
    /// they would set it again. `kubectl` in all its forms, `helm` and the agent itself unless set; a name that ends with `*` stands for all that begin so.
    pub hands: Vec<String>,
    /// For how long the target of a write is watched. 15 min unless set.
    pub watch_for: SignedDuration,
    /// How long one action may take from the judgement to the record of what came of it, people not counted. 60 s unless set.
    pub time: SignedDuration,
    /// For how long it is known what came of an action, so that it is not done again. 7 days unless set.
    pub remember_for: SignedDuration,
}

impl Default for Settings {
    fn default() -> Self {
        let action = Limits::default();
        let twice = |number: u32| number.saturating_mul(2);
        let hour = Limits {
            objects: twice(action.objects),
            namespaces: twice(action.namespaces),
            pods: twice(action.pods),
            nodes: twice(action.nodes),
            zones: twice(action.zones),
            ..action.clone()
        };
        Self {
            run: action.clone(),
            action,
            hour,
            breaker: breaker::Settings::default(),
            approvals: Approvals::default(),
            hands: ["kubectl*", "helm", "claw*"].map(str::to_owned).into(),
            watch_for: SignedDuration::from_mins(15),
            time: SignedDuration::from_secs(60),
            remember_for: SignedDuration::from_hours(7 * 24),
        }
    }
}

/// A setting with which the pipeline would protect nothing, or could never do anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// One of the breaker's.
    #[error("breaker: {0}")]
    Breaker(#[from] breaker::SettingsError),
    /// Another one.
    #[error("{place}: {problem}; {remedy}")]
    Setting {
        /// Which.
        place: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What it may be.
        remedy: &'static str,
    },
}

impl Settings {
    /// That they protect something, and that something can be done with them.
    ///
    /// # Errors
    /// With the first that does not fit.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.breaker.check()?;
        let approvals = &self.approvals;
        let second = SignedDuration::from_secs(1);
        let day = SignedDuration::from_hours(24);
        let times = [
            ("time", self.time, second, SignedDuration::from_mins(10)),
            ("watch_for", self.watch_for, SignedDuration::from_mins(1), day),
            ("remember_for", self.remember_for, day, day * 366),
            (
                "approvals.wait",
                approvals.wait,
                SignedDuration::from_mins(1),
                day * 90,
            ),
            (
                "approvals.wait_at_once",
                approvals.wait_at_once,
                SignedDuration::from_mins(1),
                day,
            ),
            (
                "approvals.escalate_after",
                approvals.escalate_after,
                SignedDuration::from_mins(1),
                day * 90,
            ),
        ];
        for (place, set, least, most) in times {
            if set < least || set > most {
                return Err(SettingsError::Setting {
                    place,
                    problem: format!("{set:#} is not from {least:#} to {most:#}"),
                    remedy: "set a time within these bounds",
                });
            }
        }
        if self.remember_for < approvals.wait {
            return Err(SettingsError::Setting {
                place: "remember_for",
                problem: format!(
                    "what was done is forgotten after {:#}, and people may approve for {:#}",
                    self.remember_for, approvals.wait
                ),
                remedy: "remember for at least as long as people have",
            });
        }
        for hand in &self.hands {
            // `*` alone would make a hand of every controller, and an empty text of a manager without a name.
            if hand.trim_end_matches('*').trim().is_empty() {
                return Err(SettingsError::Setting {
                    place: "hands",
                    problem: format!("`{hand}` would let every field be taken over"),
                    remedy: "name the managers that people write with",
                });
            }
        }
        if !approvals.groups.is_empty() {
            let terms = Terms::new(approvals.groups.clone());
            terms.check().map_err(|error| SettingsError::Setting {
                place: "approvals.groups",
                problem: error.to_string(),
                remedy: "list each person once, with their accounts, in groups that have somebody",
            })?;
        }
        Ok(())
    }

    /// Whether people write with this manager.
    pub(super) fn is_hand(&self, manager: &str) -> bool {
        self.hands.iter().any(|hand| match hand.strip_suffix('*') {
            Some(beginning) => manager.starts_with(beginning),
            None => manager == hand,
        })
    }
}

/// Who approves, and how long they have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Approvals {
    /// Who may decide: at first the first group, after each `escalate_after` also the next. Nobody unless set, so that
    /// nothing is approved.
    pub groups: Vec<Group>,
    /// How long a group has before the next one is asked as well. 1 h unless set.
    pub escalate_after: SignedDuration,
    /// How long people have for what they decide in their own time; then it is denied. 3 days unless set.
    pub wait: SignedDuration,
    /// How long people have for what they decide at once. 1 h unless set.
    pub wait_at_once: SignedDuration,
    /// Who never decides, besides whoever asked: the accounts of agents.
    pub excluded: Vec<String>,
}

impl Approvals {
    /// With these groups, the first of which is asked first.
    pub fn asking(groups: Vec<Group>) -> Self {
        Self {
            groups,
            ..Self::default()
        }
    }
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            escalate_after: SignedDuration::from_hours(1),
            wait: SignedDuration::from_hours(72),
            wait_at_once: SignedDuration::from_hours(1),
            excluded: Vec::new(),
        }
    }
}
