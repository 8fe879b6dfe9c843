//! The log of the requests that a server got.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};

use super::Fault;

/// One request and what became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it arrived.
    pub path: String,
    /// The query string without the question mark, percent-encoded as it arrived; empty if there was none.
    pub query: String,
    /// The request's headers. The value of `Authorization` is not shown in `Debug`.
    pub headers: HeaderMap,
    /// The request's body.
    pub body: Bytes,
    /// The status of the answer; none while there is no answer, or if the client went away first.
    pub status: Option<StatusCode>,
    /// Bytes of the answer's body that were handed to the connection.
    pub sent: u64,
    /// The fault that decided the answer, latencies and switches not counted.
    pub fault: Option<Fault>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Mutex<Entries>,
    in_flight: Arc<AtomicUsize>,
    peak: AtomicUsize,
}

#[derive(Debug, Default)]
struct Entries {
    /// Rises when the log is cleared, so that an answer to an older request finds no entry of a newer one.
    generation: u64,
    list: Vec<(Exchange, Arc<AtomicU64>)>,
}

/// The place of a request in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    generation: u64,
    index: usize,
}

/// Counts as one request in flight until dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Log {
    pub(super) fn enter(&self) -> InFlight {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.peak.fetch_max(now, Ordering::Relaxed);
        InFlight(self.in_flight.clone())
    }

    /// Adds an entry and returns the counter of the bytes sent for it.
    pub(super) fn open(&self, exchange: Exchange) -> (Ticket, Arc<AtomicU64>) {
        let sent = Arc::new(AtomicU64::new(0));
        let mut entries = self.entries();
        let ticket = Ticket {
            generation: entries.generation,
            index: entries.list.len(),
        };
        entries.list.push((exchange, sent.clone()));
        (ticket, sent)
    }

    pub(super) fn answered(&self, ticket: Ticket, status: StatusCode) {
        let mut entries = self.entries();
        if entries.generation == ticket.generation
            && let Some((exchange, _)) = entries.list.get_mut(ticket.index)
        {
            exchange.status = Some(status);
        }
    }

    pub(super) fn all(&self) -> Vec<Exchange> {
        self.entries()
            .list
            .iter()
            .map(|(exchange, sent)| Exchange {
                sent: sent.load(Ordering::Relaxed),
                ..exchange.clone()
            })
            .collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries().list.len()
    }

    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        let mut entries = self.entries();
        entries.generation = entries.generation.wrapping_add(1);
        entries.list.clear();
        self.peak
            .store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
