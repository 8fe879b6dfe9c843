//! On the `Approval` object, as far as the agent sees them. What the API server refuses is tried on a real one.

use claw_k8s::approval as objects;

use super::*;
use crate::approval::kubernetes;

/// The votes in an `Approval` object that kim has approved, after a change.
pub(super) fn decided(
    world: &World,
    change: impl FnOnce(&mut Value),
) -> Result<Vec<Vote>, objects::Distrust> {
    let spec = kubernetes::spec(&world.shown);
    let mut object = json!({
        "metadata": {"name": "req-1", "namespace": "claw", "uid": "uid-a"},
        "spec": spec,
        "decisions": {"kim@example.com": {"verdict": "approve", "digest": world.shown.digest}},
    });
    change(&mut object);
    let decided = objects::decisions(&object, "req-1", "uid-a", &spec)?;
    Ok(kubernetes::votes(decided, at(60)))
}

pub(super) async fn by_object(attacks: &mut Attacks) {
    let outcome = async |change: &dyn Fn(&mut Value)| {
        let mut world = World::new().await;
        world.go_to(60);
        let votes = decided(&world, change).unwrap_or_default();
        world.count(votes).is_some()
    };
    assert!(outcome(&|_| {}).await, "without an attack it is an approval");
    let set = |place: &'static str, value: Value| {
        move |object: &mut Value| *object.pointer_mut(place).unwrap() = value.clone()
    };
    let by = |name: &'static str| {
        move |object: &mut Value| {
            let digest = object["spec"]["digest"].clone();
            object["decisions"] = json!({name: {"verdict": "approve", "digest": digest}});
        }
    };
    let zeros = json!("0".repeat(64));
    let all: Vec<(&'static str, Change)> = vec![
        (
            "object: deleted and made anew",
            Box::new(set("/metadata/uid", json!("uid-b"))),
        ),
        (
            "object: another name",
            Box::new(set("/metadata/name", json!("req-2"))),
        ),
        (
            "object: the digest of the spec is swapped",
            Box::new(set("/spec/digest", zeros.clone())),
        ),
        (
            "object: the difference is swapped",
            Box::new(set("/spec/diff", json!(["spec.replicas: 3 → 4"]))),
        ),
        (
            "object: the target is swapped",
            Box::new(set("/spec/target/name", json!("cart2"))),
        ),
        (
            "object: another number is needed",
            Box::new(set("/spec/needed", json!(2))),
        ),
        (
            "object: another group is asked",
            Box::new(set("/spec/asked/0/group", json!("friends"))),
        ),
        (
            "object: the end is put off",
            Box::new(set("/spec/expires", json!("2027-01-01T00:00:00Z"))),
        ),
        (
            "object: a field more in the spec",
            Box::new(|object: &mut Value| object["spec"]["more"] = json!(1)),
        ),
        ("object: no spec", Box::new(set("/spec", Value::Null))),
        (
            "object: a decision on another digest",
            Box::new(|object: &mut Value| {
                object["decisions"]["kim@example.com"]["digest"] = json!("0".repeat(64));
            }),
        ),
        (
            "object: a verdict that is none",
            Box::new(|object: &mut Value| object["decisions"]["kim@example.com"]["verdict"] = json!("yes")),
        ),
        (
            "object: another's name in the decision",
            Box::new(|object: &mut Value| {
                let digest = object["spec"]["digest"].clone();
                object["decisions"] =
                    json!({"eve": {"verdict": "approve", "digest": digest, "by": "kim@example.com"}});
            }),
        ),
        (
            "object: decisions that are a list",
            Box::new(set("/decisions", json!([{"by": "kim@example.com"}]))),
        ),
        ("object: a stranger", Box::new(by("eve@example.com"))),
        ("object: kim in other case", Box::new(by("Kim@example.com"))),
        ("object: a space after kim", Box::new(by("kim@example.com "))),
        (
            "object: a look-alike of kim",
            Box::new(by("k\u{456}m@example.com")),
        ),
        (
            "object: kim with an accent in two parts",
            Box::new(by("kim\u{301}@example.com")),
        ),
        (
            "object: a service account of the agent",
            Box::new(by("system:serviceaccount:claw:openclaw-agent")),
        ),
        (
            "object: an administrator's account of the system",
            Box::new(by("system:admin")),
        ),
        ("object: nobody", Box::new(by(""))),
        ("object: whoever has asked", Box::new(by("pat@example.com"))),
        ("object: not asked yet", Box::new(by("max@example.com"))),
    ];
    for (name, change) in all {
        attacks.push((name, outcome(&*change).await));
    }
}
