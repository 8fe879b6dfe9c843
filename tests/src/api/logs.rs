//! The `log` subresource of pods.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use claw_k8s::bundle;

use super::route::{Params, Resource};
use super::status::Failure;
use super::store::{Key, Store};

/// What there is of a log.
#[derive(Debug)]
enum Content {
    Recorded(bundle::Content),
    /// What the kubelet says instead.
    Gone(String),
}

/// A log that was found, and what is wanted of it.
#[derive(Debug)]
pub(super) struct Wanted {
    content: Content,
    /// Taken for the time of lines that have none where it is asked for lines since a time. They are served without a
    /// time: a wrong one would mislead whoever tells times from the text.
    otherwise: Timestamp,
    options: Options,
}

/// Which part of a log is wanted, and in which form.
#[derive(Clone, Debug, Default)]
struct Options {
    since: Option<Timestamp>,
    /// Lines from the end.
    tail: Option<usize>,
    bytes: Option<usize>,
    timestamps: bool,
}

/// Finds the log. Reading it is left to the caller, who need not hold the store meanwhile.
pub(super) fn find(
    store: &Store,
    resource: &Resource,
    params: &Params,
    now: Timestamp,
) -> Result<Wanted, Failure> {
    let name = resource.name.as_deref().unwrap_or_default();
    let namespace = resource.namespace.as_deref().unwrap_or_default();
    let options = Options::of(params, name, now)?;
    let key = Key::new(&resource.kind, Some(namespace), name);
    let pod = store
        .objects
        .get(&key)
        .ok_or_else(|| Failure::not_found(&resource.kind, name))?;
    let container = container(pod, name, params.get("container"))?;
    let previous = params.flag("previous");
    let recorded = (namespace.to_owned(), name.to_owned(), container.clone(), previous);
    let status = status(pod, &container);
    let content = match store.logs.get(&recorded) {
        Some(content) => Content::Recorded(content.clone()),
        None => Content::Gone(missing(status, name, &container, previous)?),
    };
    let ended = ["/lastState/terminated/finishedAt", "/state/terminated/finishedAt"]
        .iter()
        .skip(usize::from(!previous))
        .find_map(|pointer| status?.pointer(pointer)?.as_str()?.parse().ok());
    Ok(Wanted {
        content,
        otherwise: ended.unwrap_or(now),
        options,
    })
}

impl Options {
    /// Reads the parameters of a request for the log of pod `name`.
    fn of(params: &Params, name: &str, now: Timestamp) -> Result<Self, Failure> {
        let number = |name: &str| {
            params
                .get(name)
                .map(|text| {
                    let wrong = |_| {
                        Failure::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
                    };
                    text.parse::<i64>().map_err(wrong)
                })
                .transpose()
        };
        let (tail, bytes, seconds) = (
            number("tailLines")?,
            number("limitBytes")?,
            number("sinceSeconds")?,
        );
        let time = params.get("sinceTime").map(|text| {
            let message = format!(
                "parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\""
            );
            text.parse::<Timestamp>().map_err(|_| Failure::bad_request(message))
        });
        let time = time.transpose()?;
        let invalid =
            |place: &str, why: &str| Err(Failure::invalid_options("PodLogOptions", "", name, place, why));
        let below = |value: i64, least: &str| format!("Invalid value: {value}: must be greater than {least}");
        if let Some(lines) = tail.filter(|lines| *lines < 0) {
            return invalid("tailLines", &below(lines, "or equal to 0"));
        }
        if let Some(bytes) = bytes.filter(|bytes| *bytes < 1) {
            return invalid("limitBytes", &below(bytes, "0"));
        }
        if seconds.is_some() && time.is_some() {
            return invalid(
                "[]",
                "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            );
        }
        if let Some(seconds) = seconds.filter(|seconds| *seconds < 1) {
            return invalid("sinceSeconds", &below(seconds, "0"));
        }
        let ago = seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
        let amount = |given: Option<i64>| given.map(|given| usize::try_from(given).unwrap_or(usize::MAX));
        Ok(Self {
            since: time.or(ago),
            tail: amount(tail),
            bytes: amount(bytes),
            timestamps: params.flag("timestamps"),
        })
    }
}

fn names<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    let containers = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("name")?.as_str())
        .collect()
}

/// The container that is meant, as the real server decides it.
fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, Failure> {
    let (main, init) = (names(pod, "containers"), names(pod, "initContainers"));
    let ephemeral = names(pod, "ephemeralContainers");
    match asked {
        Some(asked)
            if main
                .iter()
                .chain(&init)
                .chain(&ephemeral)
                .any(|name| *name == asked) =>
        {
            Ok(asked.to_owned())
        }
        Some(asked) => Err(Failure::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        ))),
        None => match main.as_slice() {
            [only] => Ok((*only).to_owned()),
            _ => {
                let all = [init, main, ephemeral].concat().join(" ");
                let message =
                    format!("a container name must be specified for pod {name}, choose one of: [{all}]");
                Err(Failure::bad_request(message))
            }
        },
    }
}

fn status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .iter()
    .filter_map(|list| pod.pointer(&format!("/status/{list}"))?.as_array())
    .flatten()
    .find(|status| status.get("name").and_then(Value::as_str) == Some(container))
}

