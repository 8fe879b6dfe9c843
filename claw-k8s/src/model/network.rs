//! Ways in, and what is let through.

use super::container::IntOrString;
use super::meta::{LocalReference, Meta, ObjectReference};
use super::selector::LabelSelector;
use super::slim::{objects, slim};

slim! {
    /// An Ingress.
    pub struct Ingress {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: IngressSpec,
        /// What is.
        pub status: IngressStatus,
    }

    /// What an Ingress shall be.
    pub struct IngressSpec {
        /// Class; the default class where absent.
        pub ingress_class_name: Option<String>,
        /// Where requests go that fit no rule.
        pub default_backend: Option<IngressBackend>,
        /// Certificates.
        pub tls: Vec<IngressTls>,
        /// Rules.
        pub rules: Vec<IngressRule>,
    }

    /// A certificate.
    pub struct IngressTls {
        /// Hosts.
        pub hosts: Vec<String>,
        /// Secret that holds it.
        pub secret_name: String,
    }

    /// Requests to one host.
    pub struct IngressRule {
        /// Host; any where empty.
        pub host: String,
        /// Paths.
        pub http: Option<IngressPaths>,
    }

    /// Paths of a host.
    pub struct IngressPaths {
        /// Paths.
        pub paths: Vec<IngressPath>,
    }

    /// Where requests to a path go.
    pub struct IngressPath {
        /// Path.
        pub path: String,
        /// `Prefix`, `Exact` or `ImplementationSpecific`.
        pub path_type: String,
        /// Where they go.
        pub backend: IngressBackend,
    }

    /// Where requests go.
    pub struct IngressBackend {
        /// A Service.
        pub service: Option<IngressService>,
        /// Something else.
        pub resource: Option<ObjectReference>,
    }

    /// A Service behind an Ingress.
    pub struct IngressService {
        /// Its name.
        pub name: String,
        /// Its port.
        pub port: IngressServicePort,
    }

    /// A port by name or number.
    pub struct IngressServicePort {
        /// Name.
        pub name: String,
        /// Number.
        pub number: Option<i32>,
    }

    /// What an Ingress is.
    pub struct IngressStatus {
        /// Addresses that it can be reached at.
        pub load_balancer: LoadBalancer,
    }

    /// Addresses of a load balancer.
    pub struct LoadBalancer {
        /// Addresses.
        pub ingress: Vec<LoadBalancerAddress>,
    }

    /// One address of a load balancer.
    pub struct LoadBalancerAddress {
        /// By number.
        pub ip: String,
        /// By name.
        pub hostname: String,
    }

    /// A class of Ingresses.
    pub struct IngressClass {
        /// Metadata.
        pub metadata: Meta,
        /// What is wanted.
        pub spec: IngressClassSpec,
    }

    /// What a class of Ingresses is served by.
    pub struct IngressClassSpec {
        /// Controller.
        pub controller: String,
    }

    /// A NetworkPolicy.
    pub struct NetworkPolicy {
        /// Metadata.
        pub metadata: Meta,
        /// What is let through.
        pub spec: NetworkPolicySpec,
    }

    /// What is let through.
    pub struct NetworkPolicySpec {
        /// Pods that it is about; all of the namespace where empty.
        pub pod_selector: LabelSelector,
        /// `Ingress`, `Egress`; where empty, `Ingress`, and `Egress` if there are egress rules.
        pub policy_types: Vec<String>,
        /// Traffic let in.
        pub ingress: Vec<IngressPolicyRule>,
        /// Traffic let out.
        pub egress: Vec<EgressPolicyRule>,
    }

    /// Traffic let in.
    pub struct IngressPolicyRule {
        /// To which ports; any where empty.
        pub ports: Vec<PolicyPort>,
        /// From whom; anybody where empty.
        pub from: Vec<Peer>,
    }

    /// Traffic let out.
    pub struct EgressPolicyRule {
        /// To which ports; any where empty.
        pub ports: Vec<PolicyPort>,
        /// To whom; anybody where empty.
        pub to: Vec<Peer>,
    }

    /// Ports that are let through.
    pub struct PolicyPort {
        /// `TCP` where empty.
        pub protocol: String,
        /// Port of the pod by number or name; any where absent.
        pub port: Option<IntOrString>,
        /// Last number of a range that begins at `port`.
        pub end_port: Option<i32>,
    }

    /// Somebody who may talk.
    pub struct Peer {
        /// Pods; of the policy's namespace, or of the selected namespaces.
        pub pod_selector: Option<LabelSelector>,
        /// Namespaces.
        pub namespace_selector: Option<LabelSelector>,
        /// Addresses.
        pub ip_block: Option<IpBlock>,
    }

    /// A range of addresses.
    pub struct IpBlock {
        /// The range.
        pub cidr: String,
        /// Ranges within it that are left out.
        pub except: Vec<String>,
    }

    /// A namespace.
    pub struct Namespace {
        /// Metadata.
        pub metadata: Meta,
        /// What it is.
        pub status: NamespaceStatus,
    }

    /// What a namespace is.
    pub struct NamespaceStatus {
        /// `Active` or `Terminating`.
        pub phase: String,
        /// Conditions, while it terminates.
        pub conditions: Vec<super::meta::Condition>,
    }

    /// A ServiceAccount.
    pub struct ServiceAccount {
        /// Metadata.
        pub metadata: Meta,
        /// Secrets with which its pods pull images.
        pub image_pull_secrets: Vec<LocalReference>,
        /// Whether its token is mounted.
        pub automount_service_account_token: Option<bool>,
    }
}

objects! {
    Ingress => "Ingress",
    IngressClass => "IngressClass",
    NetworkPolicy => "NetworkPolicy",
    Namespace => "Namespace",
    ServiceAccount => "ServiceAccount",
}

impl Ingress {
    /// Services that it sends requests to, with the port as written, default backend first.
    pub fn backends(&self) -> impl Iterator<Item = &IngressService> {
        self.spec
            .default_backend
            .iter()
            .chain(
                self.spec
                    .rules
                    .iter()
                    .filter_map(|rule| rule.http.as_ref())
                    .flat_map(|http| http.paths.iter().map(|path| &path.backend)),
            )
            .filter_map(|backend| backend.service.as_ref())
    }

    /// Its class, from the field or from the older annotation.
    pub fn class(&self) -> Option<&str> {
        self.spec.ingress_class_name.as_deref().or_else(|| {
            self.metadata
                .annotations
                .get("kubernetes.io/ingress.class")
                .map(String::as_str)
        })
    }
}

impl IngressClass {
    /// Whether Ingresses without a class get this one.
    pub fn is_default(&self) -> bool {
        self.metadata
            .annotations
            .get("ingressclass.kubernetes.io/is-default-class")
            .is_some_and(|value| value == "true")
    }
}

impl NetworkPolicySpec {
    /// Whether it restricts traffic to its pods.
    pub fn restricts_ingress(&self) -> bool {
        self.policy_types.is_empty() || self.policy_types.iter().any(|kind| kind == "Ingress")
    }

    /// Whether it restricts traffic from its pods.
    pub fn restricts_egress(&self) -> bool {
        if self.policy_types.is_empty() {
            !self.egress.is_empty()
        } else {
            self.policy_types.iter().any(|kind| kind == "Egress")
        }
    }
}
