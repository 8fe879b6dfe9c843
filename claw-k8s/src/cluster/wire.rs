//! Requests and answers of the API server, without a connection.

use std::time::Duration;

use claw_core::clock::Clock;
use claw_core::http::retry_after;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, StatusCode};
use serde::Deserialize;

use super::write::{WriteRequest, WriteVerb};
use super::{ClusterError, GetRequest, ListRequest, LogRequest, Resource, ServerSaid, Source};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Who the agent is among those that fields belong to.
pub(crate) const FIELD_MANAGER: &str = "claw";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const GROUPS: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// How long the server looks for a change that has been made already.
const WATCH_SECONDS: u32 = 5;

/// Longest text of the server that is kept, in characters.
const MESSAGE_CHARS: usize = 1000;

/// A request that can be sent more than once.
#[derive(Debug)]
pub(super) struct Prepared {
    method: Method,
    target: String,
    accept: &'static str,
    /// What the body is.
    content: &'static str,
    body: Vec<u8>,
    /// The id to send it under, where it is not one of the call's.
    pub(super) id: Option<String>,
    /// What is asked, for errors.
    pub(super) what: String,
}

impl Prepared {
    fn get(target: String, what: String) -> Self {
        Self {
            method: Method::GET,
            target,
            accept: JSON,
            content: JSON,
            body: Vec::new(),
            id: None,
            what,
        }
    }

    /// A `POST` that asks, and stores nothing.
    pub(super) fn question(target: &str, body: &serde_json::Value, what: String) -> Self {
        Self {
            method: Method::POST,
            target: target.to_owned(),
            accept: JSON,
            content: JSON,
            body: body.to_string().into_bytes(),
            id: None,
            what,
        }
    }

    /// The request, to be sent once.
    pub(super) fn build(&self) -> Result<Request<Vec<u8>>, ClusterError> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.target)
            .header(ACCEPT, self.accept);
        if !self.body.is_empty() {
            request = request.header(CONTENT_TYPE, self.content);
        }
        request
            .body(self.body.clone())
            .map_err(|error| ClusterError::BadRequest {
                request: self.what.clone(),
                source: error.into(),
            })
    }
}

/// The API groups with their kinds, in one answer; from servers that do not know that form, without.
pub(super) fn groups() -> Prepared {
    let mut prepared = fixed("/apis", "list API groups");
    prepared.accept = GROUPS;
    prepared
}

/// The kinds of one version of an API group.
pub(super) fn kinds(api_version: &str) -> Result<Prepared, ClusterError> {
    let path = match api_version.split_once('/') {
        Some((group, version)) => {
            check("API group", group)?;
            check("API version", version)?;
            format!("/apis/{group}/{version}")
        }
        None => {
            check("API version", api_version)?;
            format!("/api/{api_version}")
        }
    };
    Ok(Prepared::get(path, format!("list the kinds of {api_version}")))
}

/// `GET` on a fixed path.
pub(super) fn fixed(path: &str, what: &str) -> Prepared {
    Prepared::get(path.to_owned(), what.to_owned())
}

pub(super) fn list(request: &ListRequest) -> Result<Prepared, ClusterError> {
    check_namespace(request.namespace.as_deref())?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &request.limit.to_string());
    for (key, value) in [
        ("labelSelector", &request.label_selector),
        ("fieldSelector", &request.field_selector),
        ("continue", &request.continue_token),
    ] {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    let path = request.resource.path(request.namespace.as_deref());
    let what = match &request.namespace {
        Some(namespace) => format!("list {} in {namespace}", request.resource),
        None => format!("list {}", request.resource),
    };
    let mut prepared = Prepared::get(format!("{path}?{}", query.finish()), what);
    if request.metadata_only {
        prepared.accept = METADATA_LIST;
    }
    Ok(prepared)
}

