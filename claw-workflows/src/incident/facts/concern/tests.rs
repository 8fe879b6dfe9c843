use claw_core::change::{Change, ChangeKind};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::incident::case::{Call, Case};
use crate::incident::testing::{at, case, object};

fn service(name: &str) -> EntityRef {
    EntityRef::namespaced("Service", "shop", name)
}

/// A case in which `front` calls these services.
fn calling(names: &[&str]) -> Case {
    let mut case = case();
    case.calls = names
        .iter()
        .map(|name| Call {
            caller: service("front"),
            callee: service(name),
            via: "topology".to_owned(),
        })
        .collect();
    case
}

fn change(entity: EntityRef, summary: &str) -> Change {
    Change {
        reference: format!("{entity} {summary}"),
        time: at(-60),
        kind: ChangeKind::Deploy,
        entity,
        summary: summary.to_owned(),
        detail: Vec::new(),
        author: None,
    }
}

/// The name of the unit that a change concerns among these, and how surely.
fn concerned(names: &[&str], entity: EntityRef, summary: &str) -> Option<(String, Closeness)> {
    let mut case = calling(names);
    case.changes.push(change(entity, summary));
    let facts = Facts::new(&case);
    let concern = facts.concern_of(&case.changes[0])?;
    Some((concern.unit.name.clone(), concern.closeness))
}

#[test]
fn a_change_concerns_the_unit_whose_words_its_name_has() {
    let shop = |kind: &str, name: &str| EntityRef::namespaced(kind, "shop", name);
    let anywhere = |kind: &str, name: &str| EntityRef::cluster(kind, name);
    let units = ["tax", "cart", "cart-db", "ledger-api"];
    for (entity, summary, unit, closeness) in [
        (shop("Deployment", "tax"), "x", "tax", Closeness::Exact),
        (anywhere("Application", "tax"), "x", "tax", Closeness::Exact),
        (shop("HelmRelease", "tax"), "x", "tax", Closeness::Exact),
        (shop("Deployment", "tax-service"), "x", "tax", Closeness::Alike),
        (anywhere("Deployment", "svc-tax"), "x", "tax", Closeness::Alike),
        (shop("Deployment", "TaxService"), "x", "tax", Closeness::Alike),
        (shop("Deployment", "shop-tax"), "x", "tax", Closeness::Alike),
        (shop("ConfigMap", "tax-config"), "x", "tax", Closeness::Alike),
        (anywhere("Repository", "acme/tax"), "x", "tax", Closeness::Alike),
        (
            anywhere("Repository", "cart/tax-chart"),
            "x",
            "tax",
            Closeness::Alike,
        ),
        (
            shop("Deployment", "ledger-service"),
            "x",
            "ledger-api",
            Closeness::Alike,
        ),
        (
            shop("Deployment", "cart_db v2.14.3"),
            "x",
            "cart-db",
            Closeness::Alike,
        ),
        (
            anywhere("FeatureFlag", "tax.regions-2026"),
            "x",
            "tax",
            Closeness::Within,
        ),
        (
            shop("Deployment", "cart-db-replica"),
            "x",
            "cart-db",
            Closeness::Within,
        ),
        (
            anywhere("Repository", "acme/mono"),
            "fix(tax): use regions of cart",
            "tax",
            Closeness::Told,
        ),
        (
            anywhere("Namespace", "shop"),
            "tax-service v2.14.3",
            "tax",
            Closeness::Told,
        ),
    ] {
        let found = concerned(&units, entity.clone(), summary);
        assert_eq!(found, Some((unit.to_owned(), closeness)), "{entity}: {summary}");
    }
}

#[test]
fn what_could_mean_several_or_another_concerns_none() {
    let shop = |kind: &str, name: &str| EntityRef::namespaced(kind, "shop", name);
    let units = [
        "tax",
        "cart",
        "cart-1",
        "cart-2",
        "api",
        "ledger-api",
        "ledger-db",
    ];
    for (entity, summary) in [
        (shop("Deployment", "tax-cart-sync"), "x"),
        (shop("Deployment", "orders-api"), "x"),
        (shop("Deployment", "ledger-schema"), "x"),
        (shop("Deployment", "taxi"), "x"),
        // What runs has a name of its own, whatever it speaks of.
        (shop("Deployment", "orders"), "call tax again"),
        (EntityRef::namespaced("Deployment", "test", "tax-service"), "x"),
        (EntityRef::cluster("Node", "tax"), "x"),
        (
            EntityRef::cluster("Repository", "acme/mono"),
            "tax and cart in one request",
        ),
        (
            EntityRef::cluster("Repository", "acme/mono"),
            "feat(ui): show tax",
        ),
    ] {
        assert_eq!(
            concerned(&units, entity.clone(), summary),
            None,
            "{entity}: {summary}"
        );
    }
}

#[test]
fn of_what_carries_a_change_one_word_in_common_tells_where_only_one_unit_has_it() {
    let units = ["quote-engine", "invoice-store", "pg-stock", "stock-api", "mail"];
    let of = |kind: &str, name: &str| concerned(&units, EntityRef::namespaced(kind, "shop", name), "x");
    let shared = |unit: &str| Some((unit.to_owned(), Closeness::Shared));
    assert_eq!(of("ConfigMap", "quote-limits"), shared("quote-engine"));
    assert_eq!(of("FeatureFlag", "invoices.split-v2"), shared("invoice-store"));
    assert_eq!(of("Job", "flyway-invoices-88"), shared("invoice-store"));
    // What runs has a name of its own, and two units have the word.
    assert_eq!(of("Deployment", "quote-limits"), None);
    assert_eq!(of("ConfigMap", "stock-limits"), None);
}

#[test]
fn where_workloads_were_read_they_tell_what_uses_a_configuration() {
    let mut case = calling(&["tax"]);
    let config = EntityRef::namespaced("ConfigMap", "shop", "tax-config");
    case.changes.push(change(config, "x"));
    assert!(Facts::new(&case).concern_of(&case.changes[0]).is_some());
    case.objects
        .workloads
        .push(object("tax", json!({"kind": "Deployment"})));
    assert_eq!(Facts::new(&case).concern_of(&case.changes[0]), None);
}

proptest! {
    #[test]
    fn joining_does_not_depend_on_order_and_exact_names_win(
        names in proptest::collection::btree_set("(svc-)?(tax|cart|api)(-db|-service|-2)?", 1..7),
        changed in proptest::collection::vec("(svc-)?(tax|cart|api|Tax)(-db|-service|Service|-2)?", 1..7),
        seed in any::<u64>(),
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut case = calling(&names);
        case.changes = changed
            .iter()
            .map(|name| change(EntityRef::namespaced("Deployment", "shop", name.as_str()), "x"))
            .collect();
        let mut turned = case.clone();
        let by = |length: usize| usize::try_from(seed % 7).unwrap() % length;
        let (calls, changes) = (turned.calls.len(), turned.changes.len());
        turned.calls.rotate_left(by(calls));
        turned.changes.rotate_left(by(changes));
        turned.changes.reverse();
        let (facts, other) = (Facts::new(&case), Facts::new(&turned));
        for change in &case.changes {
            let found = facts.concern_of(change);
            prop_assert_eq!(found, other.concern_of(change));
            if names.contains(&change.entity.name.as_str()) {
                let found = found.map(|concern| (concern.unit.name.as_str(), concern.closeness));
                prop_assert_eq!(found, Some((change.entity.name.as_str(), Closeness::Exact)));
            }
        }
    }
}
