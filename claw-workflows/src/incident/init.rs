//! Init containers that do not end, and whom they wait for.

use std::collections::BTreeMap;

use claw_k8s::model::{Container, ContainerStatus, Pod};
use jiff::{SignedDuration, Timestamp};

use super::complaint::{Target, resolve};
use super::facts::Facts;

/// An init container that runs for longer than this holds its pod up.
const LONG: SignedDuration = SignedDuration::from_secs(180);

/// An init container that has been running for long while the pod's other containers wait for it.
#[derive(Debug)]
pub(super) struct Blocked<'a> {
    pub(super) status: &'a ContainerStatus,
    pub(super) since: Timestamp,
    /// Hosts that its command names, as written, with what they stand for.
    pub(super) waits_for: BTreeMap<String, Target>,
}

/// The init container that holds a pod up. Sidecars, which are init containers that are restarted always, are to run.
pub(super) fn blocked<'p>(facts: &Facts<'_>, pod: &'p Pod) -> Option<Blocked<'p>> {
    if pod.is_finished() || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.init_container_statuses.iter().find(|status| {
        let sidecar = pod
            .container(&status.name)
            .is_some_and(|container| container.restart_policy == "Always");
        status.state.running.is_some() && !status.ready && !sidecar
    })?;
    let since = status.state.running.as_ref()?.started_at?;
    if facts.case.window.end.duration_since(since) < LONG {
        return None;
    }
    let waits_for = pod
        .container(&status.name)
        .map(|container| {
            hosts(container)
                .into_iter()
                .map(|host| {
                    let target = resolve(facts, pod.metadata.ns(), &host);
                    (host, target)
                })
                .collect()
        })
        .unwrap_or_default();
    Some(Blocked {
        status,
        since,
        waits_for,
    })
}

/// Hosts that a container's command names: `host:port`, `host port`, names in the cluster's domain, and what follows the
/// words with which people ask for a host.
fn hosts(container: &Container) -> Vec<String> {
    let text = container
        .command
        .iter()
        .chain(&container.args)
        .fold(String::new(), |text, part| text + part + " ");
    let env = |word: &str| {
        let name = word.trim_start_matches('$').trim_matches(['{', '}', '(', ')']);
        let found = container
            .env
            .iter()
            .find(|variable| word.starts_with('$') && variable.name == name);
        found.and_then(|variable| variable.value.clone())
    };
    let words: Vec<String> = text
        .split(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',' | '=' | '`' | '/' | '|' | '&')
        })
        .filter(|word| !word.is_empty())
        .map(|word| env(word).unwrap_or_else(|| word.to_owned()))
        .collect();
    let mut found: Vec<String> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let before = index
            .checked_sub(1)
            .and_then(|at| words.get(at))
            .map(String::as_str);
        let after = words.get(index + 1).map(String::as_str);
        let (name, port) = match word.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (word.as_str(), None),
        };
        let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
        let asked = before.is_some_and(|word| {
            matches!(
                word,
                "nslookup" | "-h" | "--host" | "hosts" | "getent" | "ping" | "host"
            )
        });
        let fits = port.is_some_and(is_port)
            || port.is_none() && after.is_some_and(is_port)
            || name.contains(".svc")
            || asked && port.is_none();
        if fits && is_host(name) && !found.contains(word) {
            found.push(word.clone());
        }
    }
    found
}

/// Whether a word may be the name of a host: lower case, with a letter, and no word of the shell.
fn is_host(name: &str) -> bool {
    const SHELL: [&str; 8] = [
        "sleep",
        "hosts",
        "exit",
        "echo",
        "seq",
        "timeout",
        "localhost",
        "head",
    ];
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && name.bytes().any(|b| b.is_ascii_lowercase())
        && !name.starts_with('-')
        && !SHELL.contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::hosts;

    #[test]
    fn finds_the_hosts_that_a_command_waits_for() {
        for (script, expected) in [
            ("until nc -z orders-db 5432; do sleep 2; done", vec!["orders-db"]),
            (
                "until nslookup redis.cache.svc.cluster.local; do echo waiting; sleep 1; done",
                vec!["redis.cache.svc.cluster.local"],
            ),
            ("./wait-for-it.sh kafka:9092 -t 0 -- true", vec!["kafka:9092"]),
            (
                "until pg_isready -h pg -p 5432 -U app; do sleep 5; done",
                vec!["pg"],
            ),
            (
                "until curl -sf http://auth.iam:8080/ready; do sleep 3; done",
                vec!["auth.iam:8080"],
            ),
            (
                "while ! nc -w 2 $DB_HOST 3306; do sleep 3; done",
                vec!["mysql-main"],
            ),
            ("python manage.py migrate", vec![]),
        ] {
            let container = serde_json::from_value(json!({
                "command": ["sh", "-c", script], "env": [{"name": "DB_HOST", "value": "mysql-main"}],
            }));
            assert_eq!(hosts(&container.unwrap()), expected, "{script}");
        }
    }
}
