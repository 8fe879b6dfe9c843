//! What the API server itself refuses around `Approval` objects, and who may read and write them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{APPROVALS, GROUP, yaml};
use crate::cluster::Resource;

/// Name of the policy and of its binding.
const NAME: &str = "claw-approvals";
/// Name of the role for people who approve.
const APPROVER: &str = "claw-approver";
/// Name of what the agent may do around approvals.
const ASKER: &str = "claw-approvals-agent";

/// API group of the policies.
const ADMISSION: &str = "admissionregistration.k8s.io";

/// Policies, as the API addresses them.
pub(super) const POLICIES: Resource = Resource::cluster(
    ADMISSION,
    "v1",
    "validatingadmissionpolicies",
    "ValidatingAdmissionPolicy",
);
/// Bindings of policies, as the API addresses them.
pub(super) const BINDINGS: Resource = Resource::cluster(
    ADMISSION,
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
);

/// The admission policy around approvals: who may ask, and that everybody decides for themselves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    namespace: String,
    agents: BTreeSet<String>,
}

/// The manifests cannot be made, or what is in the cluster is not what they say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WallError {
    /// A name that is none.
    #[error("{name:?} is no name of {what}; give it as the API server has it")]
    Name {
        /// Of what.
        what: &'static str,
        /// The name, cut.
        name: String,
    },
    /// No account is the agent's.
    #[error("no account may ask for approvals; name the agent's")]
    Nobody,
    /// The policy or its binding is missing or is another one.
    #[error(
        "{what} {NAME} {how}: nothing vouches for who decided; apply the manifests of approvals, and make the request anew"
    )]
    Differs {
        /// Which of the two.
        what: &'static str,
        /// What is wrong with it.
        how: String,
    },
    /// It cannot be written as YAML.
    #[error("the manifests cannot be written as YAML")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Wall {
    /// The wall around the approvals in `namespace`, for an agent that asks by these accounts: `(namespace, name)` each.
    ///
    /// # Errors
    /// When a name is none, or there is no account.
    pub fn new<N: Into<String>>(
        namespace: &str,
        accounts: impl IntoIterator<Item = (N, N)>,
    ) -> Result<Self, WallError> {
        check("a namespace", namespace)?;
        let mut agents = BTreeSet::new();
        for (home, account) in accounts {
            let (home, account) = (home.into(), account.into());
            check("a namespace", &home)?;
            check("a service account", &account)?;
            agents.insert(format!("system:serviceaccount:{home}:{account}"));
        }
        if agents.is_empty() {
            return Err(WallError::Nobody);
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            agents,
        })
    }

    /// Where the agent's approvals are.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Policy and binding, as YAML.
    ///
    /// # Errors
    /// When they cannot be written as YAML; a defect.
    pub fn policy(&self) -> Result<String, WallError> {
        let head = |kind: &str, spec: Value| json!({"apiVersion": format!("{ADMISSION}/v1"), "kind": kind, "metadata": {"name": NAME}, "spec": spec});
        yaml(&[
            head(&POLICIES.kind, self.policy_spec()),
            head(&BINDINGS.kind, self.binding_spec()),
        ])
    }

    /// The roles: one for approvers, which is bound to nobody, and what the agent needs to ask.
    ///
    /// # Errors
    /// When they cannot be written as YAML; a defect.
    pub fn roles(&self) -> Result<String, WallError> {
        const RBAC: &str = "rbac.authorization.k8s.io";
        let api = format!("{RBAC}/v1");
        let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        let subjects: Vec<Value> = self
            .agents
            .iter()
            .filter_map(|agent| agent.strip_prefix("system:serviceaccount:")?.split_once(':'))
            .map(|(namespace, name)| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
            .collect();
        let mut walls = rule(ADMISSION, &[&*POLICIES.plural, &*BINDINGS.plural], &["get"]);
        if let Some(rule) = walls.as_object_mut() {
            rule.insert("resourceNames".to_owned(), json!([NAME]));
        }
        let inside = json!({"name": ASKER, "namespace": self.namespace});
        let bound = |kind: &str| json!({"apiGroup": RBAC, "kind": kind, "name": ASKER});
        yaml(&[
            json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": APPROVER}, "rules": [
                rule(GROUP, &["approvals"], &["get", "list", "watch", "patch"]),
            ]}),
            json!({"apiVersion": api, "kind": "Role", "metadata": inside, "rules": [
                rule(GROUP, &["approvals"], &["get", "create"]),
                rule(GROUP, &["approvals/status"], &["patch"]),
            ]}),
            json!({"apiVersion": api, "kind": "RoleBinding", "metadata": inside, "roleRef": bound("Role"),
                "subjects": subjects}),
            json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": ASKER}, "rules": [walls]}),
            json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": ASKER},
                "roleRef": bound("ClusterRole"), "subjects": subjects}),
        ])
    }

    /// Name of the admission policy, and of its binding.
    pub const NAME: &'static str = NAME;

    /// Compares policy and binding, as they are in the cluster, with what they have to be. Returns by what they are told from
    /// others that were put in their place, and from what was changed and put back.
    pub(super) fn check(&self, policy: &Value, binding: &Value) -> Result<[String; 2], WallError> {
        Ok([
            same("the ValidatingAdmissionPolicy", policy, &self.policy_spec())?,
            same(
                "the ValidatingAdmissionPolicyBinding",
                binding,
                &self.binding_spec(),
            )?,
        ])
    }

    // Defaults are written out, so that what the server has is the same to the last field: what is there besides may take
    // away from the wall, such as a condition under which it does not hold.
    fn policy_spec(&self) -> Value {
        let agents: Vec<String> = self.agents.iter().map(|agent| format!("'{agent}'")).collect();
        let variable = |name: &str, expression: &str| json!({"name": name, "expression": expression});
        let kept = |field: &str| {
            format!(
                "(has(object.metadata.{field}) ? object.metadata.{field} : dyn([])) == \
                 (has(oldObject.metadata.{field}) ? oldObject.metadata.{field} : dyn([]))"
            )
        };
        let metadata = ["labels", "annotations", "finalizers", "ownerReferences"]
            .map(kept)
            .join(" && ");
        let on_update = |expression: &str| format!("request.operation != 'UPDATE' || ({expression})");
        let rules = [
            (
                "request.operation != 'CREATE' || (variables.me in variables.agents && variables.after.size() == 0)".to_owned(),
                "only the agent asks for approvals, and nobody has decided by then",
            ),
            (
                on_update("!variables.me.startsWith('system:') && !(variables.me in variables.agents)"),
                "approvals are for people to give; programs and service accounts have none",
            ),
            (
                on_update("object.spec == oldObject.spec"),
                "what was asked cannot be changed",
            ),
            (
                on_update(&metadata),
                "nothing but a decision can be added",
            ),
            (
                on_update("variables.me in variables.after && variables.after.all(by, by == variables.me || by in variables.before)"),
                "a decision stands under the name of who has made it; add yours, under your user name",
            ),
            (
                on_update("variables.before.all(by, by == variables.me || (by in variables.after && variables.after[by] == variables.before[by]))"),
                "decisions of others cannot be changed or removed",
            ),
            (
                on_update("!(variables.me in variables.before) || !(variables.me in variables.after) || (variables.before[variables.me].verdict == 'approve' && variables.after[variables.me].verdict == 'deny')"),
                "you have decided; only an approval can be taken back, by a denial",
            ),
            (
                on_update("!(variables.me in variables.after) || variables.after[variables.me].digest == object.spec.digest"),
                "the decision is on something else; its digest has to be that of the spec",
            ),
        ];
        json!({
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "resourceRules": [{
                    "apiGroups": [GROUP],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [APPROVALS.plural],
                    "scope": "*",
                }],
            },
            "variables": [
                variable("agents", &format!("[{}]", agents.join(", "))),
                variable("me", "request.userInfo.username"),
                variable("before", "request.operation == 'UPDATE' && has(oldObject.decisions) ? oldObject.decisions : dyn({})"),
                variable("after", "has(object.decisions) ? object.decisions : dyn({})"),
            ],
            "validations": rules.map(|(expression, message)| json!({"expression": expression, "message": message})),
        })
    }

    fn binding_spec(&self) -> Value {
        json!({"policyName": NAME, "validationActions": ["Deny"]})
    }
}