pub(super) fn get(request: &GetRequest) -> Result<Prepared, ClusterError> {
    check_namespace(request.namespace.as_deref())?;
    check("name", &request.name)?;
    let path = request.resource.path(request.namespace.as_deref());
    let what = match &request.namespace {
        Some(namespace) => format!("get {} {namespace}/{}", request.resource, request.name),
        None => format!("get {} {}", request.resource, request.name),
    };
    let mut prepared = Prepared::get(format!("{path}/{}", request.name), what);
    if request.metadata_only {
        prepared.accept = METADATA;
    }
    Ok(prepared)
}

/// What happens to an object after a version of it, one change a line.
pub(super) fn changes(
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
    version: &str,
) -> Result<Prepared, ClusterError> {
    check_namespace(namespace)?;
    check("name", name)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("watch", "true")
        .append_pair("fieldSelector", &format!("metadata.name={name}"))
        .append_pair("resourceVersion", version)
        .append_pair("timeoutSeconds", &WATCH_SECONDS.to_string());
    let path = resource.path(namespace);
    let what = match namespace {
        Some(namespace) => format!("watch {resource} {namespace}/{name}"),
        None => format!("watch {resource} {name}"),
    };
    Ok(Prepared::get(format!("{path}?{}", query.finish()), what))
}

