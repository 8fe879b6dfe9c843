//! Whether the cluster holds the account that writes to what it should be held to.

use std::collections::BTreeSet;

use claw_core::report::Gap;
use claw_core::tool::ToolContext;
use claw_core::walls::{Fault, FaultKind, Standing};
use futures::StreamExt as _;
use serde_json::Value;

use crate::cluster::{AccessQuestion, Cluster, ClusterError, Resource};

/// Questions that are asked at the same time.
const CONCURRENT: usize = 8;

/// What to do about a wall that is not there.
const APPLY: &str = "apply the walls that `access` generates for writing";

/// Admission policies and their bindings.
static WALLS: [Resource; 2] = [
    Resource::cluster(
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
    ),
    Resource::cluster(
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
    ),
];

/// How it should be.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Expected {
    /// What the account may do.
    pub granted: Vec<AccessQuestion>,
    /// What it may not.
    pub denied: Vec<AccessQuestion>,
    /// Admission policies and bindings, in full.
    pub walls: Vec<Value>,
    /// Names of admission policies that are not there: left over from another time, they deny what they should not.
    pub absent: Vec<String>,
}

impl Expected {
    /// What the account may do, what it may not, and which walls there are.
    pub fn new(granted: Vec<AccessQuestion>, denied: Vec<AccessQuestion>, walls: Vec<Value>) -> Self {
        Self {
            granted,
            denied,
            walls,
            absent: Vec::new(),
        }
    }

    /// Sets [`absent`](Self::absent).
    #[must_use]
    pub fn without(mut self, names: Vec<String>) -> Self {
        self.absent = names;
        self
    }
}

/// Looks at the cluster with the credentials of the account that writes: asks for each right by SelfSubjectAccessReview, and reads
/// each wall.
pub async fn standing(cluster: &Cluster, cx: &ToolContext, expected: &Expected) -> Standing {
    let mut standing = Standing::default();
    rights(cluster, cx, expected, &mut standing).await;
    for wall in &expected.walls {
        standing.looked_at += 1;
        if let Some(found) = look(cluster, cx, wall, &expected.walls).await {
            match found {
                Ok(fault) => standing.faults.push(fault),
                Err(gap) => standing.gaps.push(gap),
            }
        }
    }
    for name in &expected.absent {
        standing.looked_at += 1;
        let [policies, _] = &WALLS;
        match cluster.object(cx, policies, None, name).await {
            Ok(_) => standing.faults.push(Fault {
                kind: FaultKind::WallDiffers,
                what: format!(
                    "{} {name} is left of another policy, and denies by it",
                    policies.kind
                ),
                remedy: format!("delete it: kubectl delete {} {name}", policies.plural),
            }),
            Err(ClusterError::NotFound { .. }) => {}
            Err(error) => standing.gaps.push(error.gap(format!("{} {name}", policies.kind))),
        }
    }
    standing.faults.sort();
    standing
}

