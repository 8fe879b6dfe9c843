//! Whom the command of a container asks for.
//!
//! Commands are read as a shell reads them, as far as that goes: variables are replaced, simple commands told apart, and of
//! the programs with which people wait for others it is known where the host stands. A word elsewhere is a host only if a
//! port stands with it or its form says so.

use claw_k8s::model::Container;

/// The file in which a pod reads its own namespace.
const OWN_NAMESPACE: &str = "$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)";
/// Words that may stand before the program of a simple command.
const BEFORE: [&str; 18] = [
    "until", "while", "do", "if", "then", "else", "elif", "!", "exec", "time", "sudo", "busybox", "sh",
    "bash", "ash", "eval", "command", "[[",
];

/// A host that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// As it is written, with the port where that belongs to the word.
    pub(super) host: String,
    /// Whether it is surely a host. Else it is a word that a number follows.
    pub(super) sure: bool,
}

/// The hosts that a container's command names, in the order in which they stand there.
pub(super) fn hosts(container: &Container, namespace: &str) -> Vec<Named> {
    let parts = container.command.iter().chain(&container.args);
    let text = parts.fold(String::new(), |text, part| text + part + " ");
    let text = expanded(&text.replace(OWN_NAMESPACE, namespace), container);
    let in_env = |host: &str| {
        let mut values = container
            .env
            .iter()
            .filter_map(|variable| variable.value.as_deref());
        values.any(|value| bare(of_word(value).as_deref().unwrap_or(value)) == bare(host))
    };
    let mut found: Vec<Named> = Vec::new();
    for command in text.split([';', '|', '&', '\n', '(', ')', '`']) {
        let words: Vec<&str> = command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']))
            .filter(|word| !word.is_empty())
            .collect();
        for Named { host, sure } in of_command(&words) {
            let sure = sure || in_env(&host);
            match found.iter_mut().find(|known| known.host == host) {
                Some(known) => known.sure |= sure,
                None => found.push(Named { host, sure }),
            }
        }
    }
    found
}

/// The text with the variables replaced whose values the container's specification tells.
fn expanded(text: &str, container: &Container) -> String {
    let value = |name: &str| {
        let variable = container.env.iter().find(|variable| variable.name == name);
        variable.and_then(|variable| variable.value.clone())
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, default, behind) = match after.chars().next() {
            Some(open @ ('{' | '(')) => {
                let close = if open == '{' { '}' } else { ')' };
                let inside = after.get(1..).and_then(|inside| inside.split_once(close));
                let Some((inside, behind)) = inside else {
                    out.push('$');
                    rest = after;
                    continue;
                };
                let (name, default) = match inside.split_once(":-") {
                    Some((name, default)) => (name, Some(default)),
                    None => (inside, None),
                };
                (name, default, behind)
            }
            _ => {
                let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
                let (name, behind) = after.split_at(end);
                (name, None, behind)
            }
        };
        let known = !name.is_empty() && name.chars().all(is_name);
        match value(name)
            .or_else(|| default.map(str::to_owned))
            .filter(|_| known)
        {
            Some(value) => {
                out.push_str(&value);
                rest = behind;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn of_command(words: &[&str]) -> Vec<Named> {
    let is_before = |word: &&&str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        // `sh -c`, `sh -ec`, and variables that are set for the command alone.
        let option = word.starts_with('-');
        let assigned = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        });
        BEFORE.contains(&name) || option || assigned
    };
    let mut words = words;
    loop {
        let start = words.iter().take_while(is_before).count();
        words = words.get(start..).unwrap_or_default();
        // `timeout 5 nc …`
        if words.first().is_none_or(|word| *word != "timeout") {
            break;
        }
        let limit = words.iter().skip(1).take_while(|word| !starts_with_letter(word));
        let behind = limit.count() + 1;
        words = words.get(behind..).unwrap_or_default();
    }
    let Some((program, arguments)) = words.split_first() else {
        return Vec::new();
    };
    let sure = |host: &str| Named {
        host: host.to_owned(),
        sure: true,
    };
    let mut found: Vec<Named> = device(program).into_iter().map(|host| sure(&host)).collect();
    let program = program.rsplit('/').next().unwrap_or(program);
    match program {
        // Owners are written like hosts with ports.
        "chown" | "chgrp" | "chmod" | "sleep" | "seq" | "sysctl" | "echo" | "printf" => return found,
        "nslookup" | "dig" | "host" | "ping" | "ping6" => {
            let asked = arguments.iter().find(|word| is_host(word));
            found.extend(asked.map(|host| sure(host)));
            return found;
        }
        "getent" => {
            let asked = arguments.iter().skip(1).find(|word| is_host(word));
            let of_hosts = arguments.first().is_some_and(|word| word.contains("hosts"));
            found.extend(asked.filter(|_| of_hosts).map(|host| sure(host)));
            return found;
        }
        "nc" | "ncat" | "netcat" | "telnet" | "cqlsh" | "wait-for" | "wait-for.sh" | "wait-for-it"
        | "wait-for-it.sh" => {
            let pair = arguments.windows(2).find_map(|pair| match pair {
                [host, port] if is_host(host) && (is_port(port) || port.starts_with('$')) => Some(*host),
                _ => None,
            });
            found.extend(pair.map(sure));
            if program.starts_with("wait") {
                found.extend(by_option(arguments).map(|host| sure(&host)));
            }
        }
        _ if is_client(program) => found.extend(by_option(arguments).map(|host| sure(&host))),
        _ => found.extend(arguments.windows(2).filter_map(|pair| match pair {
            [host, port] if is_host(host) && is_port(port) => Some(Named {
                host: (*host).to_owned(),
                sure: false,
            }),
            _ => None,
        })),
    }
    found.extend(
        arguments
            .iter()
            .filter_map(|word| of_word(word).or_else(|| device(word)))
            .map(|host| sure(&host)),
    );
    found
}