/// A write, to be sent once. `dryRun=All` makes it one that changes nothing.
pub(super) fn write(request: &WriteRequest) -> Result<Prepared, ClusterError> {
    check_namespace(request.namespace.as_deref())?;
    check("name", &request.name)?;
    let collection = request.resource.path(request.namespace.as_deref());
    let object = format!("{collection}/{}", request.name);
    let (method, path, content, verb) = match request.verb {
        WriteVerb::Patch => (Method::PATCH, object, MERGE_PATCH, "patch"),
        WriteVerb::Create => (Method::POST, collection, JSON, "create"),
        WriteVerb::Delete => (Method::DELETE, object, JSON, "delete"),
        WriteVerb::Evict => (Method::POST, format!("{object}/eviction"), JSON, "evict"),
        WriteVerb::PatchStatus => (
            Method::PATCH,
            format!("{object}/status"),
            MERGE_PATCH,
            "patch status of",
        ),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    // A deletion says so in its body, where alone it counts.
    if request.dry_run && request.verb != WriteVerb::Delete {
        query.append_pair("dryRun", "All");
    }
    if !matches!(request.verb, WriteVerb::Delete | WriteVerb::Evict) {
        query.append_pair("fieldManager", FIELD_MANAGER);
        // What the server does not know it would leave out, and store something else than was approved.
        query.append_pair("fieldValidation", "Strict");
    }
    let query = query.finish();
    let target = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    let what = match &request.namespace {
        Some(namespace) => format!("{verb} {} {namespace}/{}", request.resource, request.name),
        None => format!("{verb} {} {}", request.resource, request.name),
    };
    Ok(Prepared {
        method,
        target,
        accept: JSON,
        content,
        body: request.body.to_string().into_bytes(),
        id: request.id.clone(),
        what,
    })
}

/// The kubelet counts `limitBytes` from the beginning of what it was asked for, so it only bounds the transfer; the end
/// of the log is cut out here.
pub(super) fn logs(request: &LogRequest, transfer_bytes: usize) -> Result<Prepared, ClusterError> {
    check("namespace", &request.namespace)?;
    check("pod name", &request.pod)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(container) = &request.container {
        check("container name", container)?;
        query.append_pair("container", container);
    }
    if request.previous {
        query.append_pair("previous", "true");
    }
    if let Some(since) = request.since {
        query.append_pair("sinceTime", &whole_seconds(since));
    }
    if let Some(lines) = request.tail_lines {
        query.append_pair("tailLines", &lines.max(0).to_string());
    }
    query.append_pair("limitBytes", &transfer_bytes.to_string());
    query.append_pair("timestamps", "true");
    let LogRequest { namespace, pod, .. } = request;
    let mut prepared = Prepared::get(
        format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?{}", query.finish()),
        format!("read logs of pod {namespace}/{pod}"),
    );
    // The kubelet answers with plain text, and refuses to answer as anything else.
    prepared.accept = "*/*";
    Ok(prepared)
}

/// The API server reads `sinceTime` in whole seconds.
fn whole_seconds(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

pub(super) fn malformed(what: &str, source: impl Into<Source>) -> ClusterError {
    ClusterError::Malformed {
        request: what.to_owned(),
        source: source.into(),
    }
}

/// That nothing came for so long.
pub(super) fn stalled(what: &str, limit: Duration) -> ClusterError {
    ClusterError::Stalled {
        request: what.to_owned(),
        limit,
    }
}

/// What a failed connection means.
pub(super) fn no_answer(what: &str, error: kube::Error) -> ClusterError {
    let request = what.to_owned();
    if matches!(error, kube::Error::Auth(_)) {
        // The text of an exec plugin may hold a credential.
        return ClusterError::Unauthorized {
            request,
            source: "the credential plugin or token file failed".into(),
        };
    }
    let tls = claw_core::http::is_tls_error(&error);
    let source: Source = Box::new(error);
    if tls {
        ClusterError::Tls { request, source }
    } else {
        ClusterError::Unavailable { request, source }
    }
}

/// What an answer that is no success means.
pub(super) fn failure(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    what: &str,
    clock: &dyn Clock,
) -> ClusterError {
    let said = Said::parse(body);
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header
        .and_then(|header| retry_after(header, clock.now()))
        .or(said.retry_after);
    let request = what.to_owned();
    let source: Source = Box::new(ServerSaid {
        code: status.as_u16(),
        message: said.message,
    });
    match status.as_u16() {
        400 | 405 | 406 | 415 | 422 => ClusterError::BadRequest { request, source },
        401 => ClusterError::Unauthorized { request, source },
        403 => ClusterError::Denied { request, source },
        404 => ClusterError::NotFound { request, source },
        409 => ClusterError::Conflict { request, source },
        410 => ClusterError::Gone { request, source },
        429 => ClusterError::RateLimited {
            request,
            retry_after,
            source,
        },
        // A server that says when to come back is overloaded, whatever it calls it.
        503 if retry_after.is_some() => ClusterError::RateLimited {
            request,
            retry_after,
            source,
        },
        500..=599 => ClusterError::Unavailable { request, source },
        _ => ClusterError::Malformed { request, source },
    }
}

/// What a `Status` object says.
#[derive(Default)]
struct Said {
    message: String,
    retry_after: Option<Duration>,
}

impl Said {
    fn parse(body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Status {
            message: Option<String>,
            details: Option<Details>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Details {
            retry_after_seconds: Option<u64>,
        }
        let cut = |text: &str| text.chars().take(MESSAGE_CHARS).collect();
        match serde_json::from_slice::<Status>(body) {
            Ok(status) => Self {
                message: cut(&status.message.unwrap_or_default()),
                retry_after: status
                    .details
                    .and_then(|details| details.retry_after_seconds)
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs),
            },
            Err(_) => Self {
                message: cut(&String::from_utf8_lossy(body)),
                retry_after: None,
            },
        }
    }
}

pub(super) fn check_namespace(namespace: Option<&str>) -> Result<(), ClusterError> {
    namespace.map_or(Ok(()), |namespace| check("namespace", namespace))
}

/// Only what cannot change the meaning of a URL. RBAC objects have colons in their names.
pub(crate) fn check(what: &'static str, name: &str) -> Result<(), ClusterError> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    if name.is_empty() || name.len() > 253 || !name.chars().all(good) || name.chars().all(|c| c == '.') {
        return Err(ClusterError::InvalidName {
            what,
            value: name.chars().take(64).collect(),
        });
    }
    Ok(())
}
