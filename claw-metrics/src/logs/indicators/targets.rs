//! Whom a text is about.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Where a text names whom it is about: `host:port`, a URL, or a quoted or bare name after a telling word.
static TARGETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@"']*@)?(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d{1,5})?"#,
        r#"(?i)\b(?:hostname\s*[:="']|(?:lookup|resolve(?: host)?|host|enotfound|eai_again|unknownhostexception|nslookup)[\s:="'])[\s:="']*([a-z0-9_][a-z0-9_.-]*[a-z0-9])(:\d{1,5})?"#,
        r#"(?i)(?:^|[\s"'(\[=,/])((?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)*)(:\d{2,5})(?:[\s"'),\]/;.:]|$)"#,
        r#"(?i)\b(?:server (?:at|on)|connect(?:ing)? to|connection to|to server|from|calling|upstream|host|address)\s+["'`]?([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*)["'`]?,?(?: \([0-9a-f.:]+\))?,?(?: port (\d{2,5}))?"#,
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// Pages of documentation, behind words that invite to read them.
static PAGES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?:(?:(?:^|[(\[.;,:!?\n])\s*(?:please |or |also |and )?|\bplease )(?:see|refer to)(?: also)?",
        r"|\b(?:learn more|read more|(?:more|further|additional) (?:information|info|details|help))(?: about \S+| on \S+)?",
        r"(?:,? (?:please )?(?:see|visit|read|go to|can be found|is available|refer to))?(?: at| in| on| under)?",
        r"|\b(?:docs|documentation|troubleshooting|help)(?: at|:))",
        r#"[:,]?\s*(?:the (?:docs|documentation) at )?["'<(]?(https?://\S+)"#,
    ))
    .ok()
});

/// Words that stand where a host could and are none.
const NO_HOSTS: &[&str] = &[
    "the",
    "a",
    "an",
    "to",
    "from",
    "at",
    "on",
    "in",
    "of",
    "localhost",
    "error",
    "failed",
    "server",
    "client",
    "database",
    "upstream",
    "host",
    "address",
    "backend",
    "service",
    "remote",
    "peer",
    "port",
    "http",
    "https",
    "tcp",
    "udp",
    "this",
    "that",
    "local",
    "is",
    "was",
    "not",
    "could",
    "cannot",
    "timeout",
    "timed",
    "refused",
    "connection",
    "any",
    "no",
    "line",
    "for",
    "name",
    "lookup",
    "resolve",
    "resolving",
    "resolution",
    "resolver",
    "unreachable",
    "unknown",
    "unavailable",
    "does",
    "did",
    "has",
    "can",
    "associated",
    "already",
    "family",
];

/// The hosts that a text names, `host` or `host:port`, lower case, in the order in which they stand there. The machine
/// itself and words that are no hosts are left out.
pub fn targets(text: &str) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let read = documents(text);
    for pattern in TARGETS.iter() {
        for captures in pattern.captures_iter(text).take(16) {
            let Some(host) = captures.get(1) else { continue };
            if read.iter().any(|document| document.contains(&host.start())) {
                continue;
            }
            let name = host.as_str().trim_matches(['[', ']', '.']).to_ascii_lowercase();
            let port = captures.get(2).map(|port| port.as_str().trim_start_matches(':'));
            let place = || ends_path(text, host.start()) || is_place(text, host.end());
            if !is_host(&name, port.is_some()) || port.is_some() && place() {
                continue;
            }
            // "Can't connect to MySQL server on …" says what it is, not how it is called.
            if port.is_none()
                && !name.contains('.')
                && (is_kind(text, host.end()) || is_numbered(text, &name, host.end()))
            {
                continue;
            }
            let target = port.map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
            let known = found
                .iter_mut()
                .find(|(_, other)| other.split(':').next() == Some(name.as_str()));
            match known {
                // The form with a port tells more.
                Some((_, other)) if !other.contains(':') => *other = target,
                Some(_) => {}
                None => found.push((host.start(), target)),
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, target)| target).collect()
}

