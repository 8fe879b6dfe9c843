//! Requests to API servers, by the ids under which the servers' own audit logs have them.
//!
//! An API server takes the id of a request from its header `Audit-ID`, where there is one, and writes it into its audit log. So
//! the ids are chosen here, before anything is sent: those of one call are a name with numbers from 0, `claw-18af…-1.7.0`,
//! `claw-18af…-1.7.1` and so on. A record needs but the name and how many there were, be it one or ten thousand; none is
//! left out, and a request that was never answered has an id all the same.
//!
//! [`Requests`] goes along with a call in its [`ToolContext`](crate::tool::ToolContext), and whoever sends a request takes an id from it.
//! [`Gate`](crate::gate::Gate) records them as [`Requested`]. What is asked again and again on nobody's behalf is a
//! [`Chore`], whose requests are recorded together.
//!
//! A write that was permitted has the id that [`ActionId::request_id`](crate::execute::ActionId::request_id) says: it follows from the
//! record that permits it, which is durable before the write is sent.

mod chore;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chore::Chore;

/// Exceptions that one record holds at most: there may be as many as requests, and a record has to fit a line of a log.
const MOST_EXCEPTIONS: usize = 1_000;

/// Longest id of a server that is kept, in characters. They are at most 64 unless somebody chose them.
const ID_CHARS: usize = 128;

/// Requests that were sent, by the ids that they went by: `name.first`, and those that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Requested {
    /// The beginning of their ids.
    pub name: String,
    /// Number of the first one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first: u64,
    /// How many there were.
    pub count: u64,
    /// Numbers of those to which no answer came: they may not have reached the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<u64>,
    /// Those that the server says to have under another id. It does so where something before it takes the id away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<Renamed>,
}

/// A request that the server has under another id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Renamed {
    /// Its number.
    pub number: u64,
    /// What the server says that its id is. Untrusted text.
    pub id: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Requested {
    /// The ids under which the server has them, each with whether an answer came.
    pub fn ids(&self) -> impl Iterator<Item = (String, bool)> + '_ {
        let numbers = self.first..self.first.saturating_add(self.count);
        numbers.map(|number| {
            let renamed = self.renamed.iter().find(|renamed| renamed.number == number);
            let id = match renamed {
                Some(renamed) => renamed.id.clone(),
                None => id(&self.name, number),
            };
            (id, !self.unanswered.contains(&number))
        })
    }

    /// The same in as many parts as it takes for each of them to fit a record.
    pub(crate) fn parts(self) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        while rest.unanswered.len().saturating_add(rest.renamed.len()) > MOST_EXCEPTIONS {
            let mut numbers: Vec<u64> = rest.unanswered.clone();
            numbers.extend(rest.renamed.iter().map(|renamed| renamed.number));
            numbers.sort_unstable();
            numbers.dedup();
            let end = numbers.get(MOST_EXCEPTIONS / 2).copied().unwrap_or(rest.first);
            let (unanswered, later) = rest.unanswered.iter().partition(|number| **number < end);
            let (renamed, renamed_later) = rest.renamed.into_iter().partition(|it| it.number < end);
            parts.push(Self {
                name: rest.name.clone(),
                first: rest.first,
                count: end.saturating_sub(rest.first),
                unanswered,
                renamed,
            });
            rest = Self {
                count: rest.first.saturating_add(rest.count).saturating_sub(end),
                first: end,
                unanswered: later,
                renamed: renamed_later,
                name: rest.name,
            };
        }
        parts.push(rest);
        parts
    }
}

fn id(name: &str, number: u64) -> String {
    format!("{name}.{number}")
}

/// Gives the requests of a call their ids. Clones are the same one.
///
/// The default gives none, for calls that nobody records: what those ask has the ids that the server chooses.
#[derive(Clone, Default)]
pub struct Requests(Option<Arc<Ledger>>);

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.as_ref().map(|ledger| &ledger.name);
        f.debug_tuple("Requests").field(&name).finish()
    }
}

