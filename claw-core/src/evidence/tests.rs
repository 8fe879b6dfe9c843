use proptest::prelude::*;

use super::*;

fn evidence(statement: &str, raw: &[u8], tool: &str) -> Evidence {
    Evidence::new(
        EntityRef::namespaced("Pod", "shop", "cart-1"),
        Some("2026-03-01T10:00:00Z".parse().unwrap()),
        statement,
        Source::new(SourceKind::Log, "shop/cart-1/app"),
        tool,
        raw,
    )
}

#[test]
fn the_same_observation_has_the_same_id() {
    let first = evidence("it refused", b"line", "get_pod_logs");
    assert_eq!(first.id, evidence("it refused", b"line", "get_pod_logs").id);
    assert_eq!(
        first.id,
        evidence("it refused", b"another line", "loki").id,
        "how it was read is not part of what it is"
    );
    assert_eq!(first.id.to_string().len(), "E-".len() + 12);
    assert_eq!(first.digest, sha256(b"line"));
}

#[test]
fn what_differs_in_any_part_has_another_id() {
    let base = evidence("it refused", b"line", "t");
    let (entity, time, statement, source) = (
        base.entity.clone(),
        base.time,
        base.statement.clone(),
        base.source.clone(),
    );
    let other = [
        Evidence::new(
            EntityRef::cluster("Pod", "cart-1"),
            time,
            &statement,
            source.clone(),
            "t",
            b"",
        ),
        Evidence::new(entity.clone(), None, &statement, source.clone(), "t", b""),
        Evidence::new(entity.clone(), time, "it did not", source, "t", b""),
        Evidence::new(
            entity,
            time,
            &statement,
            Source::new(SourceKind::Event, "shop/cart-1/app"),
            "t",
            b"",
        ),
    ];
    for other in other {
        assert_ne!(other.id, base.id, "{other:?}");
    }
}

#[test]
fn parts_cannot_run_into_each_other() {
    let with = |source: &str, statement: &str| {
        let entity = EntityRef::cluster("Node", "n1");
        Evidence::new(
            entity,
            None,
            statement,
            Source::new(SourceKind::Object, source),
            "t",
            b"",
        )
        .id
    };
    assert_ne!(with("a", "bc"), with("ab", "c"));
}

#[test]
fn sources_are_written_as_kind_and_locator() {
    assert_eq!(
        Source::object(&EntityRef::namespaced("Pod", "shop", "cart-1")).to_string(),
        "object:Pod/shop/cart-1"
    );
    assert_eq!(
        Source::object(&EntityRef::cluster("Node", "n1")).to_string(),
        "object:Node//n1"
    );
    for text in ["", "pod", "Object:x", "objects:x", ":x"] {
        let error = text.parse::<Source>().unwrap_err().to_string();
        assert!(error.contains("write kind:locator"), "{error}");
    }
    assert!(serde_json::from_str::<Source>("\"nonsense\"").is_err());
}

fn kind() -> impl Strategy<Value = SourceKind> {
    prop::sample::select(vec![
        SourceKind::Object,
        SourceKind::Event,
        SourceKind::Log,
        SourceKind::Metric,
        SourceKind::Change,
        SourceKind::Topology,
        SourceKind::Alert,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn sources_read_back(kind in kind(), locator in ".{0,20}") {
        let source = Source::new(kind, locator);
        prop_assert_eq!(&source.to_string().parse::<Source>().unwrap(), &source);
        let json = serde_json::to_string(&source).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Source>(&json).unwrap(), &source);
    }
}
