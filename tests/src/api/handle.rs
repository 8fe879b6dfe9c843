//! Takes a request to where it is answered.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::rbac::{self, Attempt, User};
use super::read::Form;
use super::route::{self, Params, Resource, Target};
use super::status::{Failure, json_response};
use super::store::Store;
use super::write::Write;
use super::{
    STALE, Shared, WATCH_EXPIRED, WEBHOOK_WITHOUT_DRY_RUN, delete, discovery, evict, logs, read, recorded,
    scale, watch, write,
};
use crate::faults::Switches;

pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    // The size of a body is bounded before it comes here.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Failure::bad_request("the body could not be read").into_response();
    };
    let switches = head.extensions.get::<Switches>().cloned().unwrap_or_default();
    let call = Call {
        params: Params::of(&head.uri),
        path: head.uri.path().to_owned(),
        method: head.method,
        headers: head.headers,
        body,
        stale: switches.has(STALE),
        watch_expired: switches.has(WATCH_EXPIRED),
        webhook: switches.has(WEBHOOK_WITHOUT_DRY_RUN),
    };
    call.answer(&shared).unwrap_or_else(IntoResponse::into_response)
}

struct Call {
    method: Method,
    path: String,
    params: Params,
    headers: HeaderMap,
    body: Bytes,
    stale: bool,
    watch_expired: bool,
    webhook: bool,
}

impl Call {
    fn answer(&self, shared: &Arc<Shared>) -> Result<Response, Failure> {
        let (user, target) = {
            let store = shared.store();
            let user = self.user(&store)?;
            (user, route::target(&self.path, &store.kinds))
        };
        match target {
            None => {
                // Who may not read what is not there is not told that it is not.
                if let Some(parts) = route::parts(&self.path) {
                    let named = parts.name.is_some();
                    let watching = self.params.flag("watch") && !named;
                    let verb =
                        route::verb(&self.method, named, watching).ok_or_else(Failure::method_not_allowed)?;
                    permit(&shared.store(), user.as_ref(), &parts.attempt(verb))?;
                }
                let known = route::has_group(&self.path, &shared.store().kinds);
                Err(if known {
                    Failure::no_such_path()
                } else {
                    Failure::nothing_here()
                })
            }
            Some(Target::Other(parts)) => {
                let attempt = Attempt {
                    verb: "get",
                    path: Some(&self.path),
                    ..Attempt::default()
                };
                permit(&shared.store(), user.as_ref(), &attempt)?;
                discovery::answer(&parts, &shared.store().kinds)
            }
            Some(Target::Resource(resource)) => self.resource(shared, user.as_ref(), *resource),
        }
    }

