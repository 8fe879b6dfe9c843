//! What a pod template refers to, by name and by address.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::graph::Relation;
use super::names::ServiceNames;
use crate::address::{Address, addresses, addresses_of_variable};
use crate::model::{ConfigMap, Container, PodSpec, ProjectedSource, Volume};

/// An object that a pod needs or uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Reference {
    /// Kind of the object.
    pub kind: String,
    /// Its name, in the pod's namespace.
    pub name: String,
    /// Key that must be there, where one is named.
    pub key: Option<String>,
    /// Whether the pod starts without it.
    pub optional: bool,
    /// Where it is named: `env`, `envFrom`, `volume`, `imagePullSecrets`, `serviceAccount`.
    pub via: String,
}

impl Reference {
    fn new(kind: &str, name: &str, via: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            key: None,
            optional: false,
            via: via.to_owned(),
        })
    }

    fn optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    fn key(self, key: &str) -> Self {
        Self {
            key: (!key.is_empty()).then(|| key.to_owned()),
            ..self
        }
    }

    /// How a pod that has it relates to the object.
    pub fn relation(&self) -> Relation {
        if self.via == "volume" {
            Relation::Mounts
        } else {
            Relation::References
        }
    }
}

/// ConfigMaps, Secrets, claims and the ServiceAccount that a pod refers to by name.
pub fn references(spec: &PodSpec) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    for container in spec.all_containers() {
        for source in &container.env_from {
            if let Some(reference) = &source.config_map_ref {
                found.extend(
                    Reference::new("ConfigMap", &reference.name, "envFrom")
                        .map(|found| found.optional(reference.optional)),
                );
            }
            if let Some(reference) = &source.secret_ref {
                found.extend(
                    Reference::new("Secret", &reference.name, "envFrom")
                        .map(|found| found.optional(reference.optional)),
                );
            }
        }
        for source in container
            .env
            .iter()
            .filter_map(|variable| variable.value_from.as_ref())
        {
            for (kind, reference) in [
                ("ConfigMap", &source.config_map_key_ref),
                ("Secret", &source.secret_key_ref),
            ] {
                if let Some(reference) = reference {
                    found.extend(
                        Reference::new(kind, &reference.name, "env")
                            .map(|found| found.key(&reference.key).optional(reference.optional)),
                    );
                }
            }
        }
    }
    for volume in &spec.volumes {
        in_volume(volume, &mut found);
    }
    for secret in &spec.image_pull_secrets {
        // Pods start without them: they are only used if the registry asks.
        found.extend(
            Reference::new("Secret", &secret.name, "imagePullSecrets").map(|found| found.optional(true)),
        );
    }
    found.extend(Reference::new("ServiceAccount", spec.account(), "serviceAccount"));
    found
}

fn in_volume(volume: &Volume, found: &mut BTreeSet<Reference>) {
    let mut add = |kind: &str, name: &str, keys: Vec<&str>, optional: bool| {
        let Some(reference) = Reference::new(kind, name, "volume") else {
            return;
        };
        let reference = reference.optional(optional);
        if keys.is_empty() {
            found.insert(reference);
        } else {
            found.extend(keys.into_iter().map(|key| reference.clone().key(key)));
        }
    };
    let keys = |items: &'_ [crate::model::KeyToPath]| -> Vec<String> {
        items.iter().map(|item| item.key.clone()).collect()
    };
    if let Some(source) = &volume.config_map {
        let keys = keys(&source.items);
        add(
            "ConfigMap",
            &source.name,
            keys.iter().map(String::as_str).collect(),
            source.optional,
        );
    }
    if let Some(source) = &volume.secret {
        let keys = keys(&source.items);
        add(
            "Secret",
            &source.secret_name,
            keys.iter().map(String::as_str).collect(),
            source.optional,
        );
    }
    if let Some(source) = &volume.persistent_volume_claim {
        add("PersistentVolumeClaim", &source.claim_name, Vec::new(), false);
    }
    for ProjectedSource { config_map, secret } in volume.projected.iter().flat_map(|volume| &volume.sources) {
        if let Some(source) = config_map {
            let keys = keys(&source.items);
            add(
                "ConfigMap",
                &source.name,
                keys.iter().map(String::as_str).collect(),
                source.optional,
            );
        }
        if let Some(source) = secret {
            add("Secret", &source.name, Vec::new(), source.optional);
        }
    }
}

