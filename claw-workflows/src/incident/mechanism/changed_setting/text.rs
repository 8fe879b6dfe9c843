//! Whether a text speaks of what was changed: words of the setting's name, or the value that came or went.

use std::collections::BTreeSet;

use super::line::Line;
use crate::incident::words::words;

/// What a telling mention weighs: a name of three words, or a value that is a name itself.
const TELLING: f64 = 3.0;
/// What two words of a name weigh, or a value that is one word.
const CLEAR: f64 = 2.2;
/// What one word of the setting's name weighs.
pub(super) const FAINT: f64 = 0.7;

/// Words that stand in names of settings, or in errors, whatever they are about.
const COMMON: &[&str] = &[
    "access",
    "action",
    "addr",
    "address",
    "after",
    "allow",
    "allowed",
    "api",
    "app",
    "application",
    "args",
    "auth",
    "backend",
    "base",
    "batch",
    "before",
    "bytes",
    "call",
    "cannot",
    "check",
    "client",
    "close",
    "closed",
    "cluster",
    "code",
    "command",
    "config",
    "configuration",
    "connect",
    "connection",
    "connections",
    "container",
    "context",
    "could",
    "count",
    "current",
    "data",
    "database",
    "debug",
    "default",
    "delete",
    "dial",
    "disable",
    "disabled",
    "does",
    "enable",
    "enabled",
    "endpoint",
    "env",
    "error",
    "errors",
    "event",
    "exception",
    "exist",
    "fail",
    "failed",
    "failure",
    "false",
    "field",
    "file",
    "find",
    "format",
    "found",
    "from",
    "group",
    "handler",
    "home",
    "host",
    "hosts",
    "http",
    "https",
    "image",
    "info",
    "input",
    "internal",
    "interval",
    "invalid",
    "item",
    "items",
    "java",
    "job",
    "json",
    "key",
    "keys",
    "latest",
    "level",
    "limit",
    "limits",
    "list",
    "load",
    "local",
    "localhost",
    "log",
    "logging",
    "main",
    "max",
    "maximum",
    "memory",
    "message",
    "messages",
    "method",
    "min",
    "minimum",
    "missing",
    "mode",
    "module",
    "name",
    "names",
    "namespace",
    "net",
    "network",
    "new",
    "node",
    "none",
    "not",
    "null",
    "number",
    "object",
    "off",
    "old",
    "only",
    "open",
    "operation",
    "option",
    "order",
    "org",
    "out",
    "output",
    "page",
    "param",
    "password",
    "path",
    "pod",
    "pool",
    "port",
    "post",
    "prod",
    "production",
    "property",
    "protocol",
    "proxy",
    "public",
    "query",
    "queue",
    "rate",
    "read",
    "ready",
    "received",
    "redacted",
    "refused",
    "remote",
    "request",
    "requests",
    "required",
    "resource",
    "response",
    "result",
    "retries",
    "retry",
    "role",
    "root",
    "secret",
    "secure",
    "security",
    "send",
    "sent",
    "server",
    "service",
    "services",
    "session",
    "set",
    "setting",
    "settings",
    "size",
    "spec",
    "start",
    "started",
    "state",
    "status",
    "stop",
    "store",
    "string",
    "svc",
    "system",
    "table",
    "target",
    "task",
    "tcp",
    "test",
    "text",
    "thread",
    "threads",
    "time",
    "timed",
    "timeout",
    "tls",
    "token",
    "topic",
    "trace",
    "true",
    "type",
    "unable",
    "unexpected",
    "unknown",
    "update",
    "upstream",
    "uri",
    "url",
    "use",
    "used",
    "user",
    "username",
    "users",
    "using",
    "value",
    "values",
    "version",
    "volume",
    "wait",
    "waiting",
    "warn",
    "warning",
    "was",
    "while",
    "with",
    "without",
    "worker",
    "workers",
    "write",
    "yaml",
];

/// What an error says of a change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mention {
    /// What it weighs.
    pub(super) weight: f64,
    /// The words that the error and the change have in common.
    pub(super) words: String,
}