/// That an object of the cluster has this name and spec, and which object in which generation it is.
fn same(what: &'static str, live: &Value, spec: &Value) -> Result<String, WallError> {
    let differs = |how: &str| WallError::Differs {
        what,
        how: how.to_owned(),
    };
    if live.pointer("/metadata/name").and_then(Value::as_str) != Some(NAME) {
        return Err(differs("is missing"));
    }
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(differs("is being deleted"));
    }
    if let Some(field) = difference(live.get("spec").unwrap_or(&Value::Null), spec) {
        return Err(differs(&format!("has another {field} than it should")));
    }
    let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
    let uid = uid.ok_or_else(|| differs("has no uid"))?;
    let generation = live.pointer("/metadata/generation").and_then(Value::as_i64);
    Ok(format!("{uid}/{}", generation.unwrap_or_default()))
}

/// The first field of a spec that is not the same.
fn difference(live: &Value, wanted: &Value) -> Option<String> {
    let (Some(live), Some(wanted)) = (live.as_object(), wanted.as_object()) else {
        return Some("spec".to_owned());
    };
    let mut names: BTreeSet<&String> = live.keys().collect();
    names.extend(wanted.keys());
    names
        .into_iter()
        .find(|name| live.get(*name) != wanted.get(*name))
        .cloned()
}

/// Names of namespaces and accounts cannot end a text in an expression, nor a document.
fn check(what: &'static str, name: &str) -> Result<(), WallError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if (1..=253).contains(&name.len()) && name.chars().all(good) {
        return Ok(());
    }
    Err(WallError::Name {
        what,
        name: name.chars().take(64).collect(),
    })
}