async fn rights(cluster: &Cluster, cx: &ToolContext, expected: &Expected, standing: &mut Standing) {
    // Whoever may do everything is no account of an agent, and all the rest would only repeat it.
    let everything = AccessQuestion {
        verb: "*".to_owned(),
        group: "*".to_owned(),
        resource: "*".to_owned(),
        subresource: String::new(),
        namespace: None,
    };
    standing.looked_at += 1;
    match cluster.can_i(cx, &everything).await {
        Ok(false) => {}
        Ok(true) => {
            standing.faults.push(Fault {
                kind: FaultKind::OverPrivileged,
                what: "everything, everywhere".to_owned(),
                remedy:
                    "this is the identity of an administrator: ask with the token of the account that writes"
                        .to_owned(),
            });
            return;
        }
        Err(error) => {
            standing.gaps.push(unknown(&everything, &error));
            return;
        }
    }
    let of = |questions: &[AccessQuestion], wanted: bool| -> BTreeSet<(AccessQuestion, bool)> {
        questions
            .iter()
            .cloned()
            .map(|question| (question, wanted))
            .collect()
    };
    let mut questions = of(&expected.granted, true);
    questions.extend(of(&expected.denied, false));
    standing.looked_at += questions.len();
    let answers: Vec<_> = futures::stream::iter(questions)
        .map(|(question, wanted)| async move {
            let answer = cluster.can_i(cx, &question).await;
            (question, wanted, answer)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    // What is granted in all namespaces is granted in each: said once.
    let everywhere: BTreeSet<_> = answers
        .iter()
        .filter(|(question, _, answer)| question.namespace.is_none() && matches!(answer, Ok(true)))
        .map(|(question, ..)| {
            (
                &question.verb,
                &question.group,
                &question.resource,
                &question.subresource,
            )
        })
        .collect();
    for (question, wanted, answer) in &answers {
        let right = (
            &question.verb,
            &question.group,
            &question.resource,
            &question.subresource,
        );
        match (answer, wanted) {
            (Ok(true), false) if question.namespace.is_some() && everywhere.contains(&right) => {}
            (Ok(true), false) => standing.faults.push(Fault {
                kind: FaultKind::OverPrivileged,
                what: said(question),
                remedy: "find the role that grants it among the bindings of the account, and take it away"
                    .to_owned(),
            }),
            (Ok(false), true) => standing.faults.push(Fault {
                kind: FaultKind::RightMissing,
                what: said(question),
                remedy: "apply the role that `access` generates for writing".to_owned(),
            }),
            (Ok(_), _) => {}
            (Err(error), _) => standing.gaps.push(unknown(question, error)),
        }
    }
}

fn unknown(question: &AccessQuestion, error: &ClusterError) -> Gap {
    error.gap(format!("right to {}", said(question)))
}

/// A right as people say it.
fn said(question: &AccessQuestion) -> String {
    let AccessQuestion {
        verb,
        group,
        resource,
        subresource,
        namespace,
    } = question;
    let mut text = format!("{verb} {resource}");
    if !group.is_empty() {
        text.push_str(&format!(".{group}"));
    }
    if !subresource.is_empty() {
        text.push_str(&format!("/{subresource}"));
    }
    match namespace {
        Some(namespace) => text.push_str(&format!(" in {namespace}")),
        None => text.push_str(" in all namespaces"),
    }
    text
}

/// What is wrong with a wall, or why that is not known; `None` where it is as it should be.
async fn look(
    cluster: &Cluster,
    cx: &ToolContext,
    wall: &Value,
    all: &[Value],
) -> Option<Result<Fault, Gap>> {
    let text = |pointer: &str| wall.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let what = format!("{kind} {name}");
    let fault = |kind: FaultKind, what: String, remedy: &str| {
        Some(Ok(Fault {
            kind,
            what,
            remedy: remedy.to_owned(),
        }))
    };
    let Some(resource) = WALLS.iter().find(|known| known.kind == kind) else {
        return fault(
            FaultKind::WallDiffers,
            format!("{what} is of a kind that is no wall"),
            "generate the walls anew",
        );
    };
    match cluster.object(cx, resource, None, name).await {
        Ok(found) if found.get("spec") == wall.get("spec") => None,
        Ok(found) => fault(
            FaultKind::WallDiffers,
            format!("{what} ({})", differing(&found, wall)),
            "see who changed it, and apply what `access` generates for writing",
        ),
        Err(ClusterError::NotFound { .. }) => {
            let is_binding = kind == WALLS[1].kind;
            let meaning = if is_binding {
                "nothing has the API server ask the policy"
            } else if all
                .iter()
                .any(|other| other.pointer("/spec/policyName").and_then(Value::as_str) == Some(name))
            {
                "the API server ignores a binding to it"
            } else {
                "nothing is denied by it"
            };
            fault(FaultKind::WallMissing, format!("{what}: {meaning}"), APPLY)
        }
        Err(error) => Some(Err(error.gap(what))),
    }
}

/// Which members of the spec are not the same.
fn differing(found: &Value, wanted: &Value) -> String {
    let of = |object: &Value| {
        object
            .get("spec")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (found, wanted) = (of(found), of(wanted));
    let keys: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    let keys = keys.into_iter().filter(|key| found.get(*key) != wanted.get(*key));
    let names: Vec<&str> = keys.map(String::as_str).collect();
    format!("not as generated: {}", names.join(", "))
}
