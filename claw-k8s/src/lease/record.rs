//! A Lease as it is stored.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A Lease (`coordination.k8s.io/v1`) as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) uid: String,
    pub(super) version: String,
    /// Who holds it; nobody where it was released.
    pub(super) holder: Option<String>,
    /// How long a term lasts after it was renewed.
    pub(super) duration: Duration,
    /// How often it has gone to a holder: the epoch.
    pub(super) transitions: u64,
}

impl Record {
    /// Reads the object. `None` where it is none that is stored.
    pub(super) fn read(object: &Value) -> Option<Self> {
        let text = |place: &str| object.pointer(place).and_then(Value::as_str);
        let number = |place: &str| object.pointer(place).and_then(Value::as_u64);
        Some(Self {
            uid: text("/metadata/uid")?.to_owned(),
            version: text("/metadata/resourceVersion")?.to_owned(),
            holder: text("/spec/holderIdentity")
                .filter(|holder| !holder.is_empty())
                .map(str::to_owned),
            // What others have written without a duration is not waited for longer than for one that is written.
            duration: Duration::from_secs(number("/spec/leaseDurationSeconds").unwrap_or(15)),
            transitions: number("/spec/leaseTransitions").unwrap_or(0),
        })
    }

    /// The preconditions of a write to it.
    pub(super) fn preconditions(&self) -> Value {
        json!({ "uid": self.uid, "resourceVersion": self.version })
    }
}

/// The spec of a term. Times are for people: nobody's clock is compared with them.
pub(super) fn term(
    holder: &str,
    duration: Duration,
    transitions: u64,
    acquired: bool,
    now: Timestamp,
) -> Value {
    let mut spec = json!({
        "holderIdentity": holder,
        "leaseDurationSeconds": duration.as_secs().max(1),
        "leaseTransitions": transitions,
        "renewTime": micro(now),
    });
    if let (Value::Object(fields), true) = (&mut spec, acquired) {
        fields.insert("acquireTime".to_owned(), micro(now).into());
    }
    spec
}

/// The spec of a lease that nobody holds.
pub(super) fn released(now: Timestamp) -> Value {
    json!({ "holderIdentity": null, "leaseDurationSeconds": 1, "renewTime": micro(now) })
}

/// A time as a `MicroTime` is written.
fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_as_it_is_written() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let object = |spec: Value| json!({"metadata": {"uid": "u", "resourceVersion": "7"}, "spec": spec});
        let held = Record::read(&object(term("a", Duration::from_secs(15), 3, true, now))).unwrap();
        assert_eq!((held.holder.as_deref(), held.transitions), (Some("a"), 3));
        assert_eq!(held.duration, Duration::from_secs(15));
        assert_eq!(held.preconditions(), json!({"uid": "u", "resourceVersion": "7"}));
        assert_eq!(Record::read(&object(released(now))).unwrap().holder, None);
        assert_eq!(
            Record::read(&object(json!({"holderIdentity": ""})))
                .unwrap()
                .holder,
            None
        );
        for nothing in [json!(null), json!({}), json!({"metadata": {"uid": "u"}})] {
            assert_eq!(Record::read(&nothing), None, "{nothing}");
        }
        assert_eq!(micro(now), "2026-03-01T10:00:00.000000Z");
    }
}
