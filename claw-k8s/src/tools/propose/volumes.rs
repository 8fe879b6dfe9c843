//! Volumes that a StatefulSet deletes when it has no more use for them.

use serde_json::Value;

use super::target::Target;

/// When the claims of a StatefulSet are deleted.
const WHEN_SCALED: &str = "/spec/persistentVolumeClaimRetentionPolicy/whenScaled";
const WHEN_DELETED: &str = "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted";

impl Target {
    /// That data is lost if it becomes `after`, because it has fewer pods then and deletes the volumes of those that end. More
    /// pods later on have empty ones.
    pub(super) fn loses_volumes(&self, after: &Value) -> Option<String> {
        let replicas = |object: &Value| {
            let written = object.pointer("/spec/replicas").and_then(Value::as_i64);
            written.unwrap_or(1)
        };
        let (before, left) = (replicas(&self.object), replicas(after));
        let deletes = with_pods(&self.object) || with_pods(after);
        let lost = before.saturating_sub(left);
        (self.resource.kind == "StatefulSet" && deletes && lost > 0).then(|| {
            format!(
                "{} deletes the volumes of pods that it has no more, and the data on them: those of {lost} of {before}; no \
                 patch brings them back",
                self.entity
            )
        })
    }

    /// That its volumes are deleted with it.
    pub(super) fn takes_volumes_along(&self) -> Option<String> {
        let deletes = self.resource.kind == "StatefulSet" && deletes(&self.object, WHEN_DELETED);
        deletes.then(|| {
            format!(
                "with {} go the volumes of all its pods, and the data on them (whenDeleted: Delete)",
                self.entity
            )
        })
    }
}

/// Whether a StatefulSet deletes the volumes of pods that it has no more.
pub(super) fn with_pods(set: &Value) -> bool {
    deletes(set, WHEN_SCALED)
}

fn deletes(set: &Value, place: &str) -> bool {
    let claims = set
        .pointer("/spec/volumeClaimTemplates")
        .and_then(Value::as_array);
    let has_some = claims.is_some_and(|claims| !claims.is_empty());
    has_some && set.pointer(place).and_then(Value::as_str) == Some("Delete")
}
