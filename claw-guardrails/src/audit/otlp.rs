//! Records in the data model of OpenTelemetry logs, as OTLP/JSON.

use claw_core::audit::{AuditEvent, AuditKind};
use serde_json::{Value, json};

use super::chain::Record;

/// The scope that the records have there.
const SCOPE: &str = "claw.audit";

/// A record as one line of OTLP/JSON: a whole `ExportLogsServiceRequest` (`resourceLogs`), which the file receiver of a
/// collector, and the `/v1/logs` of any, take. `log` is the path or name of the log.
///
/// What was refused or failed is a warning. The record's sequence and hash go along, so that what arrives can be compared with
/// the log.
pub fn otlp_json(record: &Record, event: &AuditEvent, log: &str) -> String {
    let kind = kind_name(event.kind);
    let troubled = event.error.is_some() || event.kind == AuditKind::Refuse;
    let (number, text) = if troubled { (13, "WARN") } else { (9, "INFO") };
    // Counted from 1970, and never negative.
    let time = event.time.as_nanosecond().max(0).to_string();
    let mut attributes = vec![
        attribute("claw.run", &event.run),
        attribute("claw.actor", &event.actor),
        attribute("claw.kind", &kind),
        attribute("claw.subject", &event.subject),
        integer("claw.audit.sequence", record.sequence),
        attribute("claw.audit.hash", &record.hash),
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
    if let Some(observed) = &event.observed {
        attributes.push(attribute("claw.observed.digest", &observed.digest));
        attributes.push(integer("claw.observed.bytes", observed.bytes));
        attributes.push(attribute("claw.observed.excerpt", &observed.excerpt));
    }
    json!({
        "resourceLogs": [{
            "resource": {"attributes": [attribute("service.name", &event.actor), attribute("log.file.path", log)]},
            "scopeLogs": [{
                "scope": {"name": SCOPE, "version": env!("CARGO_PKG_VERSION")},
                "logRecords": [{
                    "timeUnixNano": time,
                    "observedTimeUnixNano": time,
                    "severityNumber": number,
                    "severityText": text,
                    "eventName": format!("{SCOPE}.{kind}"),
                    "body": {"stringValue": format!("{kind} {}", event.subject)},
                    "attributes": attributes,
                }],
            }],
        }],
    })
    .to_string()
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
    use super::super::{Entry, Record};
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
            entry: Entry::Event(Box::new(event.clone())),
            hash: "ab".repeat(32),
        };
        let line = otlp_json(&record, &event, "audit.jsonl");
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
}