/// Whether `text` speaks of the change. `usual` are words that say nothing there, since they stood there before the change;
/// `called` are those of names of somebody, which say nothing in the name of a setting.
pub(super) fn mention(
    line: &Line<'_>,
    text: &str,
    usual: impl Fn(&str) -> bool,
    called: impl Fn(&str) -> bool,
) -> Option<Mention> {
    let said: Vec<String> = words(text).collect();
    let telling = |word: &str| word.chars().count() >= 4 && !COMMON.contains(&word) && !usual(word);
    let by_key = key(line, &said, &|word: &str| telling(word) && !called(word));
    let by_value = value(line, text, &telling);
    let better = |a: &Mention, b: &Mention| a.weight.total_cmp(&b.weight);
    by_key.into_iter().chain(by_value).max_by(better)
}

/// The longest run of words of the name that stands in the text, of which one at least is telling.
fn key(line: &Line<'_>, said: &[String], telling: &impl Fn(&str) -> bool) -> Option<Mention> {
    // Of a file or a program, the name is in the value.
    if matches!(line.key(), "command" | "args" | "image" | "name" | "value") {
        return None;
    }
    let name: Vec<String> = words(line.key()).collect();
    for length in (1..=name.len().min(6)).rev() {
        for run in name.windows(length) {
            let stands = said.windows(length).any(|window| window == run);
            if stands && run.iter().any(|word| telling(word)) {
                let weight = match length {
                    1 => FAINT,
                    2 => CLEAR,
                    _ => TELLING,
                };
                return Some(Mention {
                    weight,
                    words: run.join(" "),
                });
            }
        }
    }
    None
}

/// A name that the change brought, or took away, and that stands in the text as a whole.
fn value(line: &Line<'_>, text: &str, telling: &impl Fn(&str) -> bool) -> Option<Mention> {
    let said = names(text);
    let (old, new) = (names(line.old), names(line.new));
    old.symmetric_difference(&new)
        .filter(|name| said.contains(*name))
        .filter_map(|name| {
            let parts: Vec<String> = words(name).collect();
            let weight = match parts.len() {
                0 => return None,
                1 => CLEAR,
                _ => TELLING,
            };
            let telling = parts.iter().any(|part| telling(part));
            telling.then(|| Mention {
                weight,
                words: (*name).to_owned(),
            })
        })
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
}

/// Names in a value or a sentence: letters, digits and what joins them. Numbers, durations and sizes are none.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .map(|name| name.trim_matches(['.', '-']))
        .filter(|name| name.chars().filter(|c| c.is_alphabetic()).count() >= 4)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Line, mention};

    fn weight(line: &str, text: &str, usual: &[&str]) -> f64 {
        let line = Line::read(line).unwrap();
        let found = mention(&line, text, |word| usual.contains(&word), |word| word == "kafka");
        found.map_or(0.0, |found| found.weight)
    }

    #[test]
    fn the_name_of_a_setting_is_found_in_whatever_way_it_is_written() {
        let line = "containers[w].env[KAFKA_MAX_POLL_RECORDS]: 100 → 2000";
        let text = "reduce the batches returned in poll() with max.poll.records";
        assert!(weight(line, text, &[]) > 2.5);
        assert!(weight(line, "increase maxPollRecords", &[]) > 2.5);
        assert_eq!(weight(line, "increase max.poll.interval.ms", &[]), 2.2);
        // The words are there and say nothing: usual ones, common ones, numbers.
        assert_eq!(weight(line, text, &["poll", "records"]), 0.0);
        assert_eq!(weight(line, "kafka is not there", &[]), 0.0);
        assert_eq!(
            weight("env[MAX_POOL_SIZE]: 10 → 20", "max pool size reached", &[]),
            0.0
        );
        assert_eq!(weight("env[RETRY_COUNT]: 3 → 2000", "took 2000 ms", &[]), 0.0);
    }

    #[test]
    fn a_value_that_came_or_went_is_found_as_a_whole() {
        let line = "containers[w].env[MYSQL_DATABASE]: socksdb → socksdb_eu";
        assert_eq!(weight(line, "Unknown database 'socksdb_eu'", &[]), 3.0);
        assert_eq!(weight(line, "Unknown table 'socksdb_europe'", &[]), 0.0);
        let line = "env[RATES]: file:/etc/rates.yaml → file:/etc/fares.yaml";
        assert_eq!(weight(line, "open /etc/fares.yaml: no such file", &[]), 3.0);
        // What stays says nothing.
        assert_eq!(
            weight("env[URL]: http://stock:80 → http://stock:81", "stock failed", &[]),
            0.0
        );
        assert_eq!(
            weight("env[MODE]: debug → production", "production debug", &[]),
            0.0
        );
    }
}
