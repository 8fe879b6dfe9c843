//! A request for approval, from the asking to the use.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::binding::Binding;
use super::group::Group;
use super::terms::{Terms, is_program};
use super::vote::{Carrier, Verdict, Vote};

/// How far clocks of voters may be ahead of the agent's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Not enough people have decided.
    Pending,
    /// Enough people have said yes, and it was not used yet.
    Approved {
        /// When.
        at: Timestamp,
    },
    /// Somebody said no.
    Denied {
        /// The person.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// The time was over. That is a no.
    Expired,
    /// It was used.
    Used {
        /// When.
        at: Timestamp,
    },
}

impl State {
    /// In one word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "denied",
            Self::Expired => "expired",
            Self::Used { .. } => "used",
        }
    }
}

/// A vote does not count, or an approval cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// It is decided, over, or used.
    #[error("the request is {state}; ask anew if the action is still wanted")]
    Settled {
        /// How it stands.
        state: &'static str,
    },
    /// Too few people have said yes.
    #[error("the request has {given} of {needed} approvals; wait for the others")]
    TooFew {
        /// Who said yes.
        given: usize,
        /// How many are needed.
        needed: u8,
    },
    /// The voter may not decide.
    #[error("{by} may not decide on this request by {carrier:?}; {asked} may")]
    NotAsked {
        /// The voter.
        by: String,
        /// On which way the vote came.
        carrier: Carrier,
        /// The groups that may, by name.
        asked: String,
    },
    /// The voter is whoever asked, or an agent.
    #[error("{by} may not decide on a request of its own side; let somebody else look at it")]
    OwnSide {
        /// The voter.
        by: String,
    },
    /// The voter has said yes before, under this name or another one.
    #[error("{by} has decided already; another person is needed")]
    Again {
        /// The person.
        by: String,
    },
    /// The account is listed for several people, so that nobody knows who has voted.
    #[error("{by} by {carrier:?} is an account of {}; list it for one of them", people.join(" and of "))]
    Ambiguous {
        /// The voter.
        by: String,
        /// On which way the vote came.
        carrier: Carrier,
        /// The people.
        people: Vec<String>,
    },
    /// What the voter looked at is not what is asked for.
    #[error("the vote is on something else than this request asks for; look at it again")]
    OtherDigest,
    /// The vote is from before the request, or from the future.
    #[error("the vote is of {at}, when there was nothing to decide on; vote again")]
    OutOfTime {
        /// When the voter says it was.
        at: Timestamp,
    },
    /// What was approved is no longer what would be done.
    #[error("approved was something else: since then {}; ask anew", differences.join(", "))]
    Changed {
        /// What is different.
        differences: Vec<&'static str>,
    },
}

/// The leave to do what was bound, once. Only [`Request::take`] gives it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an approval that is dropped is used up, and nothing is done"]
pub struct Approved {
    digest: String,
    by: Vec<String>,
}

impl Approved {
    /// Digest of what was approved.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The people who approved.
    pub fn by(&self) -> &[String] {
        &self.by
    }
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// Its name.
    pub id: String,
    /// How often it was changed; whoever keeps it compares this before it is written back.
    pub version: u64,
    /// What the approval would be good for.
    pub binding: Binding,
    /// What it takes.
    pub terms: Terms,
    /// When it was made.
    pub created: Timestamp,
    state: State,
    votes: Vec<Vote>,
}

