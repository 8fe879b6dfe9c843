//! The account that performs what was permitted, and the fewest rights that it takes.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::access::WriteRule;
use serde_json::{Value, json};

use super::forbidden::{forbidden, question};
use crate::cluster::{AccessQuestion, Resource};

/// A right that no role for writing gives.
#[derive(Debug, thiserror::Error)]
#[error("no role for writing gives {verb} on {resource}: {why}; have a person grant it, if it has to be")]
pub struct ForbiddenRight {
    /// The verb.
    pub verb: String,
    /// The resource, with its group.
    pub resource: String,
    /// Why not.
    pub why: &'static str,
}

/// What to apply so that an agent has an account that writes: a ServiceAccount of its own, a role, and what binds the two. The
/// account that reads is another, and gets nothing of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRole {
    account: String,
    namespace: String,
    within: BTreeSet<String>,
    rights: BTreeSet<Right>,
    walls: BTreeSet<String>,
    /// The lease that it holds: namespace and name.
    lease: Option<(String, String)>,
    /// Whether it asks for approvals by objects.
    asks: bool,
}

/// A verb on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    verb: String,
}

impl WriteRole {
    /// Name of the account, its role and the binding.
    pub const NAME: &'static str = "openclaw-agent-writer";

    /// The account in `namespace`, with these rights, and that to look at what it writes to, and at how that changes: after a crash it
    /// tells by that whose write stands.
    ///
    /// # Errors
    /// When one of them is [`forbidden`].
    pub fn new<'a>(
        namespace: impl Into<String>,
        needs: impl IntoIterator<Item = &'a WriteRule>,
    ) -> Result<Self, ForbiddenRight> {
        let mut rights = BTreeSet::new();
        for need in needs {
            for verb in &need.verbs {
                if let Some(why) = forbidden(&need.group, &need.resource, verb) {
                    let resource = match need.group.as_str() {
                        "" => need.resource.clone(),
                        group => format!("{}.{group}", need.resource),
                    };
                    let verb = verb.clone();
                    return Err(ForbiddenRight { verb, resource, why });
                }
                let kind = need.resource.split('/').next().unwrap_or_default();
                // A write that changes an object and gets no answer is told by the object, and by what has happened to it since.
                let history = (verb == "patch").then_some((kind, "watch"));
                let own = [(need.resource.as_str(), verb.as_str()), (kind, "get")];
                for (resource, verb) in own.into_iter().chain(history) {
                    rights.insert(Right {
                        group: need.group.clone(),
                        resource: resource.to_owned(),
                        verb: verb.to_owned(),
                    });
                }
            }
        }
        Ok(Self {
            account: Self::NAME.to_owned(),
            namespace: namespace.into(),
            within: BTreeSet::new(),
            rights,
            walls: BTreeSet::new(),
            lease: None,
            asks: false,
        })
    }

    /// Binds the role in these namespaces, and not in all. What is in no namespace, such as nodes, is bound as before.
    #[must_use]
    pub fn within(mut self, namespaces: impl IntoIterator<Item = String>) -> Self {
        self.within.extend(namespaces);
        self
    }

    /// Lets the account look at the admission policies of these names and their bindings, so that it can tell whether they stand.
    #[must_use]
    pub fn watching(mut self, walls: impl IntoIterator<Item = String>) -> Self {
        self.walls.extend(walls);
        self
    }

    /// Lets the account hold this lease, by which replicas agree who writes.
    #[must_use]
    pub fn holding(mut self, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        self.lease = Some((namespace.into(), name.into()));
        self
    }

    /// Lets the account ask for approvals by objects in its own namespace, say how they stand, and look at the admission policy that
    /// ties decisions to their authors. It decides nothing.
    #[must_use]
    pub fn asking(mut self) -> Self {
        self.asks = true;
        self.walls.insert(crate::approval::Wall::NAME.to_owned());
        self
    }

    /// The namespaces that the role is bound in; empty for all.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.within.iter().map(String::as_str)
    }

    /// The questions that have to be answered with yes.
    pub fn granted(&self) -> Vec<AccessQuestion> {
        let asked = self.rights.iter().flat_map(|right| {
            let ask = |place| question(&right.group, &right.resource, &right.verb, place);
            if self.within.is_empty() || right.is_in_no_namespace() {
                vec![ask(None)]
            } else {
                self.namespaces().map(|name| ask(Some(name))).collect()
            }
        });
        let own = self.own_rules().into_iter().flat_map(|own| {
            let questions = own
                .rights
                .into_iter()
                .map(move |(group, resource, verb)| question(group, resource, verb, Some(&own.namespace)));
            questions.collect::<Vec<_>>()
        });
        asked.chain(own).collect()
    }

    /// What it needs for itself: by namespace, what to ask for, and the rules.
    fn own_rules(&self) -> Vec<OwnRules> {
        let mut all = Vec::new();
        if let Some((namespace, name)) = &self.lease {
            const LEASES: &str = "coordination.k8s.io";
            all.push(OwnRules {
                name: format!("{}-lease", Self::NAME),
                namespace: namespace.clone(),
                // Of rights to objects by name nobody can ask without naming them.
                rights: vec![(LEASES, "leases", "create")],
                rules: vec![
                    json!({ "apiGroups": [LEASES], "resources": ["leases"], "verbs": ["create"] }),
                    json!({ "apiGroups": [LEASES], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "patch"] }),
                ],
            });
        }
        if self.asks {
            const OWN: &str = crate::approval::GROUP;
            all.push(OwnRules {
                name: format!("{}-approvals", Self::NAME),
                namespace: self.namespace.clone(),
                rights: vec![
                    (OWN, "approvals", "get"),
                    (OWN, "approvals", "create"),
                    (OWN, "approvals/status", "patch"),
                ],
                rules: vec![
                    json!({ "apiGroups": [OWN], "resources": ["approvals"], "verbs": ["create", "get"] }),
                    json!({ "apiGroups": [OWN], "resources": ["approvals/status"], "verbs": ["patch"] }),
                ],
            });
        }
        all
    }

    /// Roles in a namespace, with their bindings.
    fn own_objects(&self) -> Vec<Value> {
        let objects = self.own_rules().into_iter().flat_map(|own| {
            own_role(
                &own.name,
                &own.namespace,
                &own.rules,
                (&self.account, &self.namespace),
            )
        });
        objects.collect()
    }

    /// Whether the role gives a right, wherever.
    pub fn gives(&self, group: &str, resource: &str, verb: &str) -> bool {
        let same = |right: &Right| right.group == group && right.resource == resource && right.verb == verb;
        self.rights.iter().any(same)
    }

    /// The objects, to be applied in this order.
    pub fn objects(&self) -> Vec<Value> {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": self.account, "namespace": self.namespace },
        });
        let (outside, inside): (Vec<&Right>, Vec<&Right>) =
            self.rights.iter().partition(|right| right.is_in_no_namespace());
        let mut objects = vec![account];
        let mut of_cluster = rules(&outside);
        if !self.walls.is_empty() {
            of_cluster.push(json!({
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
                "resourceNames": self.walls, "verbs": ["get"],
            }));
        }
        let of_namespaces = rules(&inside);
        if self.within.is_empty() {
            let all = [of_namespaces, of_cluster].concat();
            if !all.is_empty() {
                objects.push(role(Self::NAME, all));
                objects.push(self.binding(Self::NAME, None));
            }
            objects.extend(self.own_objects());
            return objects;
        }
        if !of_cluster.is_empty() {
            let name = format!("{}-cluster", Self::NAME);
            objects.push(role(&name, of_cluster));
            objects.push(self.binding(&name, None));
        }
        if !of_namespaces.is_empty() {
            objects.push(role(Self::NAME, of_namespaces));
            objects.extend(
                self.namespaces()
                    .map(|place| self.binding(Self::NAME, Some(place))),
            );
        }
        objects.extend(self.own_objects());
        objects
    }

    fn binding(&self, role: &str, place: Option<&str>) -> Value {
        let (kind, metadata) = match place {
            Some(place) => ("RoleBinding", json!({ "name": role, "namespace": place })),
            None => ("ClusterRoleBinding", json!({ "name": role })),
        };
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": self.account, "namespace": self.namespace }],
        })
    }
}

