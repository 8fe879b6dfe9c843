//! Single rights, and what is said about them.

use std::fmt;

use claw_core::access::{Access, KubernetesRule, Need};

/// One right of a tool: a verb on a resource.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) verb: String,
    pub(crate) need: Need,
    /// Whether calls use it, or the role only grants it besides.
    pub(crate) used: bool,
}

impl Right {
    /// Every right that a tool declares.
    pub(crate) fn all(access: &Access) -> Vec<Self> {
        let of_rule = |rule: &KubernetesRule| {
            let rule = rule.clone();
            rule.verbs.clone().into_iter().map(move |verb| Self {
                group: rule.group.clone(),
                resource: rule.resource.clone(),
                used: rule.used == verb,
                need: rule.need,
                verb,
            })
        };
        access.kubernetes.iter().flat_map(of_rule).collect()
    }

    /// The same access without this right.
    pub(crate) fn taken_from(&self, access: &Access) -> Access {
        let mut rest = access.clone();
        for rule in &mut rest.kubernetes {
            if rule.group == self.group && rule.resource == self.resource {
                rule.verbs.retain(|verb| *verb != self.verb);
            }
        }
        rest.kubernetes.retain(|rule| !rule.verbs.is_empty());
        rest
    }

    /// The resource as people and the API server's audit log name it.
    pub(crate) fn name(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    /// Whether a text says that it was missed.
    pub(crate) fn is_missed_in(&self, text: &str) -> bool {
        let request = if self.resource == "pods/log" {
            "read logs of pod".to_owned()
        } else {
            format!("{} {}", self.verb, self.name())
        };
        let refused = text.strip_prefix("not allowed: ");
        let rest = refused.and_then(|refused| refused.strip_prefix(request.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ';']))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.name())
    }
}