/// Where a text names pages to read: "(see https://…)", "Learn more: https://…". Nobody called them.
fn documents(text: &str) -> Vec<Range<usize>> {
    let found = PAGES.iter().flat_map(|pattern| pattern.captures_iter(text));
    let pages = found.filter_map(|captures| captures.get(1));
    pages.map(|page| page.range()).collect()
}

/// Whether a number follows a word for one of many, or a negative number any word: "node -1", "broker 1001" are no names.
fn is_numbered(text: &str, name: &str, at: usize) -> bool {
    const MEMBERS: [&str; 12] = [
        "node",
        "broker",
        "shard",
        "replica",
        "partition",
        "member",
        "worker",
        "instance",
        "coordinator",
        "controller",
        "voter",
        "slot",
    ];
    let rest = text.get(at..).unwrap_or_default();
    let Some(rest) = rest.strip_prefix([' ', '#', '=']) else {
        return false;
    };
    let negative = rest.starts_with('-');
    let digit = rest
        .trim_start_matches(['-', '#'])
        .starts_with(|c: char| c.is_ascii_digit());
    digit && (negative || MEMBERS.contains(&name))
}

/// Whether what stands at `at` is the end of a path: "/etc/nginx/nginx.conf:14" is a line of a file. Java writes addresses
/// as "/10.0.0.5:6379" and "name/10.0.0.5:6379", which are none.
fn ends_path(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let word = before
        .rsplit(|c: char| c.is_whitespace() || "\"'`([=,".contains(c))
        .next()
        .unwrap_or_default();
    let rooted = word.starts_with('/') && !word.starts_with("//") && word.len() > 1;
    rooted || word.starts_with("./") || word.starts_with("../")
}

/// Whether a word follows of which what ends at `at` says the kind.
fn is_kind(text: &str, at: usize) -> bool {
    const WORDS: [&str; 5] = [" server", " database", " cluster", " broker", " instance"];
    let rest = text.get(at..).unwrap_or_default();
    WORDS.iter().any(|word| {
        rest.get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word))
    })
}

/// Whether what ends at `at` is a file with line and function or column behind it: `Pool.h:99:Pop`, `pool.zig:12:7`.
fn is_place(text: &str, at: usize) -> bool {
    let mut rest = text.get(at..).unwrap_or_default().splitn(3, ':').skip(1);
    let (Some(line), Some(then)) = (rest.next(), rest.next()) else {
        return false;
    };
    let number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    let file = text.get(..at).unwrap_or_default();
    let file = file
        .rsplit(|c: char| c.is_whitespace() || "(['\"".contains(c))
        .next();
    let address = file.is_some_and(|file| file.parse::<std::net::IpAddr>().is_ok());
    number && !address && then.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

fn is_host(name: &str, with_port: bool) -> bool {
    if name.len() < 2 || NO_HOSTS.contains(&name) || name == "127.0.0.1" || name == "0.0.0.0" || name == "::1"
    {
        return false;
    }
    // `2026-07-23T05:02` is a moment.
    let moment = name.len() > 10
        && name.bytes().take(10).enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if moment {
        return false;
    }
    let letters = name.bytes().any(|byte| byte.is_ascii_alphabetic());
    let address = name.parse::<std::net::IpAddr>().is_ok();
    // "12:34" is a time, "Foo.java:42" a place in a source file.
    let source_file = with_port
        && [
            ".java",
            ".go",
            ".py",
            ".js",
            ".ts",
            ".rb",
            ".rs",
            ".kt",
            ".scala",
            ".cs",
            ".php",
            ".c",
            ".h",
            ".hh",
            ".hpp",
            ".cc",
            ".cpp",
            ".cxx",
            ".ex",
            ".jar",
            ".mjs",
            ".tsx",
            ".conf",
            ".yaml",
            ".yml",
            ".json",
            ".toml",
            ".xml",
            ".cfg",
            ".ini",
            ".properties",
            ".lua",
            ".kts",
        ]
        .iter()
        .any(|ending| name.ends_with(ending));
    address || (letters && !source_file)
}
