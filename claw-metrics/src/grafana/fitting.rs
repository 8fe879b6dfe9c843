//! Which dashboards fit what is in question, by their titles and tags.

use claw_core::entity::EntityRef;
use serde::Deserialize;

use super::address::is_plain;

/// What the words of a title say that it shows, by the kind of what is in question.
const SHOWN: [(&str, &[&str]); 14] = [
    (
        "Deployment",
        &["workload", "workloads", "deployment", "deployments"],
    ),
    (
        "StatefulSet",
        &["workload", "workloads", "statefulset", "statefulsets"],
    ),
    ("DaemonSet", &["workload", "workloads", "daemonset", "daemonsets"]),
    ("ReplicaSet", &["workload", "workloads"]),
    ("Job", &["workload", "workloads", "job", "jobs"]),
    ("CronJob", &["workload", "workloads", "cronjob", "cronjobs"]),
    ("Pod", &["pod", "pods"]),
    ("Node", &["node", "nodes"]),
    ("Service", &["service", "services", "workload", "workloads"]),
    ("PersistentVolumeClaim", &["volume", "volumes"]),
    ("Ingress", &["ingress", "ingresses"]),
    ("HTTPRoute", &["gateway", "ingress"]),
    ("Gateway", &["gateway", "gateways", "ingress"]),
    ("Namespace", &["namespace", "namespaces"]),
];

/// A dashboard as a search answers it. Fields that are not needed are not read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Hit {
    pub(super) uid: String,
    pub(super) title: String,
    url: String,
    tags: Vec<String>,
    folder_title: Option<String>,
}

impl Hit {
    /// The end of its address, which tells people what it is.
    pub(super) fn slug(&self) -> Option<&str> {
        let slug = self.url.rsplit('/').next().filter(|slug| is_plain(slug))?;
        (slug != self.uid).then_some(slug)
    }
}

/// A dashboard that may show what is in question.
#[derive(Clone, Debug)]
pub(super) struct Fitting<'a> {
    pub(super) hit: &'a Hit,
    /// What it would show.
    pub(super) about: &'a EntityRef,
    /// Where it has which name of that: `None` where its title only says that it shows things of the kind.
    pub(super) names: Option<String>,
    /// Whether what it has is one word, which something else may be called as well.
    pub(super) is_vague: bool,
    score: u32,
}

/// Those that fit, the best first.
pub(super) fn fitting<'a>(hits: &'a [Hit], about: &'a [EntityRef]) -> Vec<Fitting<'a>> {
    let mut found: Vec<Fitting<'a>> = hits
        .iter()
        .filter(|hit| is_plain(&hit.uid) && !hit.title.trim().is_empty())
        .filter_map(|hit| fit(hit, about))
        .collect();
    // Of two that fit as well, the one with fewer other words in its title says more about it.
    found.sort_by_key(|one| {
        let title = one.hit.title.as_str();
        (
            std::cmp::Reverse(one.score),
            words(title).len(),
            title,
            one.hit.uid.as_str(),
        )
    });
    found
}

fn fit<'a>(hit: &'a Hit, about: &'a [EntityRef]) -> Option<Fitting<'a>> {
    let tags = hit.tags.iter().map(|tag| ("tag", tag.as_str()));
    let folder = hit.folder_title.as_deref().map(|title| ("folder", title));
    let texts: Vec<(&str, Vec<String>)> = std::iter::once(("title", hit.title.as_str()))
        .chain(tags)
        .chain(folder)
        .map(|(place, text)| (place, words(text)))
        .collect();
    // Where a name stands.
    let place = |name: &str| {
        let name = words(name);
        let has = |text: &[String]| text.windows(name.len().max(1)).any(|part| part == name);
        texts.iter().find(|(_, text)| has(text)).map(|(place, _)| *place)
    };
    let says = |name: &str| place(name).is_some();
    let names_namespace = |entity: &EntityRef| entity.namespace.as_deref().is_some_and(says);
    // Of several that it names the one of which that is surest, and of these the most important.
    let named = about.iter().enumerate().filter_map(|(order, entity)| {
        let place = place(&entity.name)?;
        let is_vague = words(&entity.name).len() == 1 && !names_namespace(entity);
        Some((is_vague, order, entity, place))
    });
    if let Some((is_vague, order, entity, place)) =
        named.min_by_key(|(is_vague, order, ..)| (*is_vague, *order))
    {
        let after = u32::try_from(order).unwrap_or(u32::MAX).min(6);
        let best = if is_vague { 10_u32 } else { 20 };
        return Some(Fitting {
            hit,
            about: entity,
            names: Some(format!("its {place} has the name {}", entity.name)),
            is_vague,
            score: best.saturating_sub(after),
        });
    }
    let first = about.first()?;
    let within = about.iter().find_map(|entity| {
        let namespace = entity.namespace.as_deref()?;
        Some((entity, namespace, place(namespace)?))
    });
    if let Some((entity, namespace, place)) = within {
        return Some(Fitting {
            hit,
            about: entity,
            names: Some(format!(
                "its {place} has the name {namespace}, as the namespace of {entity} is called"
            )),
            is_vague: false,
            score: 3,
        });
    }
    let (_, kinds) = SHOWN.iter().find(|(kind, _)| *kind == first.kind)?;
    kinds.iter().any(|kind| says(kind)).then_some(Fitting {
        hit,
        about: first,
        names: None,
        is_vague: false,
        score: if says("kubernetes") { 2 } else { 1 },
    })
}

/// The words of a name or a text, in small letters.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether a text has the name in it, not as a part of a longer word.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, after) = text.split_at(at);
            let after = after.get(name.len()..).unwrap_or_default();
            !before.ends_with(part) && !after.starts_with(part)
        })
}
