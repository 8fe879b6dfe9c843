//! The tool that reads whole objects.

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use claw_k8s::cluster::{Cluster, ClusterError, ListRequest, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Objects on one page.
const PAGE: u32 = 500;
/// Most objects of one kind.
const MOST: usize = 50_000;

/// Which objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListObjectsInput {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// Version within the group.
    pub(crate) version: String,
    /// Name in URLs.
    pub(crate) plural: String,
    /// Kind as in manifests.
    pub(crate) kind: String,
    /// One namespace; all where left out.
    #[serde(default)]
    pub(crate) namespace: Option<String>,
}

/// The objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListObjectsOutput {
    /// In the order of the API server.
    pub(crate) items: Vec<Value>,
    /// Whether there are more than could be read.
    pub(crate) truncated: bool,
}

/// Lists whole objects of a kind, to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct ListObjects {
    cluster: Cluster,
}

impl ListObjects {
    /// The tool over a cluster.
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

#[async_trait]
impl Tool for ListObjects {
    const NAME: &'static str = "list_objects";
    const EFFECT: Effect = Effect::Read;
    type Input = ListObjectsInput;
    type Output = ListObjectsOutput;

    fn description(&self) -> &str {
        "List whole objects of one kind, to record them"
    }

    fn access(&self) -> Access {
        // Reads what the other tools may read, and is only used to record it.
        Access::none()
    }

    async fn call(&self, cx: &ToolContext, input: ListObjectsInput) -> Result<ListObjectsOutput, ToolError> {
        if input.kind == "Secret" {
            return Err(ToolError::invalid_input(
                "Secrets are never recorded; ask for another kind",
            ));
        }
        let known = Resource::ALL
            .iter()
            .find(|known| known.plural == input.plural && known.group == input.group)
            .ok_or_else(|| ToolError::invalid_input("this kind is not one that the agent reads"))?;
        let mut request = ListRequest {
            resource: known.clone().at_version(input.version.clone()),
            namespace: input.namespace.clone().filter(|_| known.namespaced),
            label_selector: None,
            field_selector: None,
            limit: PAGE,
            continue_token: None,
            metadata_only: false,
        };
        let api_version = match input.group.as_str() {
            "" => input.version,
            group => format!("{group}/{}", input.version),
        };
        let mut output = ListObjectsOutput::default();
        let mut restarted = false;
        loop {
            let bytes = match self.cluster.reader().list_page(cx, &request).await {
                Ok(bytes) => bytes,
                // The list expired while it was read: once more from the beginning.
                Err(ClusterError::Gone { .. }) if !restarted && request.continue_token.is_some() => {
                    restarted = true;
                    request.continue_token = None;
                    output.items.clear();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let page: Page = serde_json::from_slice(&bytes).map_err(|error| {
                ToolError::new(ToolErrorKind::Internal, "the list of objects makes no sense")
                    .with_source(error)
            })?;
            for mut item in page.items.unwrap_or_default() {
                // Items of a list do not say what they are.
                if let Value::Object(fields) = &mut item {
                    fields.insert("kind".to_owned(), known.kind.to_string().into());
                    fields.insert("apiVersion".to_owned(), api_version.clone().into());
                }
                output.items.push(item);
            }
            request.continue_token = page.metadata.next.filter(|token| !token.is_empty());
            if request.continue_token.is_none() {
                return Ok(output);
            }
            if output.items.len() >= MOST {
                output.truncated = true;
                return Ok(output);
            }
        }
    }
}
