//! `labels:`, where people write down what their workloads are.

use std::collections::BTreeMap;

use claw_core::yaml::{Fields, Located, Node, Problems, invalid, join, mapping, text, texts, unique};

use super::{one_of, values};
use crate::policy::axis::{Criticality, Environment};
use crate::policy::labels::Labels;

pub(super) fn labels(node: &Node, path: &str, problems: &mut Problems) -> Option<Labels> {
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
        least_criticality: fields
            .optional("least_criticality", |node, path, problems| {
                one_of(node, path, problems, Criticality::ALL, Criticality::name)
            })
            .unwrap_or(usual.least_criticality),
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
    let read = entries
        .iter()
        .map(|(name, node)| meaning(name, node, path, problems));
    // All of them, so that each problem is told.
    read.collect::<Vec<_>>().into_iter().collect()
}

/// What one value means. The usual names mean no less than they say: whoever reads `prod` expects production.
fn meaning(name: &str, node: &Node, path: &str, problems: &mut Problems) -> Option<(String, Environment)> {
    let path = join(path, name);
    let environment = one_of(node, &path, problems, Environment::ALL, Environment::name)?;
    if let Some(usual) = Labels::usual(&name.to_lowercase()).filter(|usual| *usual > environment) {
        let message = format!("`{name}` cannot mean less than {usual}");
        let remedy = format!("write `{name}: {usual}`, or leave it out");
        invalid(node, &path, message, remedy, problems);
        return None;
    }
    Some((name.to_lowercase(), environment))
}