/// What an account needs for itself in a namespace.
struct OwnRules {
    name: String,
    namespace: String,
    rights: Vec<(&'static str, &'static str, &'static str)>,
    rules: Vec<Value>,
}

/// The right of the account that reads to look at the ConfigMap by which people stop the agent: a Role and its binding, in the
/// agent's own namespace.
pub fn stop_role(namespace: &str, account: &str, config_map: &str) -> Vec<Value> {
    let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "resourceNames": [config_map], "verbs": ["get"] });
    own_role("claw-agent-stop", namespace, &[rule], (account, namespace))
}

fn own_role(name: &str, place: &str, rules: &[Value], (account, home): (&str, &str)) -> Vec<Value> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let version = format!("{RBAC}/v1");
    vec![
        json!({ "apiVersion": version, "kind": "Role", "metadata": { "name": name, "namespace": place }, "rules": rules }),
        json!({
            "apiVersion": version, "kind": "RoleBinding", "metadata": { "name": name, "namespace": place },
            "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": home }],
        }),
    ]
}

impl Right {
    fn is_in_no_namespace(&self) -> bool {
        let kind = self.resource.split('/').next().unwrap_or_default();
        let known = |known: &&Resource| known.group == self.group && known.plural == kind;
        Resource::ALL
            .iter()
            .find(known)
            .is_some_and(|known| !known.namespaced)
    }
}

fn role(name: &str, rules: Vec<Value>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name }, "rules": rules,
    })
}

/// The fewest rules: one for each group and set of verbs.
fn rules(rights: &[&Right]) -> Vec<Value> {
    let mut verbs_of: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        let verbs = verbs_of.entry((&right.group, &right.resource)).or_default();
        verbs.insert(&right.verb);
    }
    let mut resources_of: BTreeMap<(&str, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource), verbs) in verbs_of {
        resources_of.entry((group, verbs)).or_default().push(resource);
    }
    resources_of
        .into_iter()
        .map(|((group, verbs), resources)| {
            json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
        })
        .collect()
}