    fn resource(
        &self,
        shared: &Arc<Shared>,
        user: Option<&User>,
        mut resource: Resource,
    ) -> Result<Response, Failure> {
        let named = resource.name.is_some();
        let watching = self.params.flag("watch") && !named;
        let verb = route::verb(&self.method, named, watching).ok_or_else(Failure::method_not_allowed)?;
        permit(&shared.store(), user, &resource.attempt(verb))?;
        // The namespace of a namespace matters only to roles.
        if !resource.kind.namespaced {
            resource.namespace = None;
        }
        let mut part = false;
        if resource.subresource.is_none() {
            let continued = self.params.get("continue") == Some(recorded::REST);
            part = recorded::check(&mut shared.store(), &resource, verb, continued)?;
        }
        // A log is text, whatever else the client takes.
        let form = if resource.subresource.as_deref() == Some("log") {
            Form::Whole
        } else {
            Form::of(self.header(&ACCEPT))?
        };
        let now = shared.clock.now();
        let write = Write {
            resource: &resource,
            params: &self.params,
            body: &self.body,
            content_type: self.header(&CONTENT_TYPE),
            manager: self.manager(),
            now,
            form,
        };
        if self.webhook && matches!(verb, "create" | "update" | "patch") && write.dry_run(None)? {
            return Err(Failure::bad_request(
                "admission webhook \"simulated.claw.dev\" does not support dry run",
            ));
        }
        let subresource = resource.subresource.as_deref().unwrap_or_default();
        let pod = resource.kind.group.is_empty() && resource.kind.plural == "pods";
        match (verb, subresource) {
            ("watch", "") => watch::watch(shared, resource.clone(), &self.params, form, self.watch_expired),
            ("list", "") => {
                shared.change(|store| read::list(store, &resource, &self.params, self.stale, form, part))
            }
            ("get", "log") if pod => {
                let wanted = logs::find(&shared.store(), &resource, &self.params, now)?;
                Ok(wanted.answer())
            }
            ("get", "scale") if resource.kind.scale => scale::get(&shared.store(), &write),
            ("get", "") => read::get(&shared.store(), &resource, self.stale, form),
            ("get", "status") if resource.kind.status => {
                read::get(&shared.store(), &resource, self.stale, form)
            }
            ("create", "") if is_review(&resource) => {
                let body = write.json()?;
                let answer = rbac::review(&shared.store(), &resource.kind, user, &body)?;
                Ok(json_response(StatusCode::CREATED, &answer))
            }
            ("create", "") if !named => shared.change(|store| write::create(store, &write)),
            ("create", "eviction") if pod => shared.change(|store| evict::evict(store, &write)),
            ("update", "scale") if resource.kind.scale => {
                shared.change(|store| scale::write(store, &write, false))
            }
            ("patch", "scale") if resource.kind.scale => {
                shared.change(|store| scale::write(store, &write, true))
            }
            ("update", "") if named => shared.change(|store| write::update(store, &write)),
            ("patch", "") if named => shared.change(|store| write::patch(store, &write)),
            ("update", "status") if resource.kind.status => {
                shared.change(|store| write::update(store, &write))
            }
            ("patch", "status") if resource.kind.status => shared.change(|store| write::patch(store, &write)),
            ("delete", "") => shared.change(|store| delete::delete(store, &write)),
            ("deletecollection", "") => shared.change(|store| delete::delete_all(store, &write)),
            (_, "") => Err(Failure::method_not_allowed()),
            (_, subresource) if resource.kind.has(subresource) => Err(Failure::method_not_allowed()),
            _ => Err(Failure::no_such_path()),
        }
    }

    fn header(&self, name: &HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Who is named as the manager of written fields.
    fn manager(&self) -> String {
        let agent = self.header(&USER_AGENT).split('/').next().unwrap_or_default();
        let named = self.params.get("fieldManager").unwrap_or(agent);
        if named.is_empty() {
            "unknown".to_owned()
        } else {
            named.to_owned()
        }
    }

    /// The user that the token stands for; `None` is somebody who may do everything.
    fn user(&self, store: &Store) -> Result<Option<User>, Failure> {
        if !self.headers.contains_key(AUTHORIZATION) {
            return Ok(store.default_user.clone());
        }
        let token = self
            .header(&AUTHORIZATION)
            .strip_prefix("Bearer ")
            .unwrap_or_default()
            .trim();
        store
            .tokens
            .get(token)
            .cloned()
            .map(Some)
            .ok_or_else(Failure::unauthorized)
    }
}

fn is_review(resource: &Resource) -> bool {
    resource.kind.group == "authorization.k8s.io" || resource.kind.group == "authentication.k8s.io"
}

fn permit(store: &Store, user: Option<&User>, attempt: &Attempt<'_>) -> Result<(), Failure> {
    let Some(user) = user else {
        return Ok(());
    };
    if rbac::allows(store, user, attempt).is_some() {
        return Ok(());
    }
    let failure = Failure::new(StatusCode::FORBIDDEN, "Forbidden", attempt.refusal(user));
    Err(failure.about_resource(attempt.group, attempt.resource, attempt.name))
}
