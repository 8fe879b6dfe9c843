//! Finds the hosts that configuration names: in environment variables, arguments and config files.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A host, with port where one is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// Name or number, lower case, without a final dot.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
}

impl Address {
    /// Reads `host` or `host:port`, as an address is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        // A bare IPv6 address has colons of its own.
        if text.parse::<IpAddr>().is_ok() {
            return address(text, None);
        }
        let (host, port) = split_port(text)?;
        address(host, port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(f, "[{}]:{port}", self.host),
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// The hosts that a text names: in URLs, as `host:port`, and as names in the cluster's domain. Credentials are left
/// out, and so is the machine itself (`localhost`).
///
/// A value after a key that asks for a host (`redis_host = redis`) counts even if it is a single word.
pub fn addresses(text: &str) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut key = "";
    for token in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '`' | '|')) {
        for part in token.split(['(', ')', '{', '}', '<', '>', '=']) {
            if part.is_empty() {
                continue;
            }
            if let Some(address) = parse(part).or_else(|| parse(part.rsplit_once('@')?.1)) {
                found.insert(address);
                key = "";
            } else if let Some(address) = asks_for_host(key).then(|| bare(part)).flatten() {
                found.insert(address);
                key = "";
            } else {
                key = part;
            }
        }
    }
    found
}

/// The hosts that the value of a variable names. Where the variable's name asks for a host, a single word is one.
pub fn addresses_of_variable(name: &str, value: &str) -> BTreeSet<Address> {
    let mut found = addresses(value);
    if found.is_empty()
        && asks_for_host(name)
        && let Some(address) = bare(value.trim())
    {
        found.insert(address);
    }
    found
}

/// Words at the end of a key after which a bare word is a host.
const HOST_WORDS: [&str; 16] = [
    "host", "hosts", "hostname", "addr", "address", "url", "uri", "endpoint", "server", "servers", "service",
    "broker", "brokers", "upstream", "backend", "target",
];

fn asks_for_host(key: &str) -> bool {
    let last = key
        .trim_end_matches(':')
        .rsplit(['_', '.', '-', '/'])
        .next()
        .unwrap_or_default();
    HOST_WORDS.iter().any(|word| {
        last.eq_ignore_ascii_case(word)
            // camelCase: `redisHost`
            || last
                .len()
                .checked_sub(word.len())
                .and_then(|at| last.split_at_checked(at))
                .is_some_and(|(before, tail)| {
                    before.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                        && tail.starts_with(|c: char| c.is_ascii_uppercase())
                        && tail.eq_ignore_ascii_case(word)
                })
    })
}

/// A URL, `host:port`, or a name in the cluster's domain.
fn parse(token: &str) -> Option<Address> {
    if let Some((scheme, rest)) = token.split_once("://") {
        if scheme.is_empty() || scheme.eq_ignore_ascii_case("file") || scheme.eq_ignore_ascii_case("unix") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = split_port(after_credentials(authority))?;
        return address(host, port);
    }
    let authority = token.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_port(authority)?;
    if port.is_some() || in_cluster_domain(host) {
        address(host, port)
    } else {
        None
    }
}

fn after_credentials(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Splits `host:port` and `[v6]:port`. `None` if what follows the colon is no port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => Some((host, None)),
        };
    }
    match authority.rsplit_once(':') {
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}

fn in_cluster_domain(host: &str) -> bool {
    host.ends_with(".svc") || host.contains(".svc.")
}

/// A single word, or a dotted name, standing alone.
fn bare(text: &str) -> Option<Address> {
    let (host, port) = split_port(text)?;
    let has_letter = host.contains(|c: char| c.is_ascii_alphabetic());
    let word = !matches!(
        host.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "none" | "yes" | "no" | "on" | "off" | "auto"
    );
    if (has_letter || host.parse::<IpAddr>().is_ok()) && word {
        address(host, port)
    } else {
        None
    }
}

fn address(host: &str, port: Option<u16>) -> Option<Address> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if port == Some(0) || host == "localhost" {
        return None;
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return (!ip.is_loopback() && !ip.is_unspecified()).then_some(Address { host, port });
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let named = host.len() <= 253
        && host.split('.').all(label)
        // `1.2:80` and `10:30` are versions and times
        && host.contains(|c: char| c.is_ascii_alphabetic());
    named.then_some(Address { host, port })
}

/// Whether a range in CIDR notation holds an address. `None` if it is no range.
pub(crate) fn in_range(cidr: &str, address: IpAddr) -> Option<bool> {
    let (network, length) = cidr.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let (network, address, width) = match (network.parse().ok()?, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (
            u128::from(u32::from(network)),
            u128::from(u32::from(address)),
            32_u32,
        ),
        (IpAddr::V6(network), IpAddr::V6(address)) => (u128::from(network), u128::from(address), 128),
        _ => return Some(false),
    };
    let rest = width.checked_sub(length)?;
    // A range of length zero holds everything; shifting by the whole width is not defined.
    let prefix = |bits: u128| bits.checked_shr(rest).unwrap_or(0);
    Some(prefix(network) == prefix(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        addresses(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn finds_urls_and_leaves_credentials_out() {
        assert_eq!(
            found("postgres://app:s3cr3t@db.shop.svc.cluster.local:5432/orders?sslmode=disable"),
            ["db.shop.svc.cluster.local:5432"]
        );
        assert_eq!(found("jdbc:mysql://mysql:3306/x"), ["mysql:3306"]);
        assert_eq!(found("redis://redis"), ["redis"]);
        assert_eq!(found("amqp://u:p@q:5672,amqp://u:p@r:5672"), ["q:5672", "r:5672"]);
        assert_eq!(found("app:pw@tcp(db:3306)/orders"), ["db:3306"]);
        assert_eq!(found("http://[fd00::1]:80/x"), ["[fd00::1]:80"]);
    }

    #[test]
    fn finds_hosts_with_ports_and_cluster_names() {
        assert_eq!(
            found("kafka-0.kafka:9092,kafka-1.kafka:9092"),
            ["kafka-0.kafka:9092", "kafka-1.kafka:9092"]
        );
        assert_eq!(found("cart.shop.svc"), ["cart.shop.svc"]);
        assert_eq!(found("--upstream=cart:8080"), ["cart:8080"]);
    }

    #[test]
    fn finds_single_words_only_where_a_host_is_asked_for() {
        assert_eq!(found("redis_host = redis\nlog_level = info"), ["redis"]);
        assert_eq!(found("redis:\n  host: cache\n  port: 6379"), ["cache"]);
        assert!(found("mode: cache").is_empty());
        let of = |name, value| addresses_of_variable(name, value).len();
        assert_eq!(of("REDIS_HOST", "redis"), 1);
        assert_eq!(of("redisHost", "redis"), 1);
        assert_eq!(of("LOG_LEVEL", "redis"), 0);
        assert_eq!(of("USE_HOST", "true"), 0);
    }

    #[test]
    fn leaves_the_machine_itself_times_versions_and_images_with_tags_out() {
        for text in [
            "localhost:8080",
            "http://127.0.0.1:9090",
            "0.0.0.0:80",
            "12:30",
            "1.2:80",
            "busybox:latest",
            "unix:///var/run/x.sock",
            "file:///etc/passwd",
            "::",
            "://",
            "http://",
            "@",
            "a b c",
            "[::1]:80",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn takes_any_text(text in "\\PC{0,200}") {
            for address in addresses(&text) {
                proptest::prop_assert!(!address.host.is_empty());
                proptest::prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
            }
        }
    }
}
