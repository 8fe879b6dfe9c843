//! The account that writes, the lease, the stop, the walls, and how backends are looked at.

use std::path::Path;

use claw_core::yaml::{Fields, Node, ProblemKind, Problems, boolean, invalid, namespace};
use claw_k8s::lease::LeaseSettings;

use super::values::{file, number, time, word_of};
use super::{Account, HealthSettings, Lease, StopPlaces, WallSettings};

pub(super) fn account(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<Account> {
    let mut fields = Fields::open(node, path, problems)?;
    let account = Account {
        kubeconfig: fields.optional("kubeconfig", file(base)),
        context: fields.optional("context", word_of),
        token_file: fields.optional("token_file", file(base)),
    };
    let (alone, empty) = (
        fields.has("context") && !fields.has("kubeconfig"),
        fields.is_empty(),
    );
    fields.finish();
    if alone {
        problems.add(
            ProblemKind::MissingKey,
            node.place,
            path,
            "there is a `context`, and no `kubeconfig` that would have it",
            "add `kubeconfig:` with the file",
        );
    }
    if empty {
        invalid(
            node,
            path,
            "it says nothing of the account",
            "add `token_file:` or `kubeconfig:`, or leave the key out",
            problems,
        );
    }
    Some(account)
}

pub(super) fn walls(node: &Node, path: &str, problems: &mut Problems) -> Option<WallSettings> {
    let usual = WallSettings::default();
    let mut fields = Fields::open(node, path, problems)?;
    let walls = WallSettings {
        required: fields.optional("required", boolean).unwrap_or(usual.required),
        every: fields.optional("every", time).unwrap_or(usual.every),
    };
    fields.finish();
    Some(walls)
}

pub(super) fn lease(node: &Node, path: &str, problems: &mut Problems) -> Option<Lease> {
    let usual = LeaseSettings::new("", "", "");
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "a `name:` for the Lease", object_name);
    let lease = Lease {
        name: name.clone().unwrap_or_default(),
        namespace: fields.optional("namespace", namespace).map(|name| name.value),
        identity: fields.optional("identity", word_of),
        duration: fields.optional("duration", time).unwrap_or(usual.duration),
        every: fields.optional("every", time).unwrap_or(usual.every),
        margin: fields.optional("margin", time).unwrap_or(usual.margin),
    };
    fields.finish();
    name?;
    let mut settings = LeaseSettings::new("a", lease.name.clone(), lease.identity.as_deref().unwrap_or("a"));
    settings.duration = lease.duration;
    settings.every = lease.every;
    settings.margin = lease.margin;
    if let Err(error) = settings.check() {
        let said = error.to_string();
        let (message, remedy) = said.split_once("; ").unwrap_or((&said, "see docs/guardrails.md"));
        invalid(node, path, message, remedy, problems);
    }
    Some(lease)
}

pub(super) fn stop(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<StopPlaces> {
    let mut fields = Fields::open(node, path, problems)?;
    let stop = StopPlaces {
        file: fields.optional("file", file(base)),
        config_map: fields.optional("config_map", object_name),
    };
    fields.finish();
    Some(stop)
}

pub(super) fn health(node: &Node, path: &str, problems: &mut Problems) -> Option<HealthSettings> {
    let usual = HealthSettings::default();
    let mut fields = Fields::open(node, path, problems)?;
    let health = HealthSettings {
        every: fields.optional("every", time).unwrap_or(usual.every),
        failures: fields
            .optional("failures", number(1, 100))
            .unwrap_or(usual.failures),
    };
    fields.finish();
    Some(health)
}

/// A name as objects have them: a DNS subdomain.
fn object_name(node: &Node, path: &str, problems: &mut Problems) -> Option<String> {
    let name = word_of(node, path, problems)?;
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let good = name.len() <= 253 && name.split('.').all(label);
    if !good {
        let message = format!("{} is no name of an object", claw_core::yaml::quoted(&name));
        invalid(
            node,
            path,
            message,
            "write lower-case letters, digits, hyphens and dots",
            problems,
        );
    }
    good.then_some(name)
}