struct Ledger {
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Number of the next one.
    next: u64,
    /// Number of the first one that is in no record yet.
    first: u64,
    /// Those that are under way.
    open: BTreeSet<u64>,
    unanswered: BTreeSet<u64>,
    renamed: Vec<Renamed>,
    /// The call has ended, and its record is written.
    closed: bool,
}

impl Requests {
    /// Gives ids that begin with `name`, which must be the name of nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self(Some(Arc::new(Ledger {
            name: name.into(),
            state: Mutex::default(),
        })))
    }

    /// With what their ids begin.
    pub(crate) fn name(&self) -> &str {
        self.0.as_ref().map_or("", |ledger| &ledger.name)
    }

    /// A request is about to be sent.
    pub fn begin(&self) -> Request {
        let Some(ledger) = &self.0 else {
            return Request(None);
        };
        let mut state = ledger.state();
        let number = state.next;
        state.next = number.saturating_add(1);
        state.open.insert(number);
        if state.closed {
            tracing::warn!(
                request = id(&ledger.name, number),
                "a request is sent on behalf of a call that has ended: it is in no record"
            );
        }
        drop(state);
        Request(Some(Open {
            id: id(&ledger.name, number),
            number,
            ledger: Arc::clone(ledger),
        }))
    }

    /// Those that are in no record yet and over; they count as recorded from now on. Nothing that follows one that is still
    /// under way.
    pub(crate) fn take(&self) -> Option<Requested> {
        let ledger = self.0.as_ref()?;
        let mut state = ledger.state();
        let end = state.open.first().copied().unwrap_or(state.next);
        ledger.until(&mut state, end)
    }

    /// Those that are in no record yet. There are to be no more: what is still under way is not waited for.
    pub(crate) fn close(&self) -> Option<Requested> {
        let ledger = self.0.as_ref()?;
        let mut state = ledger.state();
        state.closed = true;
        let open = std::mem::take(&mut state.open);
        state.unanswered.extend(open);
        let end = state.next;
        ledger.until(&mut state, end)
    }

    /// How many are in no record yet.
    pub(crate) fn waiting(&self) -> u64 {
        let state = self.0.as_ref().map(|ledger| ledger.state());
        state.map_or(0, |state| state.next.saturating_sub(state.first))
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, state: &mut State, end: u64) -> Option<Requested> {
        let first = std::mem::replace(&mut state.first, end);
        let later = state.unanswered.split_off(&end);
        let unanswered = std::mem::replace(&mut state.unanswered, later);
        let (mut renamed, later): (Vec<_>, Vec<_>) = state.renamed.drain(..).partition(|it| it.number < end);
        state.renamed = later;
        renamed.sort_by_key(|it| it.number);
        (end > first).then(|| Requested {
            name: self.name.clone(),
            first,
            count: end.saturating_sub(first),
            unanswered: unanswered.into_iter().collect(),
            renamed,
        })
    }
}

/// A request that is under way. Dropping it says that no answer came.
#[must_use = "say whether an answer came"]
pub struct Request(Option<Open>);

struct Open {
    id: String,
    number: u64,
    ledger: Arc<Ledger>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Request").field(&self.id()).finish()
    }
}

impl Request {
    /// The id to send it under; none where nobody records it.
    pub fn id(&self) -> Option<&str> {
        self.0.as_ref().map(|open| open.id.as_str())
    }

    /// An answer came; it says that the server has the request under `id`, if it says anything about that.
    pub fn answered(mut self, id: Option<&str>) {
        let Some(open) = self.0.take() else {
            return;
        };
        let mut state = open.ledger.state();
        // Of one that was given up it is on record that no answer came.
        if state.open.remove(&open.number)
            && let Some(id) = id.filter(|id| *id != open.id)
        {
            state.renamed.push(Renamed {
                number: open.number,
                id: id.chars().filter(|c| !c.is_control()).take(ID_CHARS).collect(),
            });
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            let mut state = open.ledger.state();
            if state.open.remove(&open.number) {
                state.unanswered.insert(open.number);
            }
        }
    }
}
