//! A namespace for each test, so that suites run side by side.

use std::collections::BTreeMap;

use serde_json::json;

use crate::error::Error;
use crate::kubectl::Kubectl;
use crate::machine;

/// A namespace that is deleted when this value is dropped, whatever became of the test.
#[derive(Debug)]
pub struct Namespace {
    name: String,
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
        kubectl
            .run_with(&["create", "--filename=-"], &namespace.to_string())
            .await?;
        Ok(Self {
            name,
            kubectl: kubectl.clone(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.kubectl.forget_namespace(&self.name);
    }
}