/// Programs that take a host behind `-h` or `--host`.
fn is_client(program: &str) -> bool {
    const CLIENTS: [&str; 17] = [
        "psql",
        "pg_isready",
        "pg_dump",
        "pg_restore",
        "createdb",
        "mysql",
        "mysqladmin",
        "mysqldump",
        "mariadb",
        "mariadb-admin",
        "redis-cli",
        "valkey-cli",
        "mongo",
        "mongosh",
        "clickhouse-client",
        "influx",
        "rabbitmqadmin",
    ];
    CLIENTS.contains(&program)
}

/// `-h db`, `-hdb`, `--host db`, `--host=db`, and `host=db` of a connection string.
fn by_option(arguments: &[&str]) -> Option<String> {
    let behind = arguments.windows(2).find_map(|pair| match pair {
        ["-h" | "-H" | "-host" | "--host" | "--hostname", host] => Some(*host),
        _ => None,
    });
    let within = || {
        arguments.iter().find_map(|word| {
            let written = word
                .strip_prefix("--host=")
                .or_else(|| word.strip_prefix("host="));
            written.or_else(|| word.strip_prefix("-h").filter(|rest| !rest.is_empty()))
        })
    };
    let host = behind.or_else(within)?;
    is_host(bare(host)).then(|| host.to_owned())
}

/// The host in a word that shows by its form that it names one: `host:port`, a URL, a name in the cluster's domain. An option
/// may stand before it.
fn of_word(word: &str) -> Option<String> {
    let word = word.trim_matches(['"', '\'', ',']);
    if let Some((_, behind)) = word.split_once("://") {
        let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        return is_host(bare(host)).then(|| host.to_owned());
    }
    let word = word.rsplit('=').next().unwrap_or(word);
    let word = word.split(['/', ',']).next().unwrap_or(word);
    let with_port = word
        .rsplit_once(':')
        .is_some_and(|(name, port)| is_host(name) && is_port(port));
    let in_cluster = is_host(word) && word.contains(".svc");
    (with_port || in_cluster).then(|| word.to_owned())
}

/// `/dev/tcp/db/5432`, to which a shell connects.
fn device(word: &str) -> Option<String> {
    let (_, behind) = word.split_once("/dev/tcp/")?;
    let host = behind.split('/').next()?;
    is_host(host).then(|| host.to_owned())
}

/// A host without its port.
fn bare(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| is_port(port))
        .map_or(host, |(name, _)| name)
}

