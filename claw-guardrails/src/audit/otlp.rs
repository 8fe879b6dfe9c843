//! Records in the data model of OpenTelemetry logs, as OTLP/JSON.

use claw_core::audit::{AuditEvent, AuditKind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::entry::{Entry, Note, Record};

/// The scope that the records have there.
const SCOPE: &str = "claw.audit";

/// A record as one line of OTLP/JSON: a whole `ExportLogsServiceRequest` (`resourceLogs`), which the file receiver of a
/// collector, and the `/v1/logs` of any, take. `log` is the path or name of the log.
///
/// What was refused or failed is a warning, and so is a note of the log that it did not go on as it should. The record's
/// sequence and hash go along, so that what arrives can be compared with the log.
pub fn otlp_json(record: &Record, log: &str) -> String {
    let mut told = match &record.entry {
        Entry::Event(event) => of_event(event),
        Entry::Note(note) => of_note(note),
    };
    told.attributes
        .push(integer("claw.audit.sequence", record.sequence));
    told.attributes.push(attribute("claw.audit.hash", &record.hash));
    let (number, text) = if told.troubled { (13, "WARN") } else { (9, "INFO") };
    // Counted from 1970, and never negative.
    let time = told.time.as_nanosecond().max(0).to_string();
    let mut resource = vec![attribute("log.file.path", log)];
    resource.extend(told.actor.map(|actor| attribute("service.name", actor)));
    json!({
        "resourceLogs": [{
            "resource": {"attributes": resource},
            "scopeLogs": [{
                "scope": {"name": SCOPE, "version": env!("CARGO_PKG_VERSION")},
                "logRecords": [{
                    "timeUnixNano": time,
                    "observedTimeUnixNano": time,
                    "severityNumber": number,
                    "severityText": text,
                    "eventName": format!("{SCOPE}.{}", told.kind),
                    "body": {"stringValue": told.body},
                    "attributes": told.attributes,
                }],
            }],
        }],
    })
    .to_string()
}

/// What differs from one entry to the other.
struct Told<'a> {
    kind: String,
    time: Timestamp,
    troubled: bool,
    actor: Option<&'a str>,
    body: String,
    attributes: Vec<Value>,
}

fn of_event(event: &AuditEvent) -> Told<'_> {
    let kind = kind_name(event.kind);
    let mut attributes = vec![
        attribute("claw.run", &event.run),
        attribute("claw.actor", &event.actor),
        attribute("claw.kind", &kind),
        attribute("claw.subject", &event.subject),
    ];
    let texts = [
        ("claw.step", &event.step),
        ("claw.reasoned", &event.reasoned),
        ("claw.decided", &event.decided),
        ("error.message", &event.error),
    ];
    for (key, text) in texts {
        attributes.extend(text.as_deref().map(|text| attribute(key, text)));
    }
    if !event.why.is_empty() {
        attributes.push(attribute("claw.why", &event.why));
    }
    if !event.input.is_null() {
        attributes.push(attribute("claw.input", &event.input.to_string()));
    }
    if let Some(requests) = &event.requests {
        attributes.push(attribute("claw.requests", &json!(requests).to_string()));
    }
    if let Some(observed) = &event.observed {
        attributes.push(attribute("claw.observed.digest", &observed.digest));
        attributes.push(integer("claw.observed.bytes", observed.bytes));
        attributes.push(attribute("claw.observed.excerpt", &observed.excerpt));
    }
    Told {
        body: format!("{kind} {}", event.subject),
        kind,
        time: event.time,
        troubled: event.error.is_some() || event.kind == AuditKind::Refuse,
        actor: Some(&event.actor),
        attributes,
    }
}

fn of_note(note: &Note) -> Told<'_> {
    let said = json!(note);
    let kind = format!(
        "note.{}",
        said.get("kind").and_then(Value::as_str).unwrap_or("other")
    );
    let in_order = matches!(
        note,
        Note::Closed { .. } | Note::Sealed { .. } | Note::Retired { .. }
    );
    Told {
        body: kind.clone(),
        attributes: vec![
            attribute("claw.kind", &kind),
            attribute("claw.audit.note", &said.to_string()),
        ],
        kind,
        time: note.time(),
        troubled: !in_order,
        actor: None,
    }
}

