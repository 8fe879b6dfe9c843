//! Label selectors.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::slim::slim;

/// Selects objects by their labels.
///
/// Also read from the bare map of labels that Services and ReplicationControllers use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must be there with these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements; all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

slim! {
    /// A requirement on one label.
    pub struct Requirement {
        /// The label.
        pub key: String,
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        pub operator: String,
        /// Values of `In` and `NotIn`.
        pub values: Vec<String>,
    }
}

impl LabelSelector {
    /// Whether an object with these labels is selected. An empty selector selects everything.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|requirement| requirement.matches(labels))
    }

    /// The same as the API server takes it in a list: `app=cart,tier in (a,b),!old`. `None` where it has an operator that is
    /// not known, which selects nothing.
    pub fn to_query(&self) -> Option<String> {
        let equal = self.match_labels.iter();
        let mut parts: Vec<String> = equal.map(|(key, value)| format!("{key}={value}")).collect();
        for Requirement {
            key,
            operator,
            values,
        } in &self.match_expressions
        {
            let values = values.join(",");
            parts.push(match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.clone(),
                "DoesNotExist" => format!("!{key}"),
                _ => return None,
            });
        }
        Some(parts.join(","))
    }

    /// Whether it has no requirement at all.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Requirement {
    /// Whether labels fulfil it. An unknown operator is fulfilled by nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => !value.is_some_and(|value| self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for LabelSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut selector = Self::default();
        let fields = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        for (key, value) in fields {
            match (key.as_str(), value) {
                ("matchLabels", Value::Object(labels)) => {
                    selector
                        .match_labels
                        .extend(labels.into_iter().filter_map(|(key, value)| match value {
                            Value::String(value) => Some((key, value)),
                            Value::Null => Some((key, String::new())),
                            _ => None,
                        }))
                }
                ("matchExpressions", value @ Value::Array(_)) => {
                    selector.match_expressions =
                        serde_json::from_value(value).map_err(serde::de::Error::custom)?;
                }
                (_, Value::String(value)) => {
                    selector.match_labels.insert(key, value);
                }
                _ => {}
            }
        }
        Ok(selector)
    }
}
