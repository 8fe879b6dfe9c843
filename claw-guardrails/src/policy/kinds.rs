//! Kinds by their names: those that are known, and other spellings of them.

/// Kinds of Kubernetes, and of what is often installed beside it.
const KNOWN: &[&str] = &[
    "APIService",
    "Alertmanager",
    "Application",
    "ApplicationSet",
    "AppProject",
    "AuthorizationPolicy",
    "Binding",
    "Certificate",
    "CertificateSigningRequest",
    "CiliumClusterwideNetworkPolicy",
    "CiliumNetworkPolicy",
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CSIDriver",
    "CSINode",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "DestinationRule",
    "EndpointSlice",
    "Endpoints",
    "Event",
    "Eviction",
    "ExternalSecret",
    "FlowSchema",
    "GRPCRoute",
    "Gateway",
    "GatewayClass",
    "GlobalNetworkPolicy",
    "HTTPRoute",
    "HelmRelease",
    "HorizontalPodAutoscaler",
    "IPAddress",
    "Ingress",
    "IngressClass",
    "Issuer",
    "Job",
    "Kustomization",
    "Lease",
    "LimitRange",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "NodePool",
    "PeerAuthentication",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "PodTemplate",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "Prometheus",
    "PrometheusRule",
    "ReferenceGrant",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Rollout",
    "RuntimeClass",
    "ScaledJob",
    "ScaledObject",
    "Secret",
    "Service",
    "ServiceAccount",
    "ServiceEntry",
    "ServiceMonitor",
    "Sidecar",
    "StatefulSet",
    "StorageClass",
    "TLSRoute",
    "TokenRequest",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VerticalPodAutoscaler",
    "VirtualService",
    "VolumeAttachment",
    "VolumeSnapshot",
];

/// What `kubectl` takes for a kind.
const SHORT: &[(&str, &str)] = &[
    ("cj", "CronJob"),
    ("cm", "ConfigMap"),
    ("crd", "CustomResourceDefinition"),
    ("crds", "CustomResourceDefinition"),
    ("csr", "CertificateSigningRequest"),
    ("deploy", "Deployment"),
    ("ds", "DaemonSet"),
    ("ep", "Endpoints"),
    ("ev", "Event"),
    ("hpa", "HorizontalPodAutoscaler"),
    ("ing", "Ingress"),
    ("limits", "LimitRange"),
    ("netpol", "NetworkPolicy"),
    ("no", "Node"),
    ("ns", "Namespace"),
    ("pc", "PriorityClass"),
    ("pdb", "PodDisruptionBudget"),
    ("po", "Pod"),
    ("pv", "PersistentVolume"),
    ("pvc", "PersistentVolumeClaim"),
    ("quota", "ResourceQuota"),
    ("rc", "ReplicationController"),
    ("rs", "ReplicaSet"),
    ("sa", "ServiceAccount"),
    ("sc", "StorageClass"),
    ("sts", "StatefulSet"),
    ("svc", "Service"),
    ("vpa", "VerticalPodAutoscaler"),
];

/// Whether this is how a known kind is spelled in manifests.
pub(super) fn is_known(kind: &str) -> bool {
    KNOWN.contains(&kind)
}

/// The kind that this is another spelling of: in other letters, in the plural, or by a short name.
pub(super) fn meant(kind: &str) -> Option<&'static str> {
    if is_known(kind) {
        return None;
    }
    let written = kind.to_lowercase();
    let short = SHORT.iter().find(|(short, _)| *short == written);
    short.map(|(_, kind)| *kind).or_else(|| {
        let is_meant = |known: &&&str| {
            let known = known.to_lowercase();
            let plurals = [
                Some(known.clone()),
                Some(format!("{known}s")),
                Some(format!("{known}es")),
                known.strip_suffix('y').map(|stem| format!("{stem}ies")),
            ];
            plurals.contains(&Some(written.clone()))
        };
        KNOWN.iter().find(is_meant).copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_told_from_other_kinds() {
        for (spelled, kind) in [
            ("Deployments", "Deployment"),
            ("deployment", "Deployment"),
            ("HPA", "HorizontalPodAutoscaler"),
            ("ingresses", "Ingress"),
            ("NetworkPolicies", "NetworkPolicy"),
            ("STATEFULSET", "StatefulSet"),
            ("crds", "CustomResourceDefinition"),
        ] {
            assert_eq!(meant(spelled), Some(kind), "{spelled}");
        }
        for kind in KNOWN
            .iter()
            .copied()
            .chain(["Widget", "", "KafkaTopic", "Endpoint"])
        {
            assert_eq!(meant(kind), None, "{kind}");
        }
    }

    #[test]
    fn short_names_are_those_of_kinds_that_are_known() {
        for (short, kind) in SHORT {
            assert!(is_known(kind), "{short} {kind}");
        }
    }
}
