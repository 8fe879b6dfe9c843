//! Events, from their own table and from the end of descriptions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::entity::known_kind;
use super::age;
use super::describe::Head;
use super::table::{self, Row};

/// Columns of the table at the end of a description.
const REASON: &str = "Reason";

/// The events at the end of a description.
pub(super) fn described(text: &str, kind: &str, head: &Head<'_>, present: Timestamp) -> Vec<Value> {
    let Some((_, printed)) = text.split_once("\nEvents:") else {
        return Vec::new();
    };
    let Some((_, rows)) = printed.split_once('\n') else {
        return Vec::new();
    };
    table::read(rows)
        .iter()
        .enumerate()
        .filter(|(_, row)| row.get(REASON).is_some_and(|reason| !reason.is_empty()))
        .filter_map(|(index, row)| {
            let event = Event {
                kind,
                namespace: head.namespace,
                name: head.name,
                severity: row.get("Type")?,
                reason: row.get(REASON)?,
                age: row.get("Age").or_else(|| row.get("LastSeen"))?,
                from: row.get("From").copied().unwrap_or_default(),
                message: row.get("Message").copied().unwrap_or_default(),
            };
            Some(event.object(index, present))
        })
        .collect()
}

/// An event in a table of `kubectl get events`.
pub(super) fn listed(
    row: &Row<'_>,
    namespace: Option<&str>,
    index: usize,
    present: Timestamp,
) -> Option<Value> {
    // `pod/cart-1`; the wide table has `SUBOBJECT` and `SOURCE` besides.
    let (kind, name) = row.get("OBJECT")?.split_once('/')?;
    let mut event = Event {
        kind: known_kind(kind).unwrap_or(kind),
        namespace,
        name,
        severity: row.get("TYPE")?,
        reason: row.get("REASON")?,
        age: row.get("LAST SEEN")?,
        from: row.get("SOURCE").copied().unwrap_or_default(),
        message: row.get("MESSAGE").copied().unwrap_or_default(),
    }
    .object(index, present);
    if let (Some(count), Some(map)) = (
        row.get("COUNT").and_then(|text| text.parse::<u64>().ok()),
        event.as_object_mut(),
    ) {
        map.insert("count".to_owned(), count.into());
    }
    let first = row.get("FIRST SEEN").and_then(|text| age::before(text, present));
    if let (Some(first), Some(map)) = (first, event.as_object_mut()) {
        map.insert("firstTimestamp".to_owned(), first.to_string().into());
    }
    Some(event)
}

struct Event<'a> {
    kind: &'a str,
    namespace: Option<&'a str>,
    name: &'a str,
    severity: &'a str,
    reason: &'a str,
    age: &'a str,
    from: &'a str,
    message: &'a str,
}

impl Event<'_> {
    fn object(&self, index: usize, present: Timestamp) -> Value {
        let seen = age::seen(self.age, present);
        let (first, last, count) =
            seen.map_or((present, present, 1), |seen| (seen.first, seen.last, seen.count));
        let mut about = json!({"kind": self.kind, "name": self.name});
        if let (Some(namespace), Value::Object(about)) = (self.namespace, &mut about) {
            about.insert("namespace".to_owned(), namespace.into());
        }
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": format!("{}.{}-{index}", self.name, self.kind.to_lowercase()),
                // Events about objects without a namespace lie in this one.
                "namespace": self.namespace.unwrap_or("default"),
            },
            "involvedObject": about, "type": self.severity, "reason": self.reason, "message": self.message,
            "count": count, "firstTimestamp": first.to_string(), "lastTimestamp": last.to_string(),
            "source": {"component": self.from.trim_end_matches(',')},
        })
    }
}
