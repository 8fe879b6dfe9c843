//! Names that are known by what stands around them, however few of them a log shows: `for user bo from`, `namespace=shop`.

use super::addresses::is_ipv4;

/// Whether `word` names one of a kind: `before` are the two words in front of it, `behind` is what follows.
pub(super) fn is_name(before: [&str; 2], word: &str, behind: &str) -> bool {
    let [lead, kind] = before;
    if lead.is_empty() && kind.len() > "with".len() {
        return false;
    }
    let next = behind.trim_start();
    if leads(lead) && is_kind(kind) {
        return is_plain(word) && ends_phrase(next);
    }
    // `password for bo from 10.1.2.3`, `connected to gauge at 10.1.2.3:80`
    matches!(kind, "for" | "to" | "with") && before_address(next) && is_plain(word)
}

/// Whether the value `word` of `key=` is a name: one whose key asks for names, no value at all, or a name with dots.
pub(super) fn is_named_value(key: &str, word: &str) -> bool {
    if is_nothing(word) {
        return true;
    }
    let lower = word.bytes().any(|byte| byte.is_ascii_lowercase());
    let names = (is_kind(key) && key != "user")
        || matches!(key, "name" | "tag" | "id" | "client" | "peer" | "instance")
        || ["name", "host", "addr", "address", "_id"]
            .iter()
            .any(|end| key.ends_with(end));
    (names && lower && !is_truth(word)) || is_dotted(word, 2)
}

/// Whether a word is a name of at least so many `parts` with dots between them that is no class: `shop.cart.size`,
/// `com.example.app/.Main`. Names of exceptions tell lines apart.
pub(super) fn is_dotted(word: &str, parts: usize) -> bool {
    let name = word.split_once('/').map_or(word, |(name, _)| name);
    let mut count = 0;
    let mut last = "";
    for part in name.split('.') {
        let plain = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$'));
        if !plain {
            return false;
        }
        count += 1;
        last = part;
    }
    count >= parts && last.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
}

/// The length of an object as programs print it, at the begin of `text`: `WorkSource{10113}`.
pub(super) fn printed_object(text: &str) -> Option<usize> {
    const LONGEST: usize = 512;
    let name = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if name == 0 || text.as_bytes().get(name) != Some(&b'{') {
        return None;
    }
    let mut depth = 0_usize;
    let length = text.bytes().skip(name).take(LONGEST).position(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })?;
    Some(name + length + 1)
}

/// Kinds of things that have names.
fn is_kind(word: &str) -> bool {
    matches!(
        word,
        "user"
            | "username"
            | "account"
            | "tenant"
            | "customer"
            | "role"
            | "group"
            | "host"
            | "node"
            | "pod"
            | "container"
            | "namespace"
            | "service"
            | "deployment"
            | "cluster"
            | "database"
            | "schema"
            | "table"
            | "index"
            | "collection"
            | "topic"
            | "queue"
            | "channel"
            | "bucket"
            | "volume"
            | "region"
            | "zone"
    )
}

/// Words that stand in front of a kind when a name follows it.
fn leads(word: &str) -> bool {
    matches!(
        word,
        "for"
            | "by"
            | "of"
            | "as"
            | "on"
            | "in"
            | "from"
            | "to"
            | "into"
            | "with"
            | "invalid"
            | "illegal"
            | "unknown"
            | "such"
    )
}

/// Whether `next` says where something is.
fn before_address(next: &str) -> bool {
    let address = next.strip_prefix("from ").or_else(|| next.strip_prefix("at "));
    address.is_some_and(|address| {
        let end = address.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        is_ipv4(address.get(..end.unwrap_or(address.len())).unwrap_or_default())
    })
}

/// Whether what follows a name goes on with the sentence, or ends it.
fn ends_phrase(next: &str) -> bool {
    let word = next.split(char::is_whitespace).next().unwrap_or_default();
    word.is_empty()
        || word.starts_with(['[', '(', ',', ';', ':', '"'])
        || matches!(
            word,
            "from" | "by" | "at" | "on" | "in" | "to" | "for" | "with" | "via" | "after" | "and" | "because"
        )
}

/// Whether a word may be a name: it says neither what was done, nor a state, nor what is done with the kind.
fn is_plain(word: &str) -> bool {
    let said = ["ed", "ing", "tion", "ment"]
        .iter()
        .any(|end| word.ends_with(end));
    let shouted = word.bytes().all(|byte| !byte.is_ascii_lowercase());
    let state = matches!(
        word,
        "is" | "was"
            | "not"
            | "has"
            | "down"
            | "up"
            | "ready"
            | "full"
            | "empty"
            | "unknown"
            | "unavailable"
            | "unreachable"
            | "online"
            | "offline"
            | "error"
            | "failure"
            | "timeout"
            | "lost"
            | "broken"
            | "gone"
            | "slow"
            | "busy"
            | "alive"
            | "healthy"
            | "unhealthy"
            | "leader"
            | "follower"
            | "primary"
            | "replica"
            | "standby"
    );
    let compound = matches!(
        word,
        "data"
            | "session"
            | "sessions"
            | "profile"
            | "account"
            | "accounts"
            | "input"
            | "agent"
            | "id"
            | "ids"
            | "name"
            | "names"
            | "list"
            | "request"
            | "requests"
            | "state"
            | "status"
            | "settings"
            | "info"
            | "token"
            | "members"
            | "events"
    );
    !said && !shouted && !state && !compound && !is_truth(word)
}

fn is_nothing(word: &str) -> bool {
    matches!(
        word,
        "null" | "nil" | "none" | "None" | "NULL" | "undefined" | "-"
    )
}

fn is_truth(word: &str) -> bool {
    matches!(
        word,
        "true" | "false" | "True" | "False" | "yes" | "no" | "on" | "off"
    )
}
