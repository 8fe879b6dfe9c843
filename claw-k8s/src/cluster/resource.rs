//! Which kind of object a request is about.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

/// A kind of object as the API addresses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// Version within the group.
    pub version: Cow<'static, str>,
    /// Name in URLs.
    pub plural: Cow<'static, str>,
    /// Kind as in manifests.
    pub kind: Cow<'static, str>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// A kind that lives in namespaces.
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        Self::new(group, version, plural, kind, true)
    }

    /// A kind that lives in no namespace.
    pub const fn cluster(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        Self::new(group, version, plural, kind, false)
    }

    const fn new(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
        namespaced: bool,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            plural: Cow::Borrowed(plural),
            kind: Cow::Borrowed(kind),
            namespaced,
        }
    }

    /// The same kind in another version of its group.
    #[must_use]
    pub fn at_version(mut self, version: impl Into<String>) -> Self {
        self.version = Cow::Owned(version.into());
        self
    }

    /// Reads the answer to `GET /apis/GROUP/VERSION`, an `APIResourceList`. Parts of objects, such as `pods/log`, and names
    /// that cannot be part of a request are left out.
    pub(super) fn parse_kinds(api_version: &str, json: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            resources: Option<Vec<Entry>>,
        }
        #[derive(Deserialize)]
        struct Entry {
            name: String,
            kind: String,
            #[serde(default)]
            namespaced: bool,
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let entries = serde_json::from_slice::<List>(json)?
            .resources
            .unwrap_or_default();
        Ok(entries
            .into_iter()
            .filter(|entry| super::check_name("resource", &entry.name).is_ok())
            .map(|entry| Self {
                group: Cow::Owned(group.to_owned()),
                version: Cow::Owned(version.to_owned()),
                plural: Cow::Owned(entry.name),
                kind: Cow::Owned(entry.kind),
                namespaced: entry.namespaced,
            })
            .collect())
    }

    /// Group and version as manifests write them: `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The kind that a person means: `Pod`, `pods`, `po`, `deployments.apps`. `None` if it is none of [`ALL`](Self::ALL).
    pub fn find(text: &str) -> Option<&'static Self> {
        let text = text.trim();
        let (name, group) = match text.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        Self::ALL
            .iter()
            .zip(Self::SHORT)
            .filter(|(known, _)| group.is_none_or(|group| known.group.eq_ignore_ascii_case(group)))
            .find(|(known, short)| known.names(short).any(|one| one.eq_ignore_ascii_case(name)))
            .map(|(known, _)| known)
    }

    /// The kind as manifests spell it that is written most like `text`, if one is.
    pub fn nearest(text: &str) -> Option<&'static str> {
        let text = text.trim().to_ascii_lowercase();
        Self::ALL
            .iter()
            .zip(Self::SHORT)
            .flat_map(|(known, short)| {
                known
                    .names(short)
                    .map(|name| (name.to_ascii_lowercase(), &*known.kind))
            })
            .map(|(name, kind)| (strsim::damerau_levenshtein(&name, &text), kind))
            .min()
            .filter(|(distance, _)| *distance <= 2.max(text.len() / 3))
            .map(|(_, kind)| kind)
    }

    /// Whether objects of this kind are known to live in no namespace. `kind` is as manifests spell it.
    pub fn is_cluster_scoped(kind: &str) -> bool {
        Self::ALL
            .iter()
            .any(|known| known.kind == kind && !known.namespaced)
    }

    /// Whether every cluster serves it.
    pub fn is_built_in(&self) -> bool {
        let kubernetes = self.group.ends_with(".k8s.io")
            && !self.group.starts_with("gateway.")
            && !self.group.starts_with("metrics.");
        kubernetes || !self.group.contains('.')
    }

    fn names<'a>(&'a self, short: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        [&*self.kind, &*self.plural]
            .into_iter()
            .chain(short.iter().copied())
    }

    /// Path of the collection, in one namespace or over all.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }
}

