//! A namespace for each test, so that suites run side by side.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Error;
use crate::kubectl::Kubectl;
use crate::machine;

/// A namespace that is deleted when this value is dropped, whatever became of the test.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    uid: String,
    kubectl: Kubectl,
}

impl Namespace {
    /// `shop` becomes `shop-4f1c9a`, with a label where one is given.
    pub(crate) async fn create(kubectl: &Kubectl, prefix: &str, label: Option<&str>) -> Result<Self, Error> {
        let name = format!("{prefix}-{}", machine::secret(3)?);
        let labels = label.and_then(|label| label.split_once('='));
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "labels": labels },
        });
        let uid = "--output=jsonpath={.metadata.uid}";
        let uid = kubectl
            .run_with(&["create", "--filename=-", uid], &namespace.to_string())
            .await?;
        Ok(Self {
            name,
            uid: uid.trim().to_owned(),
            kubectl: kubectl.clone(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what the API server tells it from others of its name.
    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    /// The reference of what is in no namespace, and goes when this one goes.
    pub(crate) fn owner(&self) -> Value {
        owner(&self.name, &self.uid)
    }
}

/// A reference to the namespace `name` as the owner of an object.
pub(crate) fn owner(name: &str, uid: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "name": name, "uid": uid })
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.kubectl.forget_namespace(&self.name);
    }
}
