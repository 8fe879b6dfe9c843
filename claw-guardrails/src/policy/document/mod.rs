//! Policies as operators write them.

mod freezes;
mod labels;
mod overrides;

use std::path::Path;

use claw_core::definition::Guardrails;
use claw_core::yaml::{
    self, DefinitionError, Fields, Located, Node, ProblemKind, Problems, Value, invalid, list, namespace,
    texts, word, wrong_type,
};

use super::axis::Phase;
use super::tier::Tier;
use super::{MOST_PERCENT, MOST_REPLICAS, Policy};

impl Policy {
    /// Reads the policy in the file at `path`. Blocks while it reads.
    ///
    /// # Errors
    /// All that is wrong with it, each with line, column and remedy. A key that is not known is wrong.
    pub fn read(path: &Path) -> Result<Self, DefinitionError> {
        Self::parse(&path.display().to_string(), &yaml::read(path)?)
    }

    /// Reads the policy in `bytes`; `file` is the name that problems are reported under.
    ///
    /// ```
    /// use claw_guardrails::policy::{Phase, Policy};
    ///
    /// let text = "policy:\n  phase: low_risk_writes\n  excluded_namespaces: [istio-system]\n";
    /// let policy = Policy::parse("policy.yaml", text.as_bytes())?;
    /// assert_eq!(policy.phase, Phase::LowRiskWrites);
    ///
    /// let error = Policy::parse("policy.yaml", b"policy:\n  phase: reckless\n").unwrap_err();
    /// assert!(error.to_string().starts_with("policy.yaml:2:10: policy.phase: `reckless` is not known here"));
    /// # Ok::<(), claw_core::yaml::DefinitionError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DefinitionError> {
        let (documents, mut problems) = yaml::parse(file, bytes, "a `policy:`")?;
        let policy = documents.first().and_then(|node| document(node, &mut problems));
        for another in documents.iter().skip(1) {
            problems.add(
                ProblemKind::Duplicate,
                another.place,
                "",
                "there is a second document",
                "keep one policy in one document: two would leave open which of them holds",
            );
        }
        problems.or(policy.unwrap_or_default())
    }
}

fn document(node: &Node, problems: &mut Problems) -> Option<Policy> {
    let mut fields = Fields::open(node, "", problems)?;
    let policy = fields.required("policy", "`policy:` with a `phase:`", policy);
    fields.finish();
    policy
}

fn policy(node: &Node, path: &str, problems: &mut Problems) -> Option<Policy> {
    let mut fields = Fields::open(node, path, problems)?;
    let usual = Policy::default();
    let policy = Policy {
        phase: fields
            .optional("phase", |node, path, problems| {
                one_of(node, path, problems, Phase::ALL, Phase::name)
            })
            .unwrap_or(usual.phase),
        scale_up_percent: fields
            .optional("scale_up_percent", |node, path, problems| {
                number(
                    node,
                    path,
                    problems,
                    100,
                    MOST_PERCENT,
                    "percent of the replicas at the start",
                )
            })
            .unwrap_or(usual.scale_up_percent),
        max_replicas: fields
            .optional("max_replicas", |node, path, problems| {
                number(node, path, problems, 1, MOST_REPLICAS, "replicas")
            })
            .unwrap_or(usual.max_replicas),
        own_namespace: fields
            .optional("own_namespace", namespace)
            .map_or(usual.own_namespace, |name| name.value),
        own_roles: fields
            .optional("own_roles", texts)
            .map_or(usual.own_roles, values),
        labels: fields.optional("labels", labels::labels).unwrap_or(usual.labels),
        freezes: fields
            .optional("freezes", |node, path, problems| {
                list(node, path, problems, freezes::freeze)
            })
            .unwrap_or(usual.freezes),
        freeze: fields
            .optional("freeze", |node, path, problems| {
                let tiers = [Tier::SyncApproval, Tier::Forbidden];
                one_of(node, path, problems, &tiers, Tier::name)
            })
            .unwrap_or(usual.freeze),
        overrides: fields
            .optional("overrides", overrides::overrides)
            .unwrap_or(usual.overrides),
        ..usual
    };
    // The bounds are spelled as in the definitions of workflows.
    let bounds = Guardrails::take(&mut fields);
    fields.finish();
    Some(policy.bounded_by(&bounds))
}

fn values(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

/// One of the values of an axis by its name.
fn one_of<T: Copy>(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Option<T> {
    let words: Vec<(&str, T)> = all.iter().map(|one| (name(*one), *one)).collect();
    word(node, path, problems, &words).map(|found| found.value)
}

fn several<T: Copy>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    all: &[T],
    name: impl Fn(T) -> &'static str + Copy,
) -> Vec<T> {
    let read = fields.optional(key, |node, path, problems| {
        list(node, path, problems, |node, path, problems| {
            one_of(node, path, problems, all, name)
        })
    });
    read.unwrap_or_default()
}

fn number(node: &Node, path: &str, problems: &mut Problems, least: u32, most: u32, of: &str) -> Option<u32> {
    let Value::Integer(value) = node.value else {
        wrong_type(
            node,
            path,
            "a whole number",
            &format!("a number: {least}"),
            problems,
        );
        return None;
    };
    let found = u32::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value));
    if found.is_none() {
        let remedy = format!("write {least} to {most}");
        invalid(
            node,
            path,
            format!("{value} {of} make no sense"),
            remedy,
            problems,
        );
    }
    found
}

#[cfg(test)]
mod tests;
