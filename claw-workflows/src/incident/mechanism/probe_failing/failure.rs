//! How a probe fails, by what the kubelet says of it.

use claw_k8s::model::Probe;

use super::super::wording::wording;
use crate::incident::facts::clip;

/// How a probe fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// Nobody listens where it asks.
    Refused,
    /// No answer in time.
    Timeout,
    /// What it asks for does not exist (404, 405).
    NotFound,
    /// It is not let in (401, 403).
    NotAllowed,
    /// It speaks another protocol than the container: HTTP to HTTPS or the other way round, gRPC without the service.
    Protocol,
    /// Its command is not in the image, or may not be run.
    NoCommand,
    /// The container answers that it is not well.
    Unwell,
    /// Anything else.
    Other,
}

impl Failure {
    /// Reads the message of an event.
    pub(super) fn of(message: &str) -> Self {
        let has = wording(message);
        match status(message) {
            Some(404 | 405 | 410) => return Self::NotFound,
            Some(401 | 403 | 407) => return Self::NotAllowed,
            Some(400 | 426) => return Self::Protocol,
            Some(_) => return Self::Unwell,
            None => {}
        }
        if has(&[
            "http response to https client",
            "malformed http response",
            "malformed http status",
            "does not look like a tls handshake",
            "unknown service",
            "unimplemented",
            "x509:",
            "tls:",
        ]) {
            Self::Protocol
        } else if has(&["executable file not found", "exec format error"])
            || has(&["no such file or directory", "permission denied"]) && has(&["exec"])
        {
            Self::NoCommand
        } else if has(&["not_serving", "service unhealthy"]) {
            Self::Unwell
        } else if has(&["connection refused"]) {
            Self::Refused
        } else if super::super::cpu_throttling::ran_out_of_time(message) {
            Self::Timeout
        } else if has(&["command", "exited with"]) {
            Self::Unwell
        } else {
            Self::Other
        }
    }

    /// The clue that it is, with its weight; none where the probe may well be right.
    pub(super) fn clue(self) -> Option<(&'static str, f64)> {
        Some(match self {
            Self::NotFound => ("probe asks for what is not there", 1.5),
            Self::NotAllowed => ("probe is not let in", 1.2),
            Self::Protocol => ("probe speaks another protocol", 1.8),
            Self::NoCommand => ("probe's command cannot be run", 2.0),
            Self::Refused | Self::Timeout | Self::Unwell | Self::Other => return None,
        })
    }

    /// How far the failure may be the effect of something that is wrong with the container, or with what it depends on.
    pub(super) fn derived(self) -> f64 {
        match self {
            Self::NotFound | Self::Protocol | Self::NoCommand => 0.1,
            Self::NotAllowed => 0.3,
            Self::Unwell => 0.9,
            Self::Refused | Self::Timeout | Self::Other => 0.8,
        }
    }

    /// What the probe was answered, from the words of the kubelet where they say more than the kind of failure.
    pub(super) fn told(self, message: &str, probe: Option<&Probe>) -> String {
        let said = message
            .split_once("probe failed:")
            .map_or("", |(_, said)| said.trim());
        let command = probe.is_some_and(|probe| probe.exec.is_some());
        match self {
            Self::Unwell => match status(message) {
                Some(status) => format!("{} ({status})", self.words()),
                None => self.words().to_owned(),
            },
            Self::Other if command && said.is_empty() => {
                "its command ends with an error and says nothing".to_owned()
            }
            Self::Other if command => format!("its command ends with an error: {}", clip(said, 120)),
            Self::Other if !said.is_empty() => clip(said, 120),
            _ => self.words().to_owned(),
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Refused => "nobody listens where it asks",
            Self::Timeout => "no answer comes in the time that it gives",
            Self::NotFound => "what it asks for is not there",
            Self::NotAllowed => "it is not let in",
            Self::Protocol => "it speaks another protocol than the container",
            Self::NoCommand => "its command cannot be run in the container",
            Self::Unwell => "the container answers that it is not well",
            Self::Other => "it is not known what it is answered",
        }
    }
}

/// The HTTP status that the kubelet tells: `HTTP probe failed with statuscode: 503`.
fn status(message: &str) -> Option<u16> {
    let lower = message.to_lowercase();
    let (_, rest) = lower.split_once("statuscode:")?;
    rest.trim().get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use claw_k8s::model::Probe;

    use super::Failure;

    #[test]
    fn the_words_of_the_kubelet_are_told_where_they_say_more() {
        let told = |message: &str, probe: serde_json::Value| {
            let probe: Probe = serde_json::from_value(probe).unwrap();
            Failure::of(message).told(message, Some(&probe))
        };
        let exec = serde_json::json!({"exec": {"command": ["check"]}});
        let get = serde_json::json!({"httpGet": {"port": 80}});
        for (message, probe, words) in [
            (
                "Readiness probe failed: ",
                &exec,
                "its command ends with an error and says nothing",
            ),
            (
                "Readiness probe failed: no leader",
                &exec,
                "its command ends with an error: no leader",
            ),
            ("Readiness probe failed: EOF", &get, "EOF"),
            (
                "Readiness probe failed: ",
                &get,
                "it is not known what it is answered",
            ),
            (
                "Liveness probe failed: HTTP probe failed with statuscode: 503",
                &get,
                "the container answers that it is not well (503)",
            ),
        ] {
            assert_eq!(told(message, probe.clone()), words, "{message}");
        }
    }

    #[test]
    fn messages_of_the_kubelet_tell_how_a_probe_fails() {
        for (message, failure) in [
            (
                "Readiness probe failed: HTTP probe failed with statuscode: 404",
                Failure::NotFound,
            ),
            (
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                Failure::Unwell,
            ),
            (
                "Liveness probe failed: HTTP probe failed with statuscode: 401",
                Failure::NotAllowed,
            ),
            (
                "Liveness probe failed: HTTP probe failed with statuscode: 400",
                Failure::Protocol,
            ),
            (
                "Readiness probe failed: Get \"https://10.2.0.7:8443/\": http: server gave HTTP response to HTTPS client",
                Failure::Protocol,
            ),
            (
                "Liveness probe failed: Get \"http://10.2.0.7:8080/live\": dial tcp 10.2.0.7:8080: connect: connection refused",
                Failure::Refused,
            ),
            (
                "Liveness probe failed: Get \"http://10.2.0.7:8080/live\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                Failure::Timeout,
            ),
            (
                "Startup probe failed: command timed out: \"sh -c check\" timed out after 1s",
                Failure::Timeout,
            ),
            (
                "Readiness probe errored: rpc error: code = Unknown desc = failed to exec in container: exec: \"curl\": executable file not found in $PATH: unknown",
                Failure::NoCommand,
            ),
            (
                "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")",
                Failure::Unwell,
            ),
            ("Readiness probe failed: ", Failure::Other),
        ] {
            assert_eq!(Failure::of(message), failure, "{message}");
        }
    }
}
