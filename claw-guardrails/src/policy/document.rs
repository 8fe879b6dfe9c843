//! Policies as operators write them.

use std::collections::BTreeMap;
use std::path::Path;

use claw_core::yaml::{
    self, DefinitionError, Fields, Located, Node, ProblemKind, Problems, Value, invalid, join, list, mapping,
    namespace, namespaces, text, texts, unique, word, wrong_type,
};
use jiff::Timestamp;

use super::Policy;
use super::axis::{Criticality, Environment, Nature, Phase};
use super::facts::{Freeze, Labels};
use super::operation::Operation;
use super::over::{Override, When};
use super::tier::Tier;

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
                    200,
                    "percent of the replicas at the start",
                )
            })
            .unwrap_or(usual.scale_up_percent),
        max_replicas: fields
            .optional("max_replicas", |node, path, problems| {
                number(node, path, problems, 1, 100_000, "replicas")
            })
            .unwrap_or(usual.max_replicas),
        excluded_namespaces: fields
            .optional("excluded_namespaces", namespaces)
            .map_or(usual.excluded_namespaces, |names| names.value),
        own_namespace: fields
            .optional("own_namespace", namespace)
            .map_or(usual.own_namespace, |name| name.value),
        labels: fields.optional("labels", labels).unwrap_or(usual.labels),
        freezes: fields
            .optional("freezes", |node, path, problems| {
                list(node, path, problems, freeze)
            })
            .unwrap_or(usual.freezes),
        freeze: fields
            .optional("freeze", |node, path, problems| {
                let tiers = [Tier::SyncApproval, Tier::Forbidden];
                one_of(node, path, problems, &tiers, Tier::name)
            })
            .unwrap_or(usual.freeze),
        overrides: fields.optional("overrides", overrides).unwrap_or(usual.overrides),
    };
    fields.finish();
    Some(policy)
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

fn labels(node: &Node, path: &str, problems: &mut Problems) -> Option<Labels> {
    let mut fields = Fields::open(node, path, problems)?;
    let usual = Labels::default();
    let labels = Labels {
        environment: fields
            .optional("environment", texts)
            .map(values)
            .unwrap_or(usual.environment),
        environments: fields
            .optional("environments", environments)
            .unwrap_or(usual.environments),
        criticality: fields
            .optional("criticality", text)
            .map_or(usual.criticality, |text| text.value),
        nature: fields
            .optional("nature", text)
            .map_or(usual.nature, |text| text.value),
    };
    fields.finish();
    Some(labels)
}

fn environments(node: &Node, path: &str, problems: &mut Problems) -> Option<BTreeMap<String, Environment>> {
    let entries = mapping(node, path, problems)?;
    // The values of labels are compared without regard to case.
    let folded: Vec<Located<String>> = entries
        .iter()
        .map(|(name, _)| Located {
            value: name.to_lowercase(),
            place: name.place,
        })
        .collect();
    if !unique(&folded, path, problems) {
        return None;
    }
    let read = entries.iter().map(|(name, node)| {
        let environment = one_of(
            node,
            &join(path, name),
            problems,
            Environment::ALL,
            Environment::name,
        )?;
        Some((name.to_lowercase(), environment))
    });
    // All of them, so that each problem is told.
    read.collect::<Vec<_>>().into_iter().collect()
}

fn freeze(node: &Node, path: &str, problems: &mut Problems) -> Option<Freeze> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "a `name:` for whoever wonders", text);
    let from = fields.required("from", "`from: \"2026-12-20T00:00:00Z\"`", time);
    let until = fields.required("until", "`until: \"2027-01-02T00:00:00Z\"`", time);
    fields.finish();
    let (name, from, until) = (name?, from?, until?);
    if until.value <= from.value {
        problems.add(
            ProblemKind::InvalidValue,
            until.place,
            join(path, "until"),
            "the freeze is over before it begins",
            "write a later time",
        );
        return None;
    }
    Some(Freeze::new(name.value, from.value, until.value))
}

fn time(node: &Node, path: &str, problems: &mut Problems) -> Option<Located<Timestamp>> {
    let text = text(node, path, problems)?;
    match text.parse() {
        Ok(value) => Some(Located {
            value,
            place: node.place,
        }),
        Err(_) => {
            let message = format!("{} is no time with a zone", yaml::quoted(&text));
            invalid(
                node,
                path,
                message,
                "write it as \"2026-12-20T00:00:00Z\"",
                problems,
            );
            None
        }
    }
}