fn starts_with_letter(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Whether a word may be the name of a host other than the pod itself: lower case, with a letter.
fn is_host(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && name.bytes().any(|b| b.is_ascii_lowercase())
        && !name.starts_with(['-', '.'])
        && name != "localhost"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Named, hosts};

    fn named(script: &str) -> Vec<Named> {
        let container = serde_json::from_value(json!({
            "command": ["sh", "-c", script],
            "env": [
                {"name": "DB_HOST", "value": "mysql-main"}, {"name": "DB_PORT", "value": "3306"},
                {"name": "QUEUE", "value": "amqp://broker:5672/shop"},
            ],
        }));
        hosts(&container.unwrap(), "shop")
    }

    fn surely(script: &str) -> Vec<String> {
        let all = named(script).into_iter();
        all.filter(|named| named.sure).map(|named| named.host).collect()
    }

    #[test]
    fn finds_the_hosts_that_a_command_waits_for() {
        for (script, expected) in [
            ("until nc -z orders-db 5432; do sleep 2; done", "orders-db"),
            (
                "until timeout 3 nc -zw 2 orders-db $PORT; do sleep 2; done",
                "orders-db",
            ),
            (
                "until nslookup redis.cache.svc.cluster.local; do echo waiting; sleep 1; done",
                "redis.cache.svc.cluster.local",
            ),
            (
                "until nslookup redis.$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace).svc.cluster.local; do sleep 1; done",
                "redis.shop.svc.cluster.local",
            ),
            ("until getent hosts redis; do sleep 1; done", "redis"),
            ("ping -c 1 -W 2 redis", "redis"),
            ("./wait-for-it.sh kafka:9092 -t 0 -- true", "kafka:9092"),
            (
                "timeout 60 bash -c 'until nc -z orders-db 5432; do sleep 1; done'",
                "orders-db",
            ),
            ("/opt/wait-for.sh orders-db 5432", "orders-db"),
            ("/wait-for-it.sh --host=kafka --port=9092", "kafka"),
            ("until pg_isready -h pg -p 5432 -U app; do sleep 5; done", "pg"),
            ("psql -h pg -c 'select 1'", "pg"),
            ("psql \"host=pg port=5432 user=app\" -c 'select 1'", "pg"),
            ("until mysqladmin ping -hdb --silent; do sleep 1; done", "db"),
            (
                "until redis-cli -h redis ping | grep PONG; do sleep 1; done",
                "redis",
            ),
            (
                "until curl -sf http://auth.iam:8080/ready; do sleep 3; done",
                "auth.iam:8080",
            ),
            ("wget -qO- https://auth/ready", "auth"),
            ("until </dev/tcp/pg/5432; do sleep 1; done", "pg"),
            ("while ! nc -w 2 $DB_HOST 3306; do sleep 3; done", "mysql-main"),
            ("./wait ${DB_HOST}:${DB_PORT}", "mysql-main:3306"),
            ("./wait $(DB_HOST):3306", "mysql-main:3306"),
            ("./wait \"$DB_HOST:3306\"", "mysql-main:3306"),
            ("./wait ${CACHE:-redis}:6379", "redis:6379"),
            ("./wait --broker=$QUEUE", "broker:5672"),
            // Not the form of the command, but a variable says that it is a host.
            ("./wait mysql-main 3306", "mysql-main"),
        ] {
            assert_eq!(surely(script), [expected], "{script}");
        }
    }

    #[test]
    fn words_of_the_shell_are_no_hosts() {
        for script in [
            "python manage.py migrate",
            "until mysqladmin ping; do sleep 1; done",
            "chmod 777 /data && chown app:1000 /data",
            "sysctl -w net.core.somaxconn=1024",
            "seq 1 10; sleep 30; exit 1",
            "until nc -z localhost 8080; do sleep 1; done",
            "./wait $UNKNOWN:5432",
            "grep -h select 1 /tmp/queries",
            "df -h data",
        ] {
            assert_eq!(surely(script), [""; 0], "{script}");
        }
        let unsure = named("./wait-until-ready orders-db 5432");
        assert_eq!(
            unsure.iter().map(|named| named.host.as_str()).collect::<Vec<_>>(),
            ["orders-db"]
        );
        assert!(!unsure[0].sure);
    }
}
