//! Requests of containers that an action lowers, against the least that a policy wants.

use claw_core::definition::Floor;
use claw_core::quantity::{Cpu, Memory, Quantity};
use serde_json::Value;

use super::axis::Amounts;
use super::pods;

/// Whether requests that are lowered stay at `floor`. `before` is `None` where the object is not known: then whatever the patch
/// says of a container counts as lowered.
pub(super) fn kept(before: Option<&Value>, after: &Value, floor: &Floor) -> Amounts {
    let below = pods::specs(after).any(|(place, spec)| {
        let known = before.map(|before| before.pointer(place).unwrap_or(&Value::Null));
        // A pod may have requests of its own, for all its containers together.
        let of_pod = spec.get("resources").is_some() && is_below(known, spec, floor);
        let mut containers = pods::containers(spec);
        of_pod
            || containers.any(|(name, container)| match known {
                None => is_below(None, container, floor),
                Some(known) => pods::container(known, name)
                    .is_some_and(|before| is_below(Some(before), container, floor)),
            })
    });
    match below {
        true => Amounts::Below,
        false => Amounts::Kept,
    }
}

/// Whether less is requested than before, and less than the floor.
fn is_below(before: Option<&Value>, after: &Value, floor: &Floor) -> bool {
    let lowered = |resource: &str| {
        // What is no amount may be as little as nothing afterwards, and anything before.
        let wanted = request(after, resource).unwrap_or_default().unwrap_or_default();
        let lowered = match before.map(|before| request(before, resource)) {
            Some(Some(was)) => wanted < was.unwrap_or_default(),
            Some(None) | None => true,
        };
        lowered.then_some(wanted)
    };
    let cpu = floor.cpu.zip(lowered("cpu"));
    let memory = floor.memory.zip(lowered("memory"));
    cpu.is_some_and(|(floor, wanted)| Cpu::from(wanted) < floor)
        || memory.is_some_and(|(floor, wanted)| Memory::from(wanted) < floor)
}

/// What is requested; a limit without a request is one. Nothing where that is no amount.
fn request(container: &Value, resource: &str) -> Option<Option<Quantity>> {
    let of = |list: &str| {
        let amount = container.get("resources")?.get(list)?.get(resource);
        amount.filter(|value| !value.is_null())
    };
    match of("requests").or_else(|| of("limits")) {
        None => Some(None),
        Some(Value::String(text)) => text.parse().ok().map(Some),
        Some(other) => other.to_string().parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(resources: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [
            {"name": "proxy", "resources": {"requests": {"cpu": "10m"}}},
            {"name": "web", "resources": resources}]}}}})
    }

    fn floor() -> Floor {
        let mut floor = Floor::default();
        floor.cpu = Some("50m".parse().unwrap());
        floor.memory = Some("64Mi".parse().unwrap());
        floor
    }

    #[test]
    fn what_is_lowered_stays_at_the_floor() {
        let before = deployment(json!({"requests": {"cpu": "1", "memory": "1Gi"}}));
        let of = |resources: Value| kept(Some(&before), &deployment(resources), &floor());
        for resources in [
            json!({"requests": {"cpu": "50m", "memory": "64Mi"}}),
            json!({"requests": {"cpu": 1, "memory": "2Gi"}}),
            json!({"limits": {"cpu": "500m", "memory": "1G"}}),
        ] {
            assert_eq!(of(resources.clone()), Amounts::Kept, "{resources}");
        }
        for resources in [
            json!({"requests": {"cpu": "49m", "memory": "64Mi"}}),
            json!({"requests": {"cpu": "1", "memory": "63Mi"}}),
            json!({"requests": {"cpu": "1"}}),
            json!({"requests": {"cpu": "1", "memory": null}}),
            json!({"requests": {"cpu": "much", "memory": "1Gi"}}),
            json!({"limits": {"cpu": "1m", "memory": "1Gi"}}),
            json!({}),
            json!(null),
        ] {
            assert_eq!(of(resources.clone()), Amounts::Below, "{resources}");
        }
    }

    #[test]
    fn what_was_lower_before_may_stay_so() {
        let before = deployment(json!({"requests": {"cpu": "20m", "memory": "1Gi"}}));
        let of = |resources: Value| kept(Some(&before), &deployment(resources), &floor());
        assert_eq!(
            of(json!({"requests": {"cpu": "30m", "memory": "1Gi"}})),
            Amounts::Kept
        );
        assert_eq!(
            of(json!({"requests": {"cpu": "10m", "memory": "1Gi"}})),
            Amounts::Below
        );
        let more = json!({"spec": {"template": {"spec": {"containers": [{"name": "new"}]}}}});
        assert_eq!(
            kept(Some(&before), &more, &floor()),
            Amounts::Kept,
            "nothing is lowered"
        );
    }

    #[test]
    fn of_what_is_not_known_everything_counts_as_lowered() {
        let of = |after: Value| kept(None, &after, &floor());
        assert_eq!(of(deployment(json!({}))), Amounts::Below);
        let good = json!({"name": "web", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}});
        let spec = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
        assert_eq!(of(spec(json!([good]))), Amounts::Kept);
        assert_eq!(of(spec(json!([good, {"name": "proxy"}]))), Amounts::Below);
        assert_eq!(of(json!({"spec": {"replicas": 4}})), Amounts::Kept);
    }
}
