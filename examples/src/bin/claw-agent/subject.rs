//! `deployment/cart`: entities as people write them.

use claw_core::entity::EntityRef;

use crate::failure::Failure;

/// Kinds with the names that kubectl takes for them, and whether they live in namespaces.
const KINDS: &[(&str, bool, &[&str])] = &[
    ("Pod", true, &["pod", "pods", "po"]),
    ("Deployment", true, &["deployment", "deployments", "deploy"]),
    ("StatefulSet", true, &["statefulset", "statefulsets", "sts"]),
    ("DaemonSet", true, &["daemonset", "daemonsets", "ds"]),
    ("ReplicaSet", true, &["replicaset", "replicasets", "rs"]),
    ("Job", true, &["job", "jobs"]),
    ("CronJob", true, &["cronjob", "cronjobs", "cj"]),
    ("Service", true, &["service", "services", "svc"]),
    ("Ingress", true, &["ingress", "ingresses", "ing"]),
    (
        "PersistentVolumeClaim",
        true,
        &["persistentvolumeclaim", "persistentvolumeclaims", "pvc"],
    ),
    (
        "HorizontalPodAutoscaler",
        true,
        &["horizontalpodautoscaler", "horizontalpodautoscalers", "hpa"],
    ),
    ("ConfigMap", true, &["configmap", "configmaps", "cm"]),
    ("Node", false, &["node", "nodes", "no"]),
    (
        "PersistentVolume",
        false,
        &["persistentvolume", "persistentvolumes", "pv"],
    ),
];

/// The entity that `text` names, in `namespace` where its kind has one.
pub(crate) fn parse(text: &str, namespace: &str) -> Result<EntityRef, Failure> {
    let Some((kind, name)) = text.split_once('/') else {
        return Err(Failure::arguments(
            format!("`{text}` names no kind"),
            format!("write KIND/NAME, for example deployment/{text}"),
        ));
    };
    // `deployments.apps/cart`, as kubectl prints it.
    let plain = kind.split('.').next().unwrap_or(kind).to_lowercase();
    let Some((kind, namespaced, _)) = KINDS.iter().find(|(_, _, names)| names.contains(&plain.as_str()))
    else {
        let known: Vec<&str> = KINDS
            .iter()
            .filter_map(|(_, _, names)| names.first().copied())
            .collect();
        return Err(Failure::arguments(
            format!("`{kind}` is no kind that an investigation can begin with"),
            format!("use one of {}", known.join(", ")),
        ));
    };
    if !is_name(name) {
        return Err(Failure::arguments(
            format!("`{name}` cannot be the name of a {kind}"),
            "names have lower-case letters, digits, hyphens and dots",
        ));
    }
    Ok(if *namespaced {
        EntityRef::namespaced(*kind, namespace, name)
    } else {
        EntityRef::cluster(*kind, name)
    })
}

/// Refuses what cannot be the name of a namespace.
pub(crate) fn namespace(text: &str) -> Result<&str, Failure> {
    if is_name(text) && !text.contains('.') {
        return Ok(text);
    }
    Err(Failure::arguments(
        format!("`{text}` cannot be the name of a namespace"),
        "names have lower-case letters, digits and hyphens",
    ))
}

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253 && text.starts_with(outer) && text.ends_with(outer) && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_plurals_and_groups_are_understood() {
        for text in [
            "deploy/cart",
            "deployment/cart",
            "deployments.apps/cart",
            "Deployment/cart",
        ] {
            let entity = parse(text, "shop").unwrap();
            assert_eq!(
                entity,
                EntityRef::namespaced("Deployment", "shop", "cart"),
                "{text}"
            );
        }
        assert_eq!(parse("no/n1", "shop").unwrap(), EntityRef::cluster("Node", "n1"));
        assert_eq!(
            parse("cj/nightly", "shop").unwrap(),
            EntityRef::namespaced("CronJob", "shop", "nightly")
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        let said = |text: &str| parse(text, "shop").unwrap_err().to_string();
        assert!(said("cart").contains("deployment/cart"));
        assert!(said("widget/cart").contains("use one of pod, deployment"));
        assert!(said("pod/Cart_1").contains("cannot be the name of a Pod"));
        assert!(said("pod/").contains("cannot be the name"));
        assert!(namespace("a.b").is_err() && namespace("../x").is_err() && namespace("shop-1").is_ok());
    }
}
