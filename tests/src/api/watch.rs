//! Watches: changes as they happen.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::Shared;
use super::read::{Form, selector_sees};
use super::route::{Params, Resource};
use super::select::Selector;
use super::status::Failure;
use super::store::{Key, Store, storage};

/// How long a watch lasts that names no time itself.
const LONGEST: Duration = Duration::from_mins(30);

struct Watch {
    shared: Arc<Shared>,
    changed: Receiver<u64>,
    resource: Resource,
    selector: Selector,
    form: Form,
    /// Changes up to here were sent.
    seen: u64,
    waiting: VecDeque<Value>,
    bookmarks: bool,
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
        bookmarks: params.flag("allowWatchBookmarks"),
        end: tokio::time::Instant::now()
            + params
                .number("timeoutSeconds")
                .map_or(LONGEST, Duration::from_secs)
                .min(LONGEST),
        over: false,
    };
    watch.begin(params, expired)?;
    let body = Body::from_stream(stream::unfold(watch, Watch::next));
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

impl Watch {
    fn begin(&mut self, params: &Params, expired: bool) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let store = shared.store();
        let version = params.get("resourceVersion").filter(|version| *version != "0");
        let initial = params.flag("sendInitialEvents");
        let from = match version {
            Some(text) => text.parse::<u64>().map_err(|_| {
                Failure::bad_request(format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"))
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
            if initial {
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
            let changed = tokio::time::timeout_at(self.end, self.changed.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                self.over = true;
                if self.bookmarks {
                    self.waiting.push_back(self.bookmark(false));
                }
            }
        }
    }
}
