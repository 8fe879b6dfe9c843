//! What a process remembers besides the documents. A new one starts without it, and loses nothing but time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use claw_core::execute::ActionId;

use super::notice::Notice;

/// The first pause before something that went wrong is tried again, and the longest. Each is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// How often it is looked for intents that are over for long.
const SWEEPS: Duration = Duration::from_secs(3600);

/// What a pause is for: that carriers show how a request stands.
pub(super) fn showing(intent: &str) -> String {
    format!("show/{intent}")
}

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// By intent: votes that carriers bring again and again though they do not count.
    idle: BTreeMap<String, BTreeSet<String>>,
    /// By what is tried: until when it waits, and how long it waited last.
    pauses: BTreeMap<String, (Duration, Duration)>,
    /// By intent: its last request, and since when that has been on its way as far as this process knows.
    sent: BTreeMap<String, (ActionId, Duration)>,
    /// What people are told when the turn is over.
    notices: Vec<Notice>,
    swept: Option<Duration>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_idle(&self, intent: &str, vote: &str) -> bool {
        self.lock()
            .idle
            .get(intent)
            .is_some_and(|votes| votes.contains(vote))
    }

    pub(super) fn add_idle(&self, intent: &str, vote: String) {
        self.lock()
            .idle
            .entry(intent.to_owned())
            .or_default()
            .insert(vote);
    }

    /// Whether something that went wrong may be tried again.
    pub(super) fn may_try(&self, what: &str, now: Duration) -> bool {
        self.lock()
            .pauses
            .get(what)
            .is_none_or(|(until, _)| now >= *until)
    }

    /// It went wrong once more.
    pub(super) fn pause(&self, what: &str, now: Duration) {
        let mut remembered = self.lock();
        let last = remembered.pauses.get(what).map(|(_, pause)| *pause);
        let (first, longest) = PAUSES;
        let pause = last.map_or(first, |last| last.saturating_mul(2)).min(longest);
        remembered
            .pauses
            .insert(what.to_owned(), (now.saturating_add(pause), pause));
    }

    /// Something is different: it may be tried at once.
    pub(super) fn resume(&self, what: &str) {
        self.lock().pauses.remove(what);
    }

    pub(super) fn sent(&self, intent: &str, request: &ActionId, now: Duration) {
        let sent = (request.clone(), now);
        self.lock().sent.insert(intent.to_owned(), sent);
    }

    /// For how long its last request has been on its way. Where it was sent by another process, since this one has known of it.
    pub(super) fn since_sent(&self, intent: &str, request: &ActionId, now: Duration) -> Duration {
        let mut remembered = self.lock();
        match remembered.sent.get(intent) {
            Some((known, at)) if known == request => now.saturating_sub(*at),
            _ => {
                let sent = (request.clone(), now);
                remembered.sent.insert(intent.to_owned(), sent);
                Duration::ZERO
            }
        }
    }

    /// It is over.
    pub(super) fn forget(&self, intent: &str) {
        let mut remembered = self.lock();
        remembered.idle.remove(intent);
        remembered.sent.remove(intent);
        remembered.pauses.remove(intent);
        remembered.pauses.remove(&showing(intent));
    }

    pub(super) fn notice(&self, notice: Notice) {
        self.lock().notices.push(notice);
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.lock().notices)
    }

    pub(super) fn is_sweep_due(&self, now: Duration) -> bool {
        let mut remembered = self.lock();
        let due = remembered
            .swept
            .is_none_or(|swept| now.saturating_sub(swept) >= SWEEPS);
        if due {
            remembered.swept = Some(now);
        }
        due
    }
}
