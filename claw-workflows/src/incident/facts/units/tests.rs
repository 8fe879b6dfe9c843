use serde_json::json;

use super::*;
use crate::incident::testing::{at, case, object};

#[test]
fn a_workload_of_unknown_kind_is_the_one_of_its_name() {
    let mut case = case();
    for (kind, name) in [
        ("Deployment", "cart"),
        ("StatefulSet", "db"),
        ("Deployment", "batch"),
        ("CronJob", "batch"),
    ] {
        case.objects.workloads.push(object(name, json!({"kind": kind})));
    }
    let facts = Facts::new(&case);
    let open = |name| EntityRef::namespaced(UNKNOWN_WORKLOAD, "shop", name);
    let unit = |name| facts.unit_of(&open(name));
    assert_eq!(unit("cart"), EntityRef::namespaced("Deployment", "shop", "cart"));
    assert_eq!(unit("db"), EntityRef::namespaced("StatefulSet", "shop", "db"));
    // Two bear the name, and nobody does.
    assert_eq!(unit("batch"), open("batch"));
    assert_eq!(unit("gone"), open("gone"));
    let reach = facts
        .graph()
        .reach([&EntityRef::namespaced("Deployment", "shop", "cart")]);
    assert!(reach.contains_key(&open("cart")));
}

#[test]
fn a_service_that_was_not_read_is_the_workload_of_its_name() {
    let mut case = case();
    case.objects
        .workloads
        .push(object("cart", json!({"kind": "Deployment"})));
    let service = EntityRef::namespaced("Service", "shop", "cart");
    assert_eq!(
        Facts::new(&case).unit_of(&service),
        service,
        "all are known: it does not exist"
    );
    case.listed_everywhere.remove("Service");
    assert_eq!(
        Facts::new(&case).unit_of(&service),
        EntityRef::namespaced("Deployment", "shop", "cart")
    );
}

#[test]
fn a_service_counts_for_the_only_workload_behind_it() {
    let mut case = case();
    for name in ["cart", "cart-canary"] {
        let labels = json!({"app": name, "part-of": "cart"});
        let template = json!({"template": {"metadata": {"labels": labels}}});
        case.objects
            .workloads
            .push(object(name, json!({"kind": "Deployment", "spec": template})));
    }
    for (name, selector) in [
        ("one", json!({"app": "cart"})),
        ("both", json!({"part-of": "cart"})),
    ] {
        case.objects
            .services
            .push(object(name, json!({"spec": {"selector": selector}})));
    }
    let facts = Facts::new(&case);
    let service = |name| EntityRef::namespaced("Service", "shop", name);
    assert_eq!(
        facts.unit_of(&service("one")),
        EntityRef::namespaced("Deployment", "shop", "cart")
    );
    assert_eq!(facts.unit_of(&service("both")), service("both"));
}