/// What there is to say where nothing was recorded: a failure where the real server would not have a log either, else the
/// kubelet's sentence for a log that is gone. An empty answer would claim that nothing was logged.
fn missing(status: Option<&Value>, pod: &str, container: &str, previous: bool) -> Result<String, Failure> {
    let at = |pointer: &str| status.and_then(|status| status.pointer(pointer));
    if previous && at("/lastState/terminated").is_none() {
        let message = format!("previous terminated container \"{container}\" in pod \"{pod}\" not found");
        return Err(Failure::bad_request(message));
    }
    let restarted = at("/lastState/terminated").is_some();
    if let Some(reason) = at("/state/waiting/reason")
        .and_then(Value::as_str)
        .filter(|_| !restarted)
    {
        let message = match reason {
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
                format!(
                    "container \"{container}\" in pod \"{pod}\" is waiting to start: trying and failing to pull image"
                )
            }
            _ => format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {reason}"),
        };
        return Err(Failure::bad_request(message));
    }
    let run = if previous {
        "/lastState/terminated/containerID"
    } else {
        "/containerID"
    };
    let id = at(run).and_then(Value::as_str).unwrap_or("containerd://unknown");
    Ok(format!("unable to retrieve container logs for {id}"))
}

impl Wanted {
    /// Reads the log and answers with the part that is wanted.
    pub(super) fn answer(&self) -> Response {
        let content = match &self.content {
            Content::Recorded(content) => content,
            // The kubelet's own words come without the options of a log.
            Content::Gone(said) => return ([(CONTENT_TYPE, "text/plain")], said.clone()).into_response(),
        };
        match content.read() {
            Ok(text) => ([(CONTENT_TYPE, "text/plain")], self.part(&text)).into_response(),
            Err(error) => {
                let message = format!("unable to retrieve container logs: {}", error.kind());
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message).into_response()
            }
        }
    }

    fn part(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        // The runtime stamps every line; a program that stamps its own seldom does so for each.
        let stamped = lines.iter().all(|line| line.is_empty() || stamp(line).is_some());
        let mut time = None;
        let mut shown: Vec<(Option<Timestamp>, &str)> = lines
            .iter()
            .map(|line| {
                let found = stamp(line);
                // Lines without a time of their own belong to the one before.
                time = found.map(|(time, _)| time).or(time);
                let body = found.filter(|_| stamped).map_or(*line, |(_, body)| body);
                (time, body)
            })
            .collect();
        if let Some(since) = self.options.since {
            shown.retain(|(time, _)| time.unwrap_or(self.otherwise) >= since);
        }
        let skip = self
            .options
            .tail
            .map_or(0, |tail| shown.len().saturating_sub(tail));
        let mut out = String::new();
        for (time, line) in shown.into_iter().skip(skip) {
            if let Some(time) = time.filter(|_| self.options.timestamps) {
                out += &time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ ").to_string();
            }
            out += line;
            out.push('\n');
        }
        if let Some(limit) = self.options.bytes {
            let mut end = out.len().min(limit);
            while !out.is_char_boundary(end) {
                end = end.saturating_sub(1);
            }
            out.truncate(end);
        }
        out
    }
}

/// The time at the beginning of a line, and what follows it.
fn stamp(line: &str) -> Option<(Timestamp, &str)> {
    let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
    // Cheap before exact: most lines of a log without times fail here.
    let first = time.bytes().next()?;
    if !first.is_ascii_digit() || time.len() < 20 {
        return None;
    }
    Some((time.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(options: Options) -> Wanted {
        Wanted {
            content: Content::Recorded(bundle::Content::text("")),
            otherwise: "2026-03-01T10:00:00Z".parse().unwrap(),
            options,
        }
    }

    const STAMPED: &str =
        "2026-03-01T09:00:00.000000001Z a\n2026-03-01T09:01:00Z b c\n2026-03-01T09:02:00Z \n";

    #[test]
    fn times_of_the_runtime_are_shown_only_when_asked_for() {
        assert_eq!(wanted(Options::default()).part(STAMPED), "a\nb c\n\n");
        let with = wanted(Options {
            timestamps: true,
            tail: Some(2),
            ..Options::default()
        })
        .part(STAMPED);
        assert_eq!(
            with,
            "2026-03-01T09:01:00.000000000Z b c\n2026-03-01T09:02:00.000000000Z \n"
        );
    }

    #[test]
    fn lines_without_a_time_belong_to_the_one_before() {
        let text = "2026-03-01T09:00:00Z error\n  at x\n2026-03-01T09:05:00Z ok\n";
        let since = Some("2026-03-01T09:00:00Z".parse().unwrap());
        assert_eq!(
            wanted(Options {
                since,
                ..Options::default()
            })
            .part(text),
            text
        );
        let since = Some("2026-03-01T09:01:00Z".parse().unwrap());
        assert_eq!(
            wanted(Options {
                since,
                ..Options::default()
            })
            .part(text),
            "2026-03-01T09:05:00Z ok\n"
        );
        let bare = wanted(Options {
            timestamps: true,
            ..Options::default()
        })
        .part("plain\n");
        assert_eq!(bare, "plain\n");
    }

    #[test]
    fn tails_and_bytes_are_limited() {
        assert_eq!(
            wanted(Options {
                tail: Some(0),
                ..Options::default()
            })
            .part(STAMPED),
            ""
        );
        assert_eq!(
            wanted(Options {
                bytes: Some(3),
                ..Options::default()
            })
            .part(STAMPED),
            "a\nb"
        );
        assert_eq!(
            wanted(Options {
                bytes: Some(1),
                ..Options::default()
            })
            .part("ä\n"),
            ""
        );
    }
}