impl Request {
    /// Asks for an approval.
    pub fn new(id: impl Into<String>, binding: Binding, terms: Terms, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            version: 0,
            binding,
            terms,
            created: now,
            state: State::Pending,
            votes: Vec::new(),
        }
    }

    /// How it stands at this time. What is not decided by its end is denied.
    pub fn state(&self, now: Timestamp) -> State {
        match &self.state {
            State::Pending | State::Approved { .. } if now >= self.binding.expires => State::Expired,
            other => other.clone(),
        }
    }

    /// The votes that counted, oldest first.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// The first no that counted.
    pub fn objection(&self) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.verdict == Verdict::Deny)
    }

    /// The groups that may decide by now.
    pub fn asked(&self, now: Timestamp) -> &[Group] {
        let waited = now
            .duration_since(self.created)
            .max(SignedDuration::ZERO)
            .as_secs();
        let turn = self.terms.turn().as_secs().max(1);
        let more = usize::try_from(waited.checked_div(turn).unwrap_or_default()).unwrap_or(usize::MAX);
        let groups = &self.terms.groups;
        let end = more.saturating_add(1).min(groups.len());
        groups.get(..end).unwrap_or_default()
    }

    /// Counts a vote.
    ///
    /// # Errors
    /// When it does not count; the request is as it was.
    pub fn vote(&mut self, vote: Vote, now: Timestamp) -> Result<(), ApprovalError> {
        let state = self.state(now);
        if state != State::Pending {
            // A no is heard as long as nothing was done: whoever has second thoughts is right. What is used stays used, and what was
            // sent is not sent again.
            let open = match state {
                State::Approved { .. } => true,
                State::Used { .. } => self.objection().is_none(),
                _ => false,
            };
            let heard = open && vote.verdict == Verdict::Deny;
            if !heard {
                return Err(ApprovalError::Settled { state: state.name() });
            }
        }
        if let Some(difference) = self.terms_differ() {
            let differences = vec![difference];
            return Err(ApprovalError::Changed { differences });
        }
        if vote.digest != self.binding.digest() {
            return Err(ApprovalError::OtherDigest);
        }
        let latest = now.checked_add(SKEW).unwrap_or(now);
        if vote.at < self.created.checked_sub(SKEW).unwrap_or(self.created) || vote.at > latest {
            return Err(ApprovalError::OutOfTime { at: vote.at });
        }
        let person = self.voter(&vote, now)?;
        match vote.verdict {
            Verdict::Deny if matches!(state, State::Used { .. }) => {}
            Verdict::Deny => self.state = State::Denied { by: person, at: now },
            Verdict::Approve => {
                let mut approvers = self.approvers();
                if !approvers.insert(person.clone()) {
                    return Err(ApprovalError::Again { by: person });
                }
                if approvers.len() >= self.needed() {
                    self.state = State::Approved { at: now };
                }
            }
        }
        self.votes.push(vote);
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Uses the approval for what would be done `now`, which has to be what was approved.
    ///
    /// # Errors
    /// When there is no approval, or it is for something else; in the latter case it stays unused, and what would be done
    /// is refused.
    pub fn take(&mut self, fresh: &Binding, now: Timestamp) -> Result<Approved, ApprovalError> {
        let approvers = self.approvers();
        match self.state(now) {
            State::Approved { .. } if approvers.len() >= self.needed() => {}
            State::Approved { .. } | State::Pending => {
                return Err(ApprovalError::TooFew {
                    given: approvers.len(),
                    needed: u8::try_from(self.needed()).unwrap_or(u8::MAX),
                });
            }
            other => return Err(ApprovalError::Settled { state: other.name() }),
        }
        let mut differences = self.binding.differences(fresh);
        differences.extend(self.terms_differ());
        if !differences.is_empty() {
            return Err(ApprovalError::Changed { differences });
        }
        self.state = State::Used { at: now };
        self.version = self.version.saturating_add(1);
        Ok(Approved {
            digest: self.binding.digest(),
            by: approvers.into_iter().collect(),
        })
    }

    /// The person whose vote it is, if they may decide by now.
    fn voter(&self, vote: &Vote, now: Timestamp) -> Result<String, ApprovalError> {
        let Vote { by, carrier, .. } = vote;
        let owners = self.terms.owners(*carrier, by);
        let own_side = is_program(*carrier, by)
            || self.terms.excludes(by)
            || owners.iter().any(|person| self.terms.excludes(person));
        if own_side {
            return Err(ApprovalError::OwnSide { by: by.clone() });
        }
        if owners.len() > 1 {
            return Err(ApprovalError::Ambiguous {
                by: by.clone(),
                carrier: *carrier,
                people: owners.into_iter().map(str::to_owned).collect(),
            });
        }
        let asked = self.asked(now);
        let person = owners
            .first()
            .filter(|_| asked.iter().any(|group| group.has(*carrier, by)));
        let Some(person) = person else {
            let names: Vec<&str> = asked.iter().map(|group| group.name.as_str()).collect();
            let asked = if names.is_empty() {
                "nobody".to_owned()
            } else {
                names.join(", ")
            };
            return Err(ApprovalError::NotAsked {
                by: by.clone(),
                carrier: *carrier,
                asked,
            });
        };
        Ok((*person).to_owned())
    }

    /// The people who have said yes. One of two names is one.
    fn approvers(&self) -> BTreeSet<String> {
        let yes = self.votes.iter().filter(|vote| vote.verdict == Verdict::Approve);
        let owners = yes.flat_map(|vote| self.terms.owners(vote.carrier, &vote.by));
        owners.map(str::to_owned).collect()
    }

    /// How many have to say yes: as many as the terms and the policy want.
    fn needed(&self) -> usize {
        usize::from(self.terms.needed.max(self.binding.approvers).max(1))
    }

    /// That the terms are not those that the binding was made with.
    fn terms_differ(&self) -> Option<&'static str> {
        (self.terms.digest() != self.binding.terms).then_some("the terms of the request were changed")
    }
}
