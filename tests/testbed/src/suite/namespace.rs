//! A namespace for each test, so that suites run side by side.

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
    /// `shop` becomes `shop-4f1c9a`.
    pub(crate) async fn create(kubectl: &Kubectl, prefix: &str) -> Result<Self, Error> {
        let name = format!("{prefix}-{}", machine::secret(3)?);
        kubectl.run(&["create", "namespace", &name]).await?;
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
