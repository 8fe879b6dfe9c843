//! A key of a ConfigMap that asks for the emergency stop.

use async_trait::async_trait;
use claw_core::stop::{StopSource, StopSourceError};
use claw_core::tool::ToolContext;
use serde_json::Value;

use crate::cluster::{Cluster, ClusterError, Resource};

/// A ConfigMap in the agent's own namespace. While it has the key, whatever the value says, it asks for the stop; only the value
/// `false` does not. What the value says is why.
///
/// It takes the right to `get` this one ConfigMap, and none to change it: the agent must not be able to.
#[derive(Clone, Debug)]
pub struct StopConfigMap {
    cluster: Cluster,
    namespace: String,
    object: String,
    name: String,
}

impl StopConfigMap {
    /// The usual name of the ConfigMap.
    pub const NAME: &'static str = "claw-stop";
    /// The key.
    pub const KEY: &'static str = "stop";

    /// The ConfigMap `object` in `namespace`.
    pub fn new(cluster: Cluster, namespace: impl Into<String>, object: impl Into<String>) -> Self {
        let (namespace, object) = (namespace.into(), object.into());
        Self {
            name: format!("the ConfigMap {namespace}/{object}"),
            cluster,
            namespace,
            object,
        }
    }
}

#[async_trait]
impl StopSource for StopConfigMap {
    fn name(&self) -> &str {
        &self.name
    }

    async fn look(&self, cx: &ToolContext) -> Result<Option<String>, StopSourceError> {
        let namespace = Some(self.namespace.as_str());
        let read = self
            .cluster
            .object(cx, &Resource::CONFIG_MAPS, namespace, &self.object)
            .await;
        match read {
            Ok(object) => Ok(asked(&object)),
            Err(ClusterError::NotFound { .. }) => Ok(None),
            Err(error) => {
                let remedy = match &error {
                    ClusterError::Denied { .. } => "grant the agent's account `get` on it",
                    other => other.remedy(),
                };
                Err(StopSourceError {
                    reason: format!("{} cannot be read; {remedy}", self.name),
                    source: Some(Box::new(error)),
                })
            }
        }
    }
}

/// What the key says, if it asks for the stop.
fn asked(object: &Value) -> Option<String> {
    let at = |place: &str| object.get(place).and_then(|data| data.get(StopConfigMap::KEY));
    match (at("data"), at("binaryData")) {
        (None, None) => None,
        (Some(Value::String(text)), None) if text.trim() == "false" => None,
        (Some(Value::String(text)), _) => Some(text.trim().to_owned()),
        // Not text, and there all the same.
        _ => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::fake::{Fake, context};

    fn config_map(content: Value) -> Value {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "claw-stop", "namespace": "claw"}});
        claw_core::patch::merge(&mut object, &content);
        object
    }

    async fn look(fake: Fake) -> Result<Option<String>, StopSourceError> {
        StopConfigMap::new(fake.cluster(), "claw", StopConfigMap::NAME)
            .look(&context())
            .await
    }

    #[tokio::test]
    async fn the_key_asks_whatever_it_says() {
        for (content, asked) in [
            (json!({}), None),
            (json!({"data": {"other": "a"}}), None),
            (json!({"data": {"stop": "false"}}), None),
            (
                json!({"data": {"stop": " the release misbehaves\n"}}),
                Some("the release misbehaves"),
            ),
            (json!({"data": {"stop": ""}}), Some("")),
            (json!({"data": {"stop": "False"}}), Some("False")),
            (json!({"binaryData": {"stop": "AAA="}}), Some("")),
            (json!({"data": {"stop": 1}}), Some("")),
        ] {
            let seen = look(Fake::new([config_map(content.clone())])).await.unwrap();
            assert_eq!(seen.as_deref(), asked, "{content}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_asks_nothing_and_what_is_denied_is_not_known() {
        assert_eq!(look(Fake::new([])).await.unwrap(), None);
        let error = look(Fake::new([]).deny("configmaps")).await.unwrap_err();
        assert_eq!(
            error.reason,
            "the ConfigMap claw/claw-stop cannot be read; grant the agent's account `get` on it"
        );
    }
}
