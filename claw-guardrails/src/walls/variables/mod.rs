//! What the walls look at in a request, each with a name: the terms of the policy, in the language of the API server.

mod counts;
mod labels;
mod object;

use super::cel;
use crate::policy::Policy;

/// Kinds by their resource, for requests about a part of an object: such a request is of another kind.
const KINDS: [(&str, &str); 8] = [
    ("deployments", "Deployment"),
    ("namespaces", "Namespace"),
    ("nodes", "Node"),
    ("pods", "Pod"),
    ("replicasets", "ReplicaSet"),
    ("replicationcontrollers", "ReplicationController"),
    ("rollouts", "Rollout"),
    ("statefulsets", "StatefulSet"),
];

/// A name, and the expression that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::walls) struct Variable {
    pub(in crate::walls) name: &'static str,
    pub(in crate::walls) expression: String,
}

/// All of them; each uses only those before it.
pub(in crate::walls) fn of(policy: &Policy) -> Vec<Variable> {
    let mut all = Vec::new();
    let mut add = |name, expression: String| all.push(Variable { name, expression });
    // A part of an object, such as `status`.
    add(
        "part",
        "has(request.subResource) ? request.subResource : ''".to_owned(),
    );
    add(
        "changed",
        "variables.part == '' && request.operation in ['CREATE', 'UPDATE']".to_owned(),
    );
    add(
        "is_namespace",
        "request.resource.group == '' && request.resource.resource == 'namespaces'".to_owned(),
    );
    // A Namespace is in itself.
    add(
        "place",
        "variables.is_namespace ? (has(request.name) ? request.name : '') : \
         (has(request.namespace) ? request.namespace : '')"
            .to_owned(),
    );
    add(
        "kind",
        format!(
            "variables.part == '' ? request.kind.kind : [{kinds}].filter(known, request.resource.resource in known)\
             .map(known, known[request.resource.resource]).join('')",
            kinds = cel::mapping(KINDS)
        ),
    );
    object::add_to(&mut add);
    counts::add_to(&mut add);
    labels::add_to(&mut add, policy);
    all
}

/// Those of `variables` that `expressions` use, and those that these use.
pub(in crate::walls) fn used(variables: &[Variable], expressions: &[&str]) -> Vec<Variable> {
    let mut texts: Vec<&str> = expressions.to_vec();
    let mut found = Vec::new();
    for variable in variables.iter().rev() {
        if texts.iter().any(|text| uses(text, variable.name)) {
            texts.push(&variable.expression);
            found.push(variable.clone());
        }
    }
    found.reverse();
    found
}

fn uses(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("variables.") {
        let word = after
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next();
        if word == Some(name) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_variable_uses_only_those_before_it() {
        let all = of(&Policy::default());
        let mut before = BTreeSet::new();
        for variable in &all {
            for other in &all {
                let known = before.contains(other.name);
                assert!(
                    !uses(&variable.expression, other.name) || known,
                    "{} uses {}",
                    variable.name,
                    other.name
                );
            }
            assert!(before.insert(variable.name), "{} is there twice", variable.name);
        }
    }

    #[test]
    fn only_what_is_used_is_taken_along() {
        let all = of(&Policy::default());
        let names = |expression: &str| -> Vec<&str> {
            used(&all, &[expression])
                .iter()
                .map(|variable| variable.name)
                .collect()
        };
        assert_eq!(names("true"), [""; 0]);
        assert_eq!(names("variables.place == ''"), ["is_namespace", "place"]);
        assert_eq!(names("variables.placeholder"), [""; 0]);
    }
}