impl fmt::Display for Resource {
    /// `pods`, `deployments.apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

macro_rules! resources {
    ($( $name:ident = $scope:ident $group:literal $version:literal $plural:literal $kind:literal $($short:literal)?; )*) => {
        impl Resource {
            $(
                #[doc = concat!("`", $plural, "`, kind `", $kind, "`.")]
                pub const $name: Self = Self::$scope($group, $version, $plural, $kind);
            )*

            /// Every kind that the tools of this crate read, when it is served.
            pub const ALL: &[Self] = &[ $( Self::$name, )* ];

            /// The short name of each kind that has one, as `kubectl` knows it.
            const SHORT: &[&[&str]] = &[ $( &[ $( $short )? ], )* ];
        }
    };
}

resources! {
    PODS = namespaced "" "v1" "pods" "Pod" "po";
    SERVICES = namespaced "" "v1" "services" "Service" "svc";
    EVENTS = namespaced "" "v1" "events" "Event" "ev";
    NODES = cluster "" "v1" "nodes" "Node" "no";
    NAMESPACES = cluster "" "v1" "namespaces" "Namespace" "ns";
    CONFIG_MAPS = namespaced "" "v1" "configmaps" "ConfigMap" "cm";
    SECRETS = namespaced "" "v1" "secrets" "Secret";
    SERVICE_ACCOUNTS = namespaced "" "v1" "serviceaccounts" "ServiceAccount" "sa";
    CLAIMS = namespaced "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim" "pvc";
    VOLUMES = cluster "" "v1" "persistentvolumes" "PersistentVolume" "pv";
    QUOTAS = namespaced "" "v1" "resourcequotas" "ResourceQuota" "quota";
    LIMIT_RANGES = namespaced "" "v1" "limitranges" "LimitRange" "limits";
    DEPLOYMENTS = namespaced "apps" "v1" "deployments" "Deployment" "deploy";
    REPLICA_SETS = namespaced "apps" "v1" "replicasets" "ReplicaSet" "rs";
    STATEFUL_SETS = namespaced "apps" "v1" "statefulsets" "StatefulSet" "sts";
    DAEMON_SETS = namespaced "apps" "v1" "daemonsets" "DaemonSet" "ds";
    CONTROLLER_REVISIONS = namespaced "apps" "v1" "controllerrevisions" "ControllerRevision";
    JOBS = namespaced "batch" "v1" "jobs" "Job";
    CRON_JOBS = namespaced "batch" "v1" "cronjobs" "CronJob" "cj";
    AUTOSCALERS = namespaced "autoscaling" "v2" "horizontalpodautoscalers" "HorizontalPodAutoscaler" "hpa";
    BUDGETS = namespaced "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget" "pdb";
    ENDPOINT_SLICES = namespaced "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice";
    INGRESSES = namespaced "networking.k8s.io" "v1" "ingresses" "Ingress" "ing";
    INGRESS_CLASSES = cluster "networking.k8s.io" "v1" "ingressclasses" "IngressClass";
    NETWORK_POLICIES = namespaced "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy" "netpol";
    STORAGE_CLASSES = cluster "storage.k8s.io" "v1" "storageclasses" "StorageClass" "sc";
    VALIDATING_WEBHOOKS = cluster "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations" "ValidatingWebhookConfiguration";
    MUTATING_WEBHOOKS = cluster "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations" "MutatingWebhookConfiguration";
    POD_METRICS = namespaced "metrics.k8s.io" "v1beta1" "pods" "PodMetrics";
    NODE_METRICS = cluster "metrics.k8s.io" "v1beta1" "nodes" "NodeMetrics";
    GATEWAY_CLASSES = cluster "gateway.networking.k8s.io" "v1" "gatewayclasses" "GatewayClass" "gc";
    GATEWAYS = namespaced "gateway.networking.k8s.io" "v1" "gateways" "Gateway" "gtw";
    HTTP_ROUTES = namespaced "gateway.networking.k8s.io" "v1" "httproutes" "HTTPRoute";
    GRPC_ROUTES = namespaced "gateway.networking.k8s.io" "v1" "grpcroutes" "GRPCRoute";
    TLS_ROUTES = namespaced "gateway.networking.k8s.io" "v1" "tlsroutes" "TLSRoute";
    TCP_ROUTES = namespaced "gateway.networking.k8s.io" "v1alpha2" "tcproutes" "TCPRoute";
    VIRTUAL_SERVICES = namespaced "networking.istio.io" "v1" "virtualservices" "VirtualService" "vs";
    DESTINATION_RULES = namespaced "networking.istio.io" "v1" "destinationrules" "DestinationRule" "dr";
    SERVICE_ENTRIES = namespaced "networking.istio.io" "v1" "serviceentries" "ServiceEntry" "se";
    PEER_AUTHENTICATIONS = namespaced "security.istio.io" "v1" "peerauthentications" "PeerAuthentication" "pa";
    AUTHORIZATION_POLICIES = namespaced "security.istio.io" "v1" "authorizationpolicies" "AuthorizationPolicy" "ap";
    SERVICE_PROFILES = namespaced "linkerd.io" "v1alpha2" "serviceprofiles" "ServiceProfile" "sp";
    LINKERD_SERVERS = namespaced "policy.linkerd.io" "v1beta3" "servers" "Server";
    ISTIO_GATEWAYS = namespaced "networking.istio.io" "v1" "gateways" "Gateway" "gw";
    LINKERD_HTTP_ROUTES = namespaced "policy.linkerd.io" "v1beta3" "httproutes" "HTTPRoute";
    CERTIFICATES = namespaced "cert-manager.io" "v1" "certificates" "Certificate" "cert";
    APPLICATIONS = namespaced "argoproj.io" "v1alpha1" "applications" "Application" "app";
    KUSTOMIZATIONS = namespaced "kustomize.toolkit.fluxcd.io" "v1" "kustomizations" "Kustomization" "ks";
    HELM_RELEASES = namespaced "helm.toolkit.fluxcd.io" "v2" "helmreleases" "HelmRelease" "hr";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_kind_by_each_of_its_names() {
        // Of two kinds of one name the first is meant, unless the group is named.
        let second = ["metrics.k8s.io", "policy.linkerd.io"];
        for known in Resource::ALL
            .iter()
            .filter(|known| !second.contains(&&*known.group) && **known != Resource::ISTIO_GATEWAYS)
        {
            for text in [
                known.kind.to_string(),
                known.kind.to_lowercase(),
                known.plural.to_string(),
                known.to_string(),
            ] {
                assert_eq!(Resource::find(&text), Some(known), "{text}");
            }
        }
        for (text, kind) in [
            ("netpol", "NetworkPolicy"),
            ("quota", "ResourceQuota"),
            ("SA", "ServiceAccount"),
            (" ns ", "Namespace"),
            ("deployment.apps", "Deployment"),
            ("ev", "Event"),
        ] {
            assert_eq!(Resource::find(text).unwrap().kind, kind, "{text}");
        }
        assert_eq!(Resource::find("Gateway"), Some(&Resource::GATEWAYS));
        let istio = Resource::find("gateways.networking.istio.io");
        assert_eq!(istio, Some(&Resource::ISTIO_GATEWAYS));
        for text in ["", "deployments.batch", "kafka", "pod s"] {
            assert_eq!(Resource::find(text), None, "{text}");
        }
    }

    #[test]
    fn short_names_belong_to_one_kind() {
        let mut short: Vec<_> = Resource::SHORT.iter().copied().flatten().collect();
        short.sort();
        let all = short.len();
        short.dedup();
        assert_eq!(short.len(), all);
        assert!(all > 20);
    }

    #[test]
    fn knows_what_was_meant() {
        assert_eq!(Resource::nearest("Deploiment"), Some("Deployment"));
        assert_eq!(Resource::nearest("podss"), Some("Pod"));
        assert_eq!(Resource::nearest("something else"), None);
    }
}
