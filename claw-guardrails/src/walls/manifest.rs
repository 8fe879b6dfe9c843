//! A wall as the API server takes it: a ValidatingAdmissionPolicy, and the binding without which nobody asks it.

use serde_json::{Value, json};

use super::cel;
use super::variables::{self, Variable};
use super::wall::{About, Then, Wall};
use super::{Accounts, Walls};
use crate::policy::OWN_GROUP;

/// Group and version of both kinds.
pub(super) const API_VERSION: &str = "admissionregistration.k8s.io/v1";

/// Questions that are asked by creating what is never stored: they change nothing. Newer API servers ask no admission policy about
/// them anyway.
const QUESTIONS: [&str; 6] = [
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "tokenreviews",
];

/// Both objects. Everything that the API server would fill in is said, so that what is stored can be compared.
pub(super) fn objects(walls: &Walls, wall: &Wall, known: &[Variable]) -> [Value; 2] {
    let name = walls.name_of(wall.name);
    let variables: Vec<Value> = variables_of(wall, known);
    let validations: Vec<Value> = wall
        .demands
        .iter()
        .map(|demand| {
            let text = format!("{}: {}: {}", walls.name, demand.rule, demand.text);
            json!({
                "expression": demand.expression,
                // The API server takes no line breaks here, and reasons come from policy files.
                "message": text.split_whitespace().collect::<Vec<_>>().join(" "),
                "reason": "Forbidden",
            })
        })
        .collect();
    let mut spec = json!({
        "failurePolicy": "Fail",
        "matchConditions": conditions(&walls.accounts, wall.about, &walls.policy.own_namespace),
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*",
            }],
        },
        "validations": validations,
    });
    if let (Some(spec), false) = (spec.as_object_mut(), variables.is_empty()) {
        spec.insert("variables".to_owned(), Value::Array(variables));
    }
    let actions = match wall.then {
        Then::Denied => json!(["Deny"]),
        Then::Told => json!(["Warn", "Audit"]),
    };
    [
        json!({
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": name },
            "spec": spec,
        }),
        json!({
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": name },
            "spec": { "policyName": name, "validationActions": actions },
        }),
    ]
}

fn variables_of(wall: &Wall, known: &[Variable]) -> Vec<Value> {
    let expressions = wall.demands.iter().map(|demand| demand.expression.as_str());
    let used = variables::used(known, &expressions.collect::<Vec<_>>());
    used.iter()
        .map(|variable| json!({ "name": variable.name, "expression": variable.expression }))
        .collect()
}

/// Whose requests the wall is about, and which of theirs it lets be.
fn conditions(accounts: &Accounts, about: About, own: &str) -> Value {
    let users = match about {
        About::Agent => vec![accounts.reading_user(), accounts.writing_user()],
        About::Reader => vec![accounts.reading_user()],
    };
    let (users, questions) = (cel::texts(users), cel::texts(QUESTIONS));
    let (own, group) = (cel::text(own), cel::text(OWN_GROUP));
    json!([
        {
            "name": "the-agent",
            "expression": format!("has(request.userInfo.username) && request.userInfo.username in {users}"),
        },
        {
            "name": "no-question",
            "expression": format!(
                "!(request.resource.group in ['authentication.k8s.io', 'authorization.k8s.io'] && \
                 request.resource.resource in {questions})"
            ),
        },
        {
            // By which replicas of the agent agree who acts.
            "name": "no-lease-of-its-own",
            "expression": format!(
                "!(request.resource.group == 'coordination.k8s.io' && request.resource.resource == 'leases' && \
                 has(request.namespace) && request.namespace == {own})"
            ),
        },
        {
            // Which it makes, and says of how they stand; what is decided is for others to say.
            "name": "no-request-for-approval",
            "expression": format!(
                "!(request.resource.group == {group} && request.resource.resource == 'approvals' && \
                 (request.operation == 'UPDATE' && has(request.subResource) && request.subResource == 'status' || \
                 request.operation == 'CREATE' && !(has(request.subResource) && request.subResource != '') && \
                 !has(object.status) && !(has(object.decisions) && size(object.decisions) > 0) && \
                 !(has(object.spec) && has(object.spec.decisions) && size(object.spec.decisions) > 0)))"
            ),
        },
    ])
}
