use jiff::SignedDuration;
use serde_json::json;

use super::super::left_out;
use super::*;
use crate::incident::logs;
use crate::incident::testing::case;

/// A case in which workloads have two running pods each; `young` ones were made in its window.
fn running(workloads: &[&str], young: &[&str]) -> Case {
    let mut case = case();
    let before = case
        .window
        .start
        .checked_sub(SignedDuration::from_hours(1))
        .unwrap();
    for name in workloads {
        for number in 0..2 {
            let made = if young.contains(name) {
                case.window.start
            } else {
                before
            };
            let pod = json!({
                "metadata": {
                    "name": format!("{name}-{number}"), "namespace": "shop", "creationTimestamp": made.to_string(),
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": name, "controller": true}],
                },
                "spec": {"containers": [{"name": "c", "image": "i"}]},
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "containerStatuses": [{"name": "c", "ready": true, "restartCount": 0, "state": {"running": {}}}],
                },
            });
            case.objects.pods.push(serde_json::from_value(pod).unwrap());
        }
    }
    case
}

fn pods(wanted: &[Wanted]) -> Vec<&str> {
    wanted.iter().map(|wanted| wanted.pod.name.as_str()).collect()
}

#[test]
fn one_pod_of_each_workload_comes_before_a_second_one_and_young_ones_before_old_ones() {
    let mut case = running(&["a", "b", "c"], &["c"]);
    let near = of_the_troubled(&Facts::new(&case)).near;
    assert_eq!(pods(&near), ["c-0", "a-0", "b-0", "c-1", "a-1", "b-1"]);
    let kept = first(&mut case, near, 4);
    assert_eq!(pods(&kept), ["c-0", "a-0", "b-0", "c-1"]);
    let told = left_out(&case).expect("a gap");
    assert!(told.reason.starts_with("2 logs were not read"), "{}", told.reason);
}

#[test]
fn of_who_alerts_more_pods_are_read_where_the_first_say_nothing() {
    let more = |line: &str| {
        let mut case = running(&["a", "b"], &[]);
        case.subject = vec![EntityRef::namespaced("StatefulSet", "shop", "a")];
        let text = format!("{} {line}\n", case.window.start);
        let pod = EntityRef::namespaced("Pod", "shop", "a-0");
        let (since, began) = (case.window.start, case.began);
        let raw = text.as_bytes();
        let read = logs::digest(pod, "c".to_owned(), false, raw, since, began, false);
        case.logs.push(read);
        of_silent(&Facts::new(&case)).len()
    };
    assert_eq!(more("INFO served"), 1);
    assert_eq!(more("ERROR no space left on device"), 0);
}

#[test]
fn where_all_is_quiet_the_logs_of_others_are_read() {
    let mut case = running(&["a", "b"], &["b"]);
    case.subject = vec![EntityRef::namespaced("StatefulSet", "shop", "a")];
    assert_eq!(pods(&of_the_troubled(&Facts::new(&case)).near), ["a-0", "a-1"]);
    case.logs_asked = case.objects.pods.iter().take(2).map(Object::entity).collect();
    assert_eq!(pods(&beyond(&Facts::new(&case))), ["b-0"]);
    // What says that something is wrong is a lead, and leads elsewhere.
    let began = case.window.start;
    let line = format!("{began} ERROR cannot reach http://payments:8080: connection refused\n");
    let pod = EntityRef::namespaced("Pod", "shop", "a-0");
    case.logs.push(logs::digest(
        pod,
        "c".to_owned(),
        false,
        line.as_bytes(),
        began,
        None,
        false,
    ));
    assert_eq!(beyond(&Facts::new(&case)), []);
}
