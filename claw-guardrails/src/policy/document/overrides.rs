//! `overrides:`, what raises the tier further.

use claw_core::yaml::{
    Fields, Located, Node, ProblemKind, Problems, invalid, list, namespaces, text, texts, unique,
};

use super::{one_of, several};
use crate::policy::axis::{Criticality, Environment, Nature};
use crate::policy::kinds;
use crate::policy::operation::Operation;
use crate::policy::over::{Override, When};
use crate::policy::tier::Tier;

pub(super) fn overrides(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Override>> {
    let read = list(node, path, problems, over)?;
    let names: Vec<Located<String>> = read.iter().map(|(id, _)| id.clone()).collect();
    unique(&names, path, problems).then(|| read.into_iter().map(|(_, over)| over).collect())
}

fn over(node: &Node, path: &str, problems: &mut Problems) -> Option<(Located<String>, Override)> {
    let mut fields = Fields::open(node, path, problems)?;
    let id = fields.required("id", "an `id:` by which decisions name it", text);
    let when = fields.optional("when", when).unwrap_or_default();
    // Overrides only raise, so the lowest tier would say nothing.
    let tiers = [
        Tier::AutoLogged,
        Tier::AsyncApproval,
        Tier::SyncApproval,
        Tier::Forbidden,
    ];
    let tier = fields.required(
        "tier",
        "the least `tier:` of what it matches",
        |node, path, problems| one_of(node, path, problems, &tiers, Tier::name),
    );
    let reason = fields.required("reason", "a `reason:` for whoever is asked to approve", text);
    fields.finish();
    let id = id?;
    let over = Override::new(id.value.clone(), tier?, reason?.value).when(when);
    Some((id, over))
}

fn when(node: &Node, path: &str, problems: &mut Problems) -> Option<When> {
    let mut fields = Fields::open(node, path, problems)?;
    let when = When {
        namespaces: fields
            .optional("namespaces", namespaces)
            .map(|names| names.value)
            .unwrap_or_default(),
        kinds: fields.optional("kinds", kinds_of).unwrap_or_default(),
        operations: fields.optional("operations", operations).unwrap_or_default(),
        environments: several(&mut fields, "environments", Environment::ALL, Environment::name),
        criticalities: several(&mut fields, "criticalities", Criticality::ALL, Criticality::name),
        natures: several(&mut fields, "natures", Nature::ALL, Nature::name),
    };
    fields.finish();
    Some(when)
}

/// Kinds as they are spelled in manifests: another spelling would match nothing, and an override that never applies is a hole.
fn kinds_of(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let names = texts(node, path, problems)?;
    let good = |name: &&Located<String>| match kinds::meant(name) {
        Some(kind) => {
            let message = format!("no kind is spelled `{}` in manifests", name.value);
            problems.add(
                ProblemKind::InvalidValue,
                name.place,
                path,
                message,
                format!("write {kind}"),
            );
            false
        }
        None => true,
    };
    // All of them, so that each problem is told.
    let found = names.iter().filter(good).count();
    (found == names.len()).then(|| names.into_iter().map(|name| name.value).collect())
}

/// Operations that actions are told to be.
fn operations(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Operation>> {
    list(node, path, problems, |node, path, problems| {
        let operation = one_of(node, path, problems, Operation::ALL, Operation::name)?;
        let remedy = match operation {
            Operation::Rollback => "write configure: what comes back by a rollback may be any change",
            _ if operation.is_told() => return Some(operation),
            _ => "leave it out: no action does that",
        };
        invalid(
            node,
            path,
            format!("no action is ever told to be `{operation}`"),
            remedy,
            problems,
        );
        None
    })
}
