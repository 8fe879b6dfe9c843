//! Watches: changes as they happen.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::Shared;
use super::read::{Form, invalid_match, selector_sees};
use super::route::{Params, Resource};
use super::select::Selector;
use super::status::Failure;
use super::store::{Key, Store, storage};

/// How long a watch lasts that names no time itself.
const LONGEST: Duration = Duration::from_mins(30);

/// Between two bookmarks.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// Before the end of a watch.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

struct Watch {
    shared: Arc<Shared>,
    changed: Receiver<u64>,
    resource: Resource,
    selector: Selector,
    form: Form,
    /// Changes up to here were sent.
    seen: u64,
    waiting: VecDeque<Value>,
    /// When the next bookmark is due, where they are wanted.
    bookmark: Option<tokio::time::Instant>,
    end: tokio::time::Instant,
    over: bool,
}

pub(super) fn watch(
    shared: &Arc<Shared>,
    resource: Resource,
    params: &Params,
    form: Form,
    expired: bool,
) -> Result<Response, Failure> {
    let selector = Selector::parse(
        &resource.kind,
        params.text("labelSelector"),
        params.text("fieldSelector"),
    )?;
    let now = tokio::time::Instant::now();
    let lasts = params
        .number("timeoutSeconds")
        .map_or(LONGEST, Duration::from_secs)
        .min(LONGEST);
    // Subscribed before the state is read, so that no change falls between.
    let changed = shared.changed.subscribe();
    let mut watch = Watch {
        shared: Arc::clone(shared),
        changed,
        resource,
        selector,
        form,
        seen: 0,
        waiting: VecDeque::new(),
        bookmark: params
            .flag("allowWatchBookmarks")
            .then(|| next_bookmark(now, now + lasts)),
        end: now + lasts,
        over: false,
    };
    watch.begin(params, expired)?;
    let body = Body::from_stream(stream::unfold(watch, Watch::next));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// When the next bookmark after `now` is due: in a minute, or shortly before the watch ends.
fn next_bookmark(now: tokio::time::Instant, end: tokio::time::Instant) -> tokio::time::Instant {
    let next = now + BOOKMARKS;
    let last = end.checked_sub(LAST_BOOKMARK).filter(|last| *last > now);
    last.map_or(next, |last| last.min(next))
}

impl Watch {
    fn begin(&mut self, params: &Params, expired: bool) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let store = shared.store();
        let version = params.get("resourceVersion").filter(|version| *version != "0");
        let initial = params.flag("sendInitialEvents");
        let matched = params.get("resourceVersionMatch");
        let why = match (params.get("sendInitialEvents"), matched) {
            (Some(_), Some("NotOlderThan")) | (None, None) => None,
            (Some(_), _) => {
                Some("Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            }
            (None, Some(_)) => Some(
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ),
        };
        if let Some(why) = why {
            return Err(invalid_match(why));
        }
        let from = match version {
            // Where it is listed this is a bad request.
            Some(text) => text.parse::<u64>().map_err(|_| {
                let message = format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax");
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
            })?,
            None => 0,
        };
        if expired || (from > 0 && !initial && from < store.compacted) {
            let message = format!("too old resource version: {from} ({})", store.compacted);
            self.fail(&Failure::expired(message));
            return Ok(());
        }
        if version.is_none() || initial {
            for (_, object) in Store::list(
                &store.objects,
                &self.resource.kind,
                self.resource.namespace.as_deref(),
            ) {
                if selector_sees(&self.selector, object, &self.resource) {
                    let event = self.event("ADDED", object);
                    self.waiting.push_back(event);
                }
            }
            self.seen = store.version;
            if self.bookmark.is_some() {
                self.waiting.push_back(self.bookmark(true));
            }
        } else {
            self.seen = from;
        }
        Ok(())
    }

    /// Sends an error as the last event.
    fn fail(&mut self, failure: &Failure) {
        self.waiting
            .push_back(json!({"type": "ERROR", "object": failure.object()}));
        self.over = true;
    }

    fn event(&self, kind: &str, object: &Value) -> Value {
        json!({"type": kind, "object": self.form.shape(object, &self.resource)})
    }

    fn bookmark(&self, end_of_initial: bool) -> Value {
        let mut metadata = json!({"resourceVersion": self.seen.to_string(), "creationTimestamp": null});
        if end_of_initial && let Value::Object(map) = &mut metadata {
            map.insert(
                "annotations".to_owned(),
                json!({"k8s.io/initial-events-end": "true"}),
            );
        }
        let object = json!({
            "kind": self.resource.kind.kind, "apiVersion": self.resource.kind.api_version(&self.resource.version),
            "metadata": metadata,
        });
        json!({"type": "BOOKMARK", "object": object})
    }

    fn concerns(&self, key: &Key) -> bool {
        let place = self.resource.namespace.as_deref();
        key.kind == storage(&self.resource.kind)
            && (place.is_none() || !self.resource.kind.namespaced || key.namespace() == place)
    }

    /// Takes over the changes since the last look. An object that no longer fits the selector counts as deleted.
    fn collect(&mut self) {
        let shared = Arc::clone(&self.shared);
        let store = shared.store();
        if self.seen < store.compacted {
            let message = format!("too old resource version: {} ({})", self.seen, store.compacted);
            self.fail(&Failure::expired(message));
            return;
        }
        let mut events = Vec::new();
        for change in store.since(self.seen).filter(|change| self.concerns(&change.key)) {
            let fits = |object: &Option<Arc<Value>>| {
                object
                    .as_ref()
                    .is_some_and(|object| selector_sees(&self.selector, object, &self.resource))
            };
            let event = match (
                fits(&change.before),
                fits(&change.after),
                &change.after,
                &change.before,
            ) {
                (false, true, Some(after), _) => self.event("ADDED", after),
                (true, true, Some(after), _) => self.event("MODIFIED", after),
                (true, false, Some(after), _) => self.event("DELETED", after),
                (true, false, None, Some(before)) => self.event("DELETED", before),
                _ => continue,
            };
            events.push(event);
        }
        self.waiting.extend(events);
        self.seen = store.version;
    }

    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let mut line = event.to_string();
                line.push('\n');
                return Some((Ok(line.into()), self));
            }
            if self.over {
                return None;
            }
            self.changed.mark_unchanged();
            self.collect();
            if !self.waiting.is_empty() {
                continue;
            }
            let due = self.bookmark.map_or(self.end, |due| due.min(self.end));
            match tokio::time::timeout_at(due, self.changed.changed()).await {
                Ok(Ok(())) => {}
                Err(_) if due < self.end => {
                    self.waiting.push_back(self.bookmark(false));
                    self.bookmark = Some(next_bookmark(due, self.end));
                }
                _ => self.over = true,
            }
        }
    }
}