fn overrides(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<Override>> {
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
        kinds: fields.optional("kinds", texts).map(values).unwrap_or_default(),
        operations: several(&mut fields, "operations", Operation::ALL, Operation::name),
        environments: several(&mut fields, "environments", Environment::ALL, Environment::name),
        criticalities: several(&mut fields, "criticalities", Criticality::ALL, Criticality::name),
        natures: several(&mut fields, "natures", Nature::ALL, Nature::name),
    };
    fields.finish();
    Some(when)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Policy, String> {
        Policy::parse("p.yaml", text.as_bytes()).map_err(|error| error.to_string())
    }

    const FULL: &str = r#"
policy:
  phase: expanded
  scale_up_percent: 150
  max_replicas: 40
  excluded_namespaces: [istio-system, vault]
  labels:
    environment: [stage]
    environments: {QA: staging, live: production}
    criticality: acme.example/tier
  freezes:
    - {name: launch, from: "2026-12-01T00:00:00Z", until: "2026-12-02T00:00:00+01:00"}
  freeze: forbidden
  overrides:
    - id: payments
      when: {namespaces: [payments], operations: [scale_up, restart], environments: [staging]}
      tier: sync_approval
      reason: the auditors want a person to look
"#;

    #[test]
    fn everything_that_can_be_said_is_read() {
        let policy = parse(FULL).unwrap();
        assert_eq!(policy.phase, Phase::Expanded);
        assert_eq!((policy.scale_up_percent, policy.max_replicas), (150, 40));
        assert_eq!(policy.excluded_namespaces, ["istio-system", "vault"]);
        assert_eq!(policy.labels.environment, ["stage"]);
        assert_eq!(policy.labels.environments["qa"], Environment::Staging);
        assert_eq!(policy.labels.nature, Labels::default().nature);
        assert_eq!(policy.freezes.len(), 1);
        assert_eq!(policy.freeze, Tier::Forbidden);
        let [over] = &policy.overrides[..] else { panic!() };
        assert_eq!(over.when.operations, [Operation::ScaleUp, Operation::Restart]);
        assert_eq!(parse("policy: {}").unwrap(), Policy::default());
    }

    #[test]
    fn each_problem_is_told_with_its_place_and_remedy() {
        let error = parse(
            "policy:\n  phase: reckless\n  scale_up_percent: 50\n  max_replicas: many\n  excluded_namespace: [a]\n  freeze: auto\n",
        )
        .unwrap_err();
        assert_eq!(
            error.lines().collect::<Vec<_>>(),
            [
                "p.yaml:2:10: policy.phase: `reckless` is not known here; known are observe, recommend, low_risk_writes, expanded",
                "p.yaml:3:21: policy.scale_up_percent: 50 percent of the replicas at the start make no sense; write 100 to 200",
                "p.yaml:4:17: policy.max_replicas: expected a whole number, found the text `many`; write a number: 1",
                "p.yaml:5:3: policy: unknown key `excluded_namespace`; did you mean `excluded_namespaces`?",
                "p.yaml:6:11: policy.freeze: `auto` is not known here; known are sync_approval, forbidden",
            ]
        );
    }

    #[test]
    fn what_would_say_nothing_or_two_things_is_refused() {
        for (text, expected) in [
            ("", "the file has no document; write a `policy:`"),
            ("{}", "the key `policy` is missing"),
            ("policy: {}\n---\npolicy: {}", "there is a second document"),
            (
                "policy: {freezes: [{name: a, from: \"2026-12-02T00:00:00Z\", until: \"2026-12-01T00:00:00Z\"}]}",
                "the freeze is over before it begins",
            ),
            (
                "policy: {freezes: [{name: a, from: tomorrow, until: \"2026-12-01T00:00:00Z\"}]}",
                "`tomorrow` is no time with a zone",
            ),
            (
                "policy: {overrides: [{id: a, tier: auto, reason: x}]}",
                "`auto` is not known here",
            ),
            (
                "policy: {overrides: [{id: a, tier: forbidden}]}",
                "the key `reason` is missing",
            ),
            (
                "policy: {overrides: [{id: a, tier: forbidden, reason: x}, {id: a, tier: forbidden, reason: y}]}",
                "`a` is here twice",
            ),
            (
                "policy: {overrides: [{id: a, when: {operations: []}, tier: forbidden, reason: x}]}",
                "the list is empty",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
