//! Data that is lost for good.

use claw_core::entity::EntityRef;
use serde_json::Value;

use super::Look;
use crate::cluster::{Query, Resource};
use crate::model::{Object as _, PersistentVolume, PersistentVolumeClaim};
use crate::tools::survey_target::plan::Plan;
use crate::tools::survey_target::scene::Scene;

impl Look<'_> {
    /// A claim: pods that mount it, and what becomes of its volume.
    pub(super) async fn claim(&mut self) -> Scene {
        let mut scene = self.alone();
        if !self.ends() {
            return scene;
        }
        scene.plan = Plan::everything();
        scene.pods = self.pods_with().await;
        scene.data = match self.before.pointer("/spec/volumeName").and_then(Value::as_str) {
            None | Some("") => Some(false),
            Some(volume) => {
                let volume = volume.to_owned();
                self.is_deleted(&volume).await
            }
        };
        self.neighbours(scene).await
    }

    /// A volume: what it holds is kept only where that is what it is meant for.
    pub(super) fn volume(&mut self) -> Scene {
        let policy = "/spec/persistentVolumeReclaimPolicy";
        let after = self.after();
        let kept = |object: &Value| object.pointer(policy).and_then(Value::as_str) == Some("Retain");
        let lost = match self.ends() {
            true => !kept(self.before),
            // That it is to be deleted from now on is not that it is.
            false => kept(self.before) && !kept(&after),
        };
        Scene {
            data: Some(lost),
            ..self.alone()
        }
    }

    /// Whether a volume goes with its claim. What cannot be read is not known.
    async fn is_deleted(&mut self, name: &str) -> Option<bool> {
        let read = self
            .cluster
            .get::<PersistentVolume>(self.cx, Resource::VOLUMES, None, name)
            .await;
        let volume = self.notes.one(read)?;
        Some(volume.spec.persistent_volume_reclaim_policy != "Retain")
    }

    /// Adds the claims that a StatefulSet takes along, as its retention policy says.
    pub(super) async fn lost_claims(&mut self, scene: &mut Scene) {
        let target = self.action.target.clone();
        let when = if self.ends() { "whenDeleted" } else { "whenScaled" };
        let place = format!("/spec/persistentVolumeClaimRetentionPolicy/{when}");
        let takes = self.after().pointer(&place).and_then(Value::as_str) == Some("Delete");
        let shrinks = self.ends() || scene.plan.shrinks();
        if target.kind != "StatefulSet" || !takes || !shrinks {
            return;
        }
        let templates = self
            .before
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array);
        let names = templates.into_iter().flatten().filter_map(|template| {
            let name = template.pointer("/metadata/name")?.as_str()?;
            Some(format!("{name}-{}-", target.name))
        });
        let prefixes: Vec<String> = names.collect();
        if prefixes.is_empty() {
            return;
        }
        let query = Query::new(Resource::CLAIMS, target.namespace.as_deref());
        let Some(claims) = self.listed::<PersistentVolumeClaim>(query).await else {
            scene.data = None;
            return;
        };
        let start = self
            .before
            .pointer("/spec/ordinals/start")
            .and_then(Value::as_u64);
        let start = start.and_then(|start| u32::try_from(start).ok()).unwrap_or(0);
        let left = scene.plan.left().filter(|_| !self.ends()).unwrap_or(0);
        let first = left.saturating_add(start);
        let goes = |claim: &&PersistentVolumeClaim| {
            let name = &claim.metadata.name;
            let ordinals = prefixes
                .iter()
                .filter_map(|prefix| name.strip_prefix(prefix.as_str()));
            let mut ordinals = ordinals.filter_map(|ordinal| ordinal.parse::<u32>().ok());
            ordinals.any(|ordinal| ordinal >= first)
        };
        let gone: Vec<EntityRef> = claims.iter().filter(goes).map(|claim| claim.entity()).collect();
        if !gone.is_empty() {
            // What becomes of their volumes is a matter of each; that one is kept is not counted on.
            scene.data = Some(true);
            scene.objects.extend(gone);
        }
    }
}
