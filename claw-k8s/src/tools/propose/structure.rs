//! How the kinds of Kubernetes are built, where JSON does not tell: which lists have elements that are told apart, what is one
//! thing of several, and to which objects anybody adds members.
//!
//! The types of Kubernetes declare it to the API server (`x-kubernetes-list-map-keys`, patch merge keys, unions). Kinds that
//! others have defined declare it in their own ways; nothing is taken for known of them but their metadata.

use crate::cluster::Resource;

/// How the elements of a list are told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum List {
    /// They are not: the list is one value.
    Whole,
    /// By themselves: each is there or not.
    Set,
    /// By what any of these says; the first that finds one counts.
    Keyed(&'static [Key]),
}

/// Members that tell an element apart.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    /// The members, each with what it is where it is not written.
    pub(super) members: &'static [(&'static str, Option<&'static str>)],
    /// Whether no two elements may have the same.
    pub(super) is_unique: bool,
}

/// Of members that stand for one choice among several.
#[derive(Debug)]
pub(super) enum Choice {
    /// One of these is there.
    One(&'static [&'static str]),
    /// One of all is there, besides these.
    OneBesides(&'static [&'static str]),
    /// Each of the last is there only where the first has that value.
    By(&'static str, &'static [(&'static str, &'static [&'static str])]),
}

const fn key(members: &'static [(&'static str, Option<&'static str>)]) -> Key {
    Key {
        members,
        is_unique: true,
    }
}

const NAME: &[Key] = &[key(&[("name", None)])];
const UID: &[Key] = &[key(&[("uid", None)])];
const IP: &[Key] = &[key(&[("ip", None)])];
const MOUNT_PATH: &[Key] = &[key(&[("mountPath", None)])];
const DEVICE_PATH: &[Key] = &[key(&[("devicePath", None)])];
const CONTAINER_PORT: &[Key] = &[
    key(&[("name", None)]),
    key(&[("containerPort", None), ("protocol", Some("TCP"))]),
];
const SERVICE_PORT: &[Key] = &[
    key(&[("name", None)]),
    key(&[("port", None), ("protocol", Some("TCP"))]),
];
const SPREAD: &[Key] = &[
    key(&[("topologyKey", None), ("whenUnsatisfiable", None)]),
    Key {
        members: &[("topologyKey", None)],
        is_unique: false,
    },
];

const HANDLER: &[Choice] = &[Choice::One(&["exec", "httpGet", "tcpSocket", "grpc", "sleep"])];
const VARIABLE: &[Choice] = &[Choice::One(&["value", "valueFrom"])];
const VARIABLE_SOURCE: &[Choice] = &[Choice::One(&[
    "fieldRef",
    "resourceFieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "fileKeyRef",
])];
const VOLUME: &[Choice] = &[Choice::OneBesides(&["name"])];
const ROLLING: &[Choice] = &[Choice::By("type", &[("RollingUpdate", &["rollingUpdate"])])];
const PROFILE: &[Choice] = &[Choice::By("type", &[("Localhost", &["localhostProfile"])])];
const DISRUPTION: &[Choice] = &[Choice::One(&["minAvailable", "maxUnavailable"])];
const BACKEND: &[Choice] = &[Choice::One(&["service", "resource"])];
const BACKEND_PORT: &[Choice] = &[Choice::One(&["name", "number"])];
const WEBHOOK: &[Choice] = &[Choice::One(&["url", "service"])];
const CONVERSION: &[Choice] = &[Choice::By("strategy", &[("Webhook", &["webhook"])])];

/// Members that hold what people name as they like.
const MAPS: [&str; 11] = [
    "nodeSelector",
    "matchLabels",
    "limits",
    "requests",
    "hard",
    "capacity",
    "overhead",
    "parameters",
    "data",
    "binaryData",
    "stringData",
];

/// A kind, of which it is known how it is built or not. Paths in it are those of members; elements of lists have that of their
/// list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    kind: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(super) fn of(resource: &'a Resource) -> Self {
        Self {
            kind: resource.is_built_in().then_some(&*resource.kind),
        }
    }

    /// How the elements of the list at `path` are told apart.
    pub(super) fn list(self, path: &[&str]) -> List {
        if let [.., "metadata", field] = path {
            // The API server merges those of all kinds alike.
            return match *field {
                "finalizers" => List::Set,
                "ownerReferences" => List::Keyed(UID),
                _ => List::Whole,
            };
        }
        let Some(kind) = self.kind else {
            return List::Whole;
        };
        let keys = match (kind, path) {
            (_, [.., "containers" | "initContainers" | "ephemeralContainers", field]) => match *field {
                "env" => NAME,
                "ports" => CONTAINER_PORT,
                "volumeMounts" => MOUNT_PATH,
                "volumeDevices" => DEVICE_PATH,
                _ => return List::Whole,
            },
            (_, [.., "resources", "claims"]) => NAME,
            ("Service", ["spec", "ports"]) => SERVICE_PORT,
            ("ServiceAccount", ["secrets"]) => NAME,
            (_, [.., "spec", "hostAliases"]) => IP,
            (_, [.., "spec", "topologySpreadConstraints"]) => SPREAD,
            (
                _,
                [
                    ..,
                    "spec",
                    "containers"
                    | "initContainers"
                    | "ephemeralContainers"
                    | "volumes"
                    | "imagePullSecrets"
                    | "resourceClaims"
                    | "schedulingGates",
                ],
            ) => NAME,
            ("ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration", ["webhooks"]) => NAME,
            (
                "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
                | "ValidatingAdmissionPolicy"
                | "MutatingAdmissionPolicy",
                ["webhooks" | "spec", "matchConditions"],
            )
            | ("ValidatingAdmissionPolicy", ["spec", "variables"]) => NAME,
            _ => return List::Whole,
        };
        List::Keyed(keys)
    }

    /// What is one thing of several in the object at `path`.
    pub(super) fn choices(self, path: &[&str]) -> &'static [Choice] {
        let Some(kind) = self.kind else {
            return &[];
        };
        match (kind, path) {
            (_, [.., "livenessProbe" | "readinessProbe" | "startupProbe"])
            | (_, [.., "lifecycle", "postStart" | "preStop"]) => HANDLER,
            (_, [.., "containers" | "initContainers" | "ephemeralContainers", "env"]) => VARIABLE,
            (_, [.., "env", "valueFrom"]) => VARIABLE_SOURCE,
            (_, [.., "spec", "volumes"]) => VOLUME,
            // A DaemonSet may keep the bounds of rolling updates that it does not make.
            ("Deployment", ["spec", "strategy"]) | ("StatefulSet", ["spec", "updateStrategy"]) => ROLLING,
            (_, [.., "seccompProfile" | "appArmorProfile"]) => PROFILE,
            ("PodDisruptionBudget", ["spec"]) => DISRUPTION,
            ("Ingress", ["spec", "defaultBackend"]) => BACKEND,
            ("Ingress", [.., "service", "port"]) => BACKEND_PORT,
            (_, ["webhooks", "clientConfig"] | [.., "conversion", "webhook", "clientConfig"]) => WEBHOOK,
            ("CustomResourceDefinition", ["spec", "conversion"]) => CONVERSION,
            _ => &[],
        }
    }

    /// Whether the object at `path` holds what people name as they like: labels, the files of a ConfigMap. An empty one is as
    /// good as none.
    pub(super) fn is_map(self, path: &[&str]) -> bool {
        match (self.kind, path) {
            (_, [.., "metadata", "labels" | "annotations"])
            | (Some("Service" | "ReplicationController"), ["spec", "selector"]) => true,
            (Some(_), [.., field]) => MAPS.contains(field),
            _ => false,
        }
    }

    /// Whether anybody may add members to the object at `path`, so that only those are taken away from it that are named. Other
    /// objects of known kinds are one thing, to which the API server adds defaults.
    pub(super) fn is_shared(self, path: &[&str]) -> bool {
        self.kind.is_none() || self.is_map(path)
    }
}