/// The name of a kind, as records have it.
fn kind_name(kind: AuditKind) -> String {
    match json!(kind) {
        Value::String(name) => name,
        other => other.to_string(),
    }
}

fn attribute(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

/// Integers of 64 bits are strings in OTLP/JSON.
fn integer(key: &str, number: u64) -> Value {
    json!({"key": key, "value": {"intValue": number.to_string()}})
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    #[test]
    fn a_record_has_the_fields_of_the_data_model() {
        let event = AuditEvent {
            error: Some("Timeout: too late".to_owned()),
            ..event("run-1", "get_pods")
        };
        let record = Record {
            sequence: 1 << 60,
            prev: String::new(),
            entry: Entry::Event(Box::new(event)),
            hash: "ab".repeat(32),
        };
        let line = otlp_json(&record, "audit.jsonl");
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        let scope = &value["resourceLogs"][0]["scopeLogs"][0];
        assert_eq!(scope["scope"]["name"], "claw.audit");
        let log = &scope["logRecords"][0];
        assert_eq!(log["timeUnixNano"], "1772359200500000000");
        assert_eq!(
            (&log["severityNumber"], &log["severityText"]),
            (&json!(13), &json!("WARN"))
        );
        assert_eq!(log["eventName"], "claw.audit.observe");
        let attributes = log["attributes"].as_array().unwrap();
        let of = |key: &str| &attributes.iter().find(|one| one["key"] == key).unwrap()["value"];
        assert_eq!(
            of("claw.audit.sequence"),
            &json!({"intValue": "1152921504606846976"})
        );
        assert_eq!(of("claw.run"), &json!({"stringValue": "run-1"}));
        assert_eq!(of("error.message"), &json!({"stringValue": "Timeout: too late"}));
        assert_eq!(of("claw.observed.bytes"), &json!({"intValue": "12"}));
        assert!(!attributes.iter().any(|one| one["key"] == "claw.reasoned"));
    }

    #[test]
    fn what_was_refused_or_failed_is_a_warning_and_what_is_not_said_is_left_out() {
        let told = |event: AuditEvent| {
            let record = Record {
                sequence: 7,
                prev: String::new(),
                entry: Entry::Event(Box::new(event)),
                hash: "ab".repeat(32),
            };
            let value: Value = serde_json::from_str(&otlp_json(&record, "audit.jsonl")).unwrap();
            value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
        };
        let keys = |log: &Value| {
            let attributes = log["attributes"].as_array().unwrap().iter();
            attributes.map(|one| one["key"].clone()).collect::<Vec<_>>()
        };
        let usual = told(event("run-1", "get_pods"));
        assert_eq!(usual["severityText"], "INFO");
        assert!(
            ["claw.why", "claw.input"]
                .iter()
                .all(|key| keys(&usual).contains(&json!(key)))
        );
        let refused = told(AuditEvent {
            kind: AuditKind::Refuse,
            why: String::new(),
            input: Value::Null,
            ..event("run-1", "get_pods")
        });
        assert_eq!(refused["severityText"], "WARN");
        assert_eq!(refused["body"]["stringValue"], "refuse get_pods");
        assert!(
            !["claw.why", "claw.input"]
                .iter()
                .any(|key| keys(&refused).contains(&json!(key)))
        );
    }

    #[test]
    fn a_note_is_told_as_well() {
        let time = Timestamp::UNIX_EPOCH;
        for (note, name, severity) in [
            (Note::Closed { time }, "claw.audit.note.closed", 9),
            (Note::HeadMissing { time }, "claw.audit.note.head_missing", 13),
        ] {
            let record = Record {
                sequence: 7,
                prev: String::new(),
                entry: Entry::Note(note),
                hash: "ab".repeat(32),
            };
            let value: Value = serde_json::from_str(&otlp_json(&record, "audit.jsonl")).unwrap();
            let log = &value["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
            assert_eq!(
                (&log["eventName"], &log["severityNumber"]),
                (&json!(name), &json!(severity))
            );
            let attributes = log["attributes"].as_array().unwrap();
            assert!(
                attributes.contains(&integer("claw.audit.sequence", 7)),
                "{attributes:?}"
            );
        }
    }
}