/// A case without objects in which one source names `left` and another one `right`.
fn named_twice(left: &EntityRef, right: &EntityRef) -> Case {
    let mut case = case();
    let seconds: Vec<claw_metrics::series::Point> = (0..60)
        .map(|minute| {
            let value = if minute < 30 { 0.1 } else { 0.9 };
            (at(60 * (minute - 30)), value)
        })
        .collect();
    let labels = [("__name__", "latency_seconds"), ("service", "any")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let series = claw_metrics::series::Series::new(labels.into_iter().collect(), seconds);
    let incident = claw_core::report::Window {
        start: at(0),
        end: at(1800),
    };
    let signal = claw_metrics::signal::detect(&series, &incident, None, &Default::default()).unwrap();
    case.signals.push(claw_metrics::signal::Signal {
        entity: left.clone(),
        ..signal
    });
    case.calls.push(crate::incident::case::Call {
        caller: EntityRef::namespaced("Service", "shop", "front"),
        callee: right.clone(),
        via: "topology".to_owned(),
    });
    case
}

#[test]
fn what_names_no_namespace_is_the_only_one_of_its_name() {
    let unit = |places: &[&str], with_service: bool| {
        let mut case = named_twice(&bare("Service", "cart"), &bare(UNKNOWN_WORKLOAD, "cart"));
        for place in places {
            let labels = json!({"app": "cart"});
            let meta = json!({"namespace": place});
            let spec = json!({"template": {"metadata": {"labels": labels}}});
            let workload = json!({"kind": "Deployment", "metadata": meta, "spec": spec});
            case.objects.workloads.push(object("cart", workload));
            if with_service {
                let service = json!({"metadata": meta, "spec": {"selector": labels}});
                case.objects.services.push(object("cart", service));
            }
        }
        let facts = Facts::new(&case);
        let named = ["Service", UNKNOWN_WORKLOAD].map(|kind| facts.unit_of(&bare(kind, "cart")));
        named.map(|unit| unit.to_string())
    };
    for with_service in [true, false] {
        assert_eq!(unit(&["shop"], with_service), ["Deployment shop/cart"; 2]);
        let two = unit(&["shop", "stage"], with_service);
        assert!(two.iter().all(|unit| !unit.contains("Deployment")), "{two:?}");
    }
}

#[test]
fn a_namesake_elsewhere_that_was_only_changed_takes_no_calls() {
    let pod = EntityRef::namespaced("Pod", "shop", "cart-7d9f8b6c5-x1abc");
    let unit = |elsewhere: &[EntityRef]| {
        let mut case = named_twice(&pod, &bare("Service", "cart"));
        case.measured = elsewhere
            .iter()
            .filter(|entity| entity.kind == "Pod")
            .map(|entity| (entity.clone(), claw_metrics::classify::Measure::Latency))
            .collect();
        let changed = elsewhere.iter().filter(|entity| entity.kind != "Pod");
        case.changes = changed
            .map(|entity| crate::incident::testing::deploy(entity, "new", -3600))
            .collect();
        let facts = Facts::new(&case);
        [facts.unit_of(&bare("Service", "cart")), facts.unit_of(&pod)]
    };
    let stage = EntityRef::namespaced("Deployment", "stage", "cart");
    let [service, of_pod] = unit(&[]);
    assert_eq!(service, of_pod);
    let [service, of_pod] = unit(std::slice::from_ref(&stage));
    assert_eq!(service, of_pod);
    assert_ne!(service, stage);
    // What runs in both may be meant as well.
    let [service, of_pod] = unit(&[
        stage.clone(),
        EntityRef::namespaced("Pod", "stage", "cart-5c-9xk2p"),
    ]);
    assert_ne!(service, stage);
    assert_eq!(service, of_pod);
}

#[test]
fn what_is_measured_and_steady_is_no_second_thing() {
    let mut case = named_twice(
        &EntityRef::namespaced("Pod", "shop", "cart-7d9f8b6c5-x1abc"),
        &bare("Service", "cart"),
    );
    let replicas = EntityRef::namespaced("Deployment", "shop", "cart");
    case.measured = [(replicas.clone(), claw_metrics::classify::Measure::Replicas)].into();
    let facts = Facts::new(&case);
    assert_eq!(facts.unit_of(&bare("Service", "cart")), replicas);
}

fn bare(kind: &str, name: &str) -> EntityRef {
    EntityRef::cluster(kind, name)
}

#[test]
fn sources_that_name_the_same_thing_in_other_ways_tell_of_one() {
    let metrics = [
        bare("Service", "cart-db"),
        bare(UNKNOWN_WORKLOAD, "CART_db"),
        bare("Deployment", "cart-db"),
        EntityRef::namespaced("Service", "shop", "cart-db"),
        EntityRef::namespaced("StatefulSet", "shop", "cart-db"),
        EntityRef::namespaced("DaemonSet", "shop", "cart-db"),
        EntityRef::external("cart-db"),
        EntityRef::external("cart-db:8080"),
    ];
    let topology = [
        bare("Service", "cart-db"),
        EntityRef::namespaced("Service", "shop", "cart-db"),
        EntityRef::external("cart-db:9090"),
        EntityRef::namespaced(UNKNOWN_WORKLOAD, "shop", "cart-db"),
        EntityRef::namespaced("Pod", "shop", "cart-db-7d9f8b6c5-x1abc"),
        EntityRef::namespaced("Pod", "shop", "cart-db-0"),
    ];
    for metric in &metrics {
        for callee in &topology {
            let case = named_twice(metric, callee);
            let facts = Facts::new(&case);
            assert_eq!(facts.unit_of(callee), *metric, "{metric} called as {callee}");
            assert_eq!(facts.unit_of(metric), *metric, "{metric}");
        }
    }
}

#[test]
fn what_only_looks_alike_stays_apart() {
    let pairs = [
        (
            EntityRef::namespaced("Service", "shop", "cart"),
            EntityRef::namespaced("Service", "test", "cart"),
        ),
        (
            EntityRef::namespaced("Deployment", "shop", "cart"),
            EntityRef::namespaced("StatefulSet", "shop", "cart"),
        ),
        (bare("Service", "Cart"), bare("Service", "cart")),
        (bare("Service", "cart"), EntityRef::external("cart.example.com")),
        (bare("Service", "cart"), bare("Service", "cart-db")),
        (bare("Service", "node-1"), bare("Node", "node-1")),
        (
            EntityRef::namespaced("Service", "test", "cart"),
            EntityRef::namespaced("Pod", "shop", "cart-0"),
        ),
    ];
    for (one, other) in pairs {
        let case = named_twice(&one, &other);
        let facts = Facts::new(&case);
        assert_ne!(facts.unit_of(&one), facts.unit_of(&other), "{one} and {other}");
    }
}
