//! Which kind of object a request is about.

use std::borrow::Cow;
use std::fmt;

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
    ($( $name:ident = $scope:ident $group:literal $version:literal $plural:literal $kind:literal; )*) => {
        impl Resource {
            $(
                #[doc = concat!("`", $plural, "`, kind `", $kind, "`.")]
                pub const $name: Self = Self::$scope($group, $version, $plural, $kind);
            )*

            /// Every kind that the tools of this crate read, when it is served.
            pub const ALL: &[Self] = &[ $( Self::$name, )* ];
        }
    };
}

resources! {
    PODS = namespaced "" "v1" "pods" "Pod";
    SERVICES = namespaced "" "v1" "services" "Service";
    EVENTS = namespaced "" "v1" "events" "Event";
    NODES = cluster "" "v1" "nodes" "Node";
    NAMESPACES = cluster "" "v1" "namespaces" "Namespace";
    CONFIG_MAPS = namespaced "" "v1" "configmaps" "ConfigMap";
    SECRETS = namespaced "" "v1" "secrets" "Secret";
    SERVICE_ACCOUNTS = namespaced "" "v1" "serviceaccounts" "ServiceAccount";
    CLAIMS = namespaced "" "v1" "persistentvolumeclaims" "PersistentVolumeClaim";
    VOLUMES = cluster "" "v1" "persistentvolumes" "PersistentVolume";
    QUOTAS = namespaced "" "v1" "resourcequotas" "ResourceQuota";
    LIMIT_RANGES = namespaced "" "v1" "limitranges" "LimitRange";
    DEPLOYMENTS = namespaced "apps" "v1" "deployments" "Deployment";
    REPLICA_SETS = namespaced "apps" "v1" "replicasets" "ReplicaSet";
    STATEFUL_SETS = namespaced "apps" "v1" "statefulsets" "StatefulSet";
    DAEMON_SETS = namespaced "apps" "v1" "daemonsets" "DaemonSet";
    CONTROLLER_REVISIONS = namespaced "apps" "v1" "controllerrevisions" "ControllerRevision";
    JOBS = namespaced "batch" "v1" "jobs" "Job";
    CRON_JOBS = namespaced "batch" "v1" "cronjobs" "CronJob";
    AUTOSCALERS = namespaced "autoscaling" "v2" "horizontalpodautoscalers" "HorizontalPodAutoscaler";
    BUDGETS = namespaced "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget";
    ENDPOINT_SLICES = namespaced "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice";
    INGRESSES = namespaced "networking.k8s.io" "v1" "ingresses" "Ingress";
    INGRESS_CLASSES = cluster "networking.k8s.io" "v1" "ingressclasses" "IngressClass";
    NETWORK_POLICIES = namespaced "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy";
    STORAGE_CLASSES = cluster "storage.k8s.io" "v1" "storageclasses" "StorageClass";
    VALIDATING_WEBHOOKS = cluster "admissionregistration.k8s.io" "v1" "validatingwebhookconfigurations" "ValidatingWebhookConfiguration";
    MUTATING_WEBHOOKS = cluster "admissionregistration.k8s.io" "v1" "mutatingwebhookconfigurations" "MutatingWebhookConfiguration";
    POD_METRICS = namespaced "metrics.k8s.io" "v1beta1" "pods" "PodMetrics";
    NODE_METRICS = cluster "metrics.k8s.io" "v1beta1" "nodes" "NodeMetrics";
    GATEWAY_CLASSES = cluster "gateway.networking.k8s.io" "v1" "gatewayclasses" "GatewayClass";
    GATEWAYS = namespaced "gateway.networking.k8s.io" "v1" "gateways" "Gateway";
    HTTP_ROUTES = namespaced "gateway.networking.k8s.io" "v1" "httproutes" "HTTPRoute";
    VIRTUAL_SERVICES = namespaced "networking.istio.io" "v1" "virtualservices" "VirtualService";
    DESTINATION_RULES = namespaced "networking.istio.io" "v1" "destinationrules" "DestinationRule";
    SERVICE_ENTRIES = namespaced "networking.istio.io" "v1" "serviceentries" "ServiceEntry";
    PEER_AUTHENTICATIONS = namespaced "security.istio.io" "v1" "peerauthentications" "PeerAuthentication";
    AUTHORIZATION_POLICIES = namespaced "security.istio.io" "v1" "authorizationpolicies" "AuthorizationPolicy";
    SERVICE_PROFILES = namespaced "linkerd.io" "v1alpha2" "serviceprofiles" "ServiceProfile";
    LINKERD_SERVERS = namespaced "policy.linkerd.io" "v1beta3" "servers" "Server";
    APPLICATIONS = namespaced "argoproj.io" "v1alpha1" "applications" "Application";
    KUSTOMIZATIONS = namespaced "kustomize.toolkit.fluxcd.io" "v1" "kustomizations" "Kustomization";
    HELM_RELEASES = namespaced "helm.toolkit.fluxcd.io" "v2" "helmreleases" "HelmRelease";
}
