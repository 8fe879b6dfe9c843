use super::*;

fn alert(fingerprint: &str, starts_at: &str) -> Alert {
    Alert {
        fingerprint: fingerprint.to_owned(),
        status: AlertStatus::Firing,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: starts_at.parse().unwrap(),
        ends_at: None,
        generator_url: None,
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

#[test]
fn the_same_alerts_open_the_same_run_in_any_order_and_at_any_time() {
    let a = alert("aa", "2026-03-01T10:00:00Z");
    let b = alert("bb", "2026-03-01T10:01:00Z");
    let first = Incident::of_alerts("g", vec![a.clone(), b.clone()], at("2026-03-01T10:02:00Z"));
    let again = Incident::of_alerts("g", vec![b.clone(), a.clone(), b], at("2026-03-01T14:02:00Z"));
    assert_eq!(first.id, again.id);
    assert_eq!(first.alerts, again.alerts);
    assert_eq!(first.times.began, Some(a.starts_at));
}

#[test]
fn another_firing_or_another_group_opens_another_run() {
    let id =
        |group: &str, alerts: Vec<Alert>| Incident::of_alerts(group, alerts, at("2026-03-01T10:02:00Z")).id;
    let base = id("g", vec![alert("aa", "2026-03-01T10:00:00Z")]);
    assert_ne!(base, id("g", vec![alert("aa", "2026-03-01T11:00:00Z")]));
    assert_ne!(base, id("h", vec![alert("aa", "2026-03-01T10:00:00Z")]));
    assert_ne!(base, id("g", vec![alert("ab", "2026-03-01T10:00:00Z")]));
}

#[test]
fn a_run_id_is_stable_across_versions() {
    let id = Incident::of_alerts(
        "{}:{alertname=\"HighErrorRate\"}",
        vec![alert("c0ffee", "2026-03-01T10:00:00Z")],
        at("2026-03-01T10:02:00Z"),
    )
    .id;
    assert_eq!(id.0, "inc-6939a9d1148e59df");
}

#[test]
fn an_incident_survives_its_json() {
    let incident = Incident::of_question(
        "why is checkout slow?",
        TimeHints::default(),
        at("2026-03-01T10:02:00Z"),
    );
    let text = serde_json::to_string(&incident).unwrap();
    assert_eq!(serde_json::from_str::<Incident>(&text).unwrap(), incident);
}
