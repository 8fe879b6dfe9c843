use proptest::prelude::*;
use serde_json::json;

use super::*;

/// As Alertmanager 0.27 sends it.
const BODY: &str = r#"{
  "receiver": "claw", "status": "firing",
  "alerts": [
    {"status": "firing",
     "labels": {"alertname": "HighErrorRate", "namespace": "shop", "service": "checkout", "severity": "critical"},
     "annotations": {"summary": "5xx of checkout above 5 %"},
     "startsAt": "2026-03-01T11:00:26.739266876+01:00", "endsAt": "0001-01-01T00:00:00Z",
     "generatorURL": "http://prometheus/graph?g0.expr=x", "fingerprint": "3c8f1a2b9d0e4f55"},
    {"status": "resolved",
     "labels": {"alertname": "HighErrorRate", "namespace": "shop", "service": "cart", "severity": "warning"},
     "annotations": {}, "startsAt": "2026-03-01T09:00:00Z", "endsAt": "2026-03-01T09:30:00Z",
     "generatorURL": "", "fingerprint": "aa8f1a2b9d0e4f55"}],
  "groupLabels": {"alertname": "HighErrorRate"},
  "commonLabels": {"alertname": "HighErrorRate", "namespace": "shop"}, "commonAnnotations": {},
  "externalURL": "http://alertmanager:9093", "version": "4",
  "groupKey": "{}:{alertname=\"HighErrorRate\"}", "truncatedAlerts": 0}"#;

fn body() -> Value {
    serde_json::from_str(BODY).unwrap()
}

fn read(value: &Value) -> Result<Webhook, ParseError> {
    parse(value.to_string().as_bytes())
}

#[test]
fn reads_what_alertmanager_sends() {
    let webhook = parse(BODY.as_bytes()).unwrap();
    assert_eq!(webhook.group_key, "{}:{alertname=\"HighErrorRate\"}");
    assert_eq!(webhook.receiver.as_deref(), Some("claw"));
    let [firing, resolved] = webhook.alerts.as_slice() else {
        panic!("two alerts");
    };
    assert!(firing.is_firing());
    assert_eq!(firing.severity(), Some("critical"));
    assert_eq!(firing.starts_at.to_string(), "2026-03-01T10:00:26.739266876Z");
    assert_eq!(firing.ends_at, None);
    assert_eq!(resolved.status, AlertStatus::Resolved);
    assert_eq!(resolved.ends_at.unwrap().to_string(), "2026-03-01T09:30:00Z");
    assert_eq!(resolved.generator_url, None);
}

#[test]
fn unknown_and_missing_fields_are_tolerated() {
    let webhook = read(&json!({
        "orgId": 1, "title": "from another system", "version": "1",
        "alerts": [{"startsAt": "2026-03-01T10:00:00Z", "values": {"B": 2}, "labels": {"code": 500, "x": null}}]
    }))
    .unwrap();
    let alert = &webhook.alerts[0];
    assert!(alert.is_firing());
    assert_eq!(
        alert.labels,
        BTreeMap::from([("code".to_owned(), "500".to_owned())])
    );
    assert_eq!(alert.fingerprint.len(), 16);
    assert_eq!(webhook.group_key, alert.fingerprint);
}

#[test]
fn a_derived_fingerprint_is_that_of_the_labels() {
    let with = |labels: Value| {
        read(&json!({"alerts": [{"startsAt": "2026-03-01T10:00:00Z", "labels": labels}]}))
            .unwrap()
            .alerts[0]
            .fingerprint
            .clone()
    };
    assert_eq!(
        with(json!({"a": "1", "b": "2"})),
        with(json!({"b": "2", "a": "1"}))
    );
    assert_ne!(
        with(json!({"a": "1", "b": "2"})),
        with(json!({"a": "1b", "": "2"}))
    );
    assert_ne!(with(json!({"a": "1"})), with(json!({"a": "2"})));
}

#[test]
fn the_end_of_a_firing_alert_is_not_yet() {
    let mut value = body();
    value["alerts"][0]["endsAt"] = json!("2026-03-01T12:00:00Z");
    assert_eq!(read(&value).unwrap().alerts[0].ends_at, None);
}

#[test]
fn says_what_is_wrong_where() {
    let cases: [(&str, Value, &str, &str); 11] = [
        (
            "/alerts",
            json!(null),
            "alerts",
            "a list belongs here, and nothing is there",
        ),
        (
            "/alerts",
            json!({}),
            "alerts",
            "a list belongs here, and an object is there",
        ),
        (
            "/alerts/1",
            json!(7),
            "alerts[1]",
            "an object belongs here, and a number is there",
        ),
        (
            "/alerts/0/startsAt",
            json!(null),
            "alerts[0].startsAt",
            "is missing",
        ),
        (
            "/alerts/1/startsAt",
            json!("yesterday"),
            "alerts[1].startsAt",
            "not a time",
        ),
        (
            "/alerts/1/endsAt",
            json!(12),
            "alerts[1].endsAt",
            "a text belongs here",
        ),
        (
            "/alerts/0/status",
            json!("burning"),
            "alerts[0].status",
            "the status is not known",
        ),
        (
            "/alerts/0/labels",
            json!(["a"]),
            "alerts[0].labels",
            "an object belongs here",
        ),
        (
            "/alerts/0/labels/severity",
            json!({}),
            "alerts[0].labels.severity",
            "a text belongs here",
        ),
        ("/version", json!("5"), "version", "version 5 is not known"),
        (
            "/truncatedAlerts",
            json!(-1),
            "truncatedAlerts",
            "a count belongs here",
        ),
    ];
    for (pointer, value, place, reason) in cases {
        let mut body = body();
        *body.pointer_mut(pointer).unwrap() = value;
        let error = read(&body).unwrap_err();
        assert_eq!(error.place, place);
        assert!(error.reason.contains(reason), "{error}");
        assert!(!error.remedy.is_empty());
    }
    let error = parse(b"{\n  \"alerts\": [}").unwrap_err();
    assert_eq!(error.place, "line 2, column 14");
    assert_eq!(parse(b"[]").unwrap_err().place, "body");
    assert!(parse(b"").is_err());
}

#[test]
fn nesting_without_end_is_an_error() {
    assert!(parse(&b"[".repeat(100_000)).is_err());
    assert!(parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_changed_body_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = BODY.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(webhook) = parse(&bytes) {
            prop_assert!(webhook.alerts.len() <= 2);
        }
    }
}
