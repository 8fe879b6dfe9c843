//! Kinds that the API server does not know by itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Namespace, Testbed, wait_until};
use crate::error::Error;

/// How long the API server may take to serve a kind, or to be rid of the same kind of another test.
const SERVED: Duration = Duration::from_secs(90);

/// A kind of custom resource.
#[derive(Clone, Copy, Debug)]
pub struct CustomKind<'a> {
    /// Its API group.
    pub group: &'a str,
    /// Its only version.
    pub version: &'a str,
    /// Its name in paths.
    pub plural: &'a str,
    /// Its name in manifests.
    pub kind: &'a str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl CustomKind<'_> {
    /// Has the API server serve the kind, with whatever fields, until `namespace` is deleted. Where the cluster serves it
    /// already, nothing is changed.
    pub async fn serve(&self, testbed: &Testbed, namespace: &Namespace) -> Result<(), Error> {
        let api = testbed.api();
        let all = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let one = format!("{all}/{}.{}", self.plural, self.group);
        let objects = format!("/apis/{}/{}/{}", self.group, self.version, self.plural);
        let definition = self.definition(namespace);
        wait_until(SERVED, &format!("{} is served", self.plural), async || {
            if api.status(&one).await? == 404 {
                api.create(all, &definition).await?;
            }
            let known = api.get(&one).await?;
            let owner = known.pointer("/metadata/ownerReferences/0/uid");
            // That of another test goes with its namespace.
            let stays = owner.is_none_or(|owner| owner == namespace.uid());
            let goes = known.pointer("/metadata/deletionTimestamp").is_some();
            let status = api.status(&objects).await?;
            Ok(if stays && !goes && status == 200 {
                Ok(())
            } else {
                Err(format!("{status}; owner {owner:?}, deleted {goes}"))
            })
        })
        .await
    }

    fn definition(&self, namespace: &Namespace) -> Value {
        let Self {
            group, plural, kind, ..
        } = self;
        json!({
            "metadata": {
                "name": format!("{plural}.{group}"),
                "ownerReferences": [namespace.owner()],
                // Groups of Kubernetes itself are kept for what was approved.
                "annotations": { "api-approved.kubernetes.io": "unapproved, for tests" },
            },
            "spec": {
                "group": group,
                "names": { "plural": plural, "kind": kind, "singular": kind.to_lowercase() },
                "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "versions": [{
                    "name": self.version,
                    "served": true,
                    "storage": true,
                    "schema": {
                        "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    },
                }],
            },
        })
    }
}
