//! Requests and limits of one container: what they are to be, checked, and set.

use std::collections::BTreeMap;

use claw_core::quantity::Quantity;
use claw_core::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::managed::shown;

/// What one container is to request and to be limited to. What is not named stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerResources {
    /// Name of the container, or of an init container.
    pub name: String,
    /// Requests by resource (`cpu`, `memory`): a quantity such as `250m` or `512Mi`, or null to take the request away.
    #[serde(default)]
    pub requests: BTreeMap<String, Option<String>>,
    /// Limits, in the same way.
    #[serde(default)]
    pub limits: BTreeMap<String, Option<String>>,
}

impl ContainerResources {
    /// Whether all that it names can be.
    pub(super) fn check(&self) -> Result<(), ToolError> {
        for (list, resource, amount) in self.amounts() {
            let container = &self.name;
            let wrong = |text: String| {
                Err(ToolError::invalid_input(format!(
                    "{list}.{resource} of container `{container}`: {text}"
                )))
            };
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
            if resource.is_empty() || !resource.chars().all(fits) {
                return wrong("that is no name of a resource; write for example cpu or memory".to_owned());
            }
            let Some(text) = amount else { continue };
            match text.parse::<Quantity>() {
                Err(error) => return wrong(error.to_string()),
                Ok(quantity) if quantity < Quantity::default() => {
                    return wrong("an amount is never less than nothing; give 0 or more".to_owned());
                }
                // `m` is a thousandth, and `M` or `Mi` is what people mean.
                Ok(quantity) if resource != "cpu" && Quantity::whole(quantity.value()) != quantity => {
                    return wrong(format!(
                        "`{text}` is not a whole number; of memory write for example 512Mi"
                    ));
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn amounts(&self) -> impl Iterator<Item = (&'static str, &String, &Option<String>)> {
        let lists = [("requests", &self.requests), ("limits", &self.limits)];
        lists
            .into_iter()
            .flat_map(|(list, amounts)| amounts.iter().map(move |(key, amount)| (list, key, amount)))
    }

    /// Sets what it names in `container`, and says what that changes. Amounts that are the same in other words are left as
    /// they are.
    pub(super) fn set(&self, container: &mut Value) -> Result<Vec<String>, ToolError> {
        let mut changes = Vec::new();
        let Some(container) = container.as_object_mut() else {
            return Ok(changes);
        };
        let mut resources = fields(container.get("resources"));
        let present = resources.clone();
        for (list, resource, amount) in self.amounts() {
            let mut amounts = fields(resources.get(list));
            let before = amounts.get(resource).and_then(text);
            let quantity = |text: &String| text.parse::<Quantity>().ok();
            if before.as_ref().map(quantity) == amount.as_ref().map(quantity) {
                continue;
            }
            match amount {
                Some(amount) => amounts.insert(resource.clone(), amount.as_str().into()),
                None => amounts.remove(resource),
            };
            if amounts.is_empty() {
                resources.remove(list);
            } else {
                resources.insert(list.to_owned(), Value::Object(amounts));
            }
            let was = before.as_deref().and_then(shown).unwrap_or("none");
            let is = amount.as_deref().unwrap_or("none");
            changes.push(format!("{} {list}.{resource} {is} instead of {was}", self.name));
        }
        if !changes.is_empty() {
            self.check_order(&resources)?;
            changes.extend(self.implied(&present, &resources));
            container.insert("resources".to_owned(), Value::Object(resources));
        }
        Ok(changes)
    }

    /// What pods request without anybody saying so: their limit, where a container has a limit and no request.
    fn implied(&self, before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
        let amount = |resources: &Map<String, Value>, list: &str, resource: &str| {
            let amounts = resources.get(list).and_then(Value::as_object)?;
            text(amounts.get(resource)?)
        };
        let mut implied = Vec::new();
        for (resource, limit) in fields(after.get("limits")) {
            let requested = |resources| {
                amount(resources, "requests", &resource).or_else(|| amount(resources, "limits", &resource))
            };
            let quantity = |text: Option<String>| text.and_then(|text| text.parse::<Quantity>().ok());
            let (was, is) = (requested(before), requested(after));
            let is_said = amount(after, "requests", &resource).is_some();
            if is_said || quantity(was.clone()) == quantity(is) {
                continue;
            }
            let limit = text(&limit);
            let (limit, was) = (limit.as_deref().and_then(shown), was.as_deref().and_then(shown));
            let resource = shown(&resource).unwrap_or("one resource");
            implied.push(format!(
                "{} so requests its limit of {resource}, {}, instead of {}",
                self.name,
                limit.unwrap_or("an amount"),
                was.unwrap_or("none")
            ));
        }
        implied
    }

    /// Nothing can request more than it is limited to.
    fn check_order(&self, resources: &Map<String, Value>) -> Result<(), ToolError> {
        let (requests, limits) = (fields(resources.get("requests")), fields(resources.get("limits")));
        for (resource, request) in &requests {
            let amount = |value: &Value| text(value)?.parse::<Quantity>().ok();
            let limit = limits.get(resource);
            if let (Some(request), Some(limit)) = (amount(request), limit.and_then(amount))
                && request > limit
            {
                let resource = shown(resource).unwrap_or("one resource");
                return Err(ToolError::invalid_input(format!(
                    "container `{}` would request more {resource} than it is limited to; raise the limit with it, or lower \
                     the request",
                    self.name
                )));
            }
        }
        Ok(())
    }
}

fn fields(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// An amount as text: manifests may write it as a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