/// The addresses that a container's probes and hooks ask besides its own: those that their commands name, and hosts of their
/// requests. A pod whose readiness asks another is not ready without it.
pub fn asked_by_kubelet(container: &Container) -> BTreeSet<Address> {
    let probes = [
        &container.liveness_probe,
        &container.readiness_probe,
        &container.startup_probe,
    ];
    let probes = probes.into_iter().flatten();
    let hooks = container.lifecycle.iter().flat_map(|lifecycle| {
        let hooks = [&lifecycle.post_start, &lifecycle.pre_stop];
        hooks.into_iter().flatten()
    });
    let commands = probes
        .clone()
        .filter_map(|probe| probe.exec.as_ref())
        .chain(hooks.clone().filter_map(|hook| hook.exec.as_ref()));
    let mut found: BTreeSet<Address> = commands
        .flat_map(|exec| addresses(&exec.command.join(" ")))
        .collect();
    let requests = probes
        .clone()
        .filter_map(|probe| probe.http_get.as_ref())
        .chain(hooks.filter_map(|hook| hook.http_get.as_ref()))
        .map(|get| (get.host.as_str(), &get.port));
    let sockets = probes
        .filter_map(|probe| probe.tcp_socket.as_ref())
        .map(|socket| (socket.host.as_str(), &socket.port));
    let hosts = requests.chain(sockets).filter(|(host, _)| !host.is_empty());
    // Ports may have names.
    found.extend(hosts.filter_map(|(host, port)| {
        Address::parse(&format!("{host}:{port}")).or_else(|| Address::parse(host))
    }));
    found
}

/// What a pod calls as far as its configuration tells: the target, and where it is named (`env`, `args`, `probe`, `config`).
///
/// `configs` are the ConfigMaps of its namespace by name.
pub fn call_targets(
    namespace: &str,
    spec: &PodSpec,
    configs: &BTreeMap<&str, &ConfigMap>,
    names: &ServiceNames,
) -> BTreeSet<(EntityRef, &'static str)> {
    let mut found = BTreeSet::new();
    let mut add = |address: &Address, via: &'static str| {
        if let Some(target) = names.resolve(namespace, address) {
            found.insert((target, via));
        }
    };
    for container in spec.all_containers() {
        for variable in &container.env {
            if let Some(value) = &variable.value {
                for address in addresses_of_variable(&variable.name, value) {
                    add(&address, "env");
                }
            }
        }
        let arguments: Vec<&str> = container
            .command
            .iter()
            .chain(&container.args)
            .map(String::as_str)
            .collect();
        for address in addresses(&arguments.join(" ")) {
            add(&address, "args");
        }
        for address in asked_by_kubelet(container) {
            add(&address, "probe");
        }
    }
    for reference in references(spec) {
        let Some(config) = configs
            .get(reference.name.as_str())
            .filter(|_| reference.kind == "ConfigMap")
        else {
            continue;
        };
        let values = config
            .data
            .iter()
            .filter(|(key, _)| reference.key.as_ref().is_none_or(|wanted| wanted == *key));
        for address in values.flat_map(|(_, value)| &value.addresses) {
            if let Some(address) = Address::parse(address) {
                add(&address, "config");
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn probes_and_hooks_ask_those_that_their_commands_and_hosts_name() {
        let asked = |container: Value| -> Vec<String> {
            let container: Container = serde_json::from_value(container).unwrap();
            let found = asked_by_kubelet(&container);
            found.iter().map(ToString::to_string).collect()
        };
        let command =
            json!({"exec": {"command": ["sh", "-c", "wget -q -O- http://backend.shop:8080/ready"]}});
        assert_eq!(asked(json!({"readinessProbe": command})), ["backend.shop:8080"]);
        assert_eq!(
            asked(json!({"lifecycle": {"preStop": command}})),
            ["backend.shop:8080"]
        );
        let get =
            |host: &str, port: Value| json!({"startupProbe": {"httpGet": {"host": host, "port": port}}});
        assert_eq!(asked(get("backend.shop", json!(80))), ["backend.shop:80"]);
        assert_eq!(asked(get("backend.shop", json!("http"))), ["backend.shop"]);
        // Its own pod.
        assert!(asked(get("", json!(80))).is_empty());
        let own = json!({"exec": {"command": ["curl", "http://localhost:8080/"]}});
        assert!(asked(json!({"livenessProbe": own})).is_empty());
    }
}
