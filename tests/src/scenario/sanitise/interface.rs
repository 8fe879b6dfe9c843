//! Words of the interfaces in which recordings are written: API groups, kinds, reasons, types of conditions.
//!
//! Programs read them, and they say nothing of whose a recording is. That holds for these words only: in `apiVersion`, `kind` and
//! `reason` stand words of a cluster's owners as well, wherever they define resources and write events of their own.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Groups without a domain.
const BARE: [&str; 7] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "extensions",
    "policy",
    "servicecatalog",
];
/// Domains of Kubernetes and of software that many run: groups below them, and labels and resources with them.
const DOMAINS: &str = "
    k8s.io kubernetes.io x-k8s.io istio.io linkerd.io cert-manager.io argoproj.io fluxcd.io toolkit.fluxcd.io monitoring.coreos.com
    coreos.com keda.sh cilium.io projectcalico.org tigera.io tekton.dev knative.dev velero.io external-secrets.io strimzi.io
    openshift.io kyverno.io traefik.io traefik.containo.us containo.us crossplane.io metallb.io cattle.io longhorn.io rook.io
    ceph.rook.io karpenter.sh k8s.aws gke.io cloud.google.com nvidia.com amd.com intel.com
    cnpg.io zalan.do k8s.elastic.co projectcontour.io getambassador.io konghq.com helm.sh hashicorp.com consul.hashicorp.com
    jaegertracing.io opentelemetry.io gatekeeper.sh submariner.io kubevirt.io kubeflow.org ray.io kubernetes-csi.io
    nginx.org percona.com redpanda.com aquasecurity.github.io
";
/// What the words of kinds, reasons, types, states and keys are made of, beside those of the field.
const WORDS: &str = "
    able abort aborted absent accept action activated active added admissionregistration affinity after allocatable allocate
    allocated allocation allow ancestor anti apiextensions apiregistration applied architecture args attached attacher
    attachment audience automated automatically automount autoscaler bad ban binding block blocked boot both bound bundle
    bytes capabilities capability cidrs claim clusterrole combine common complete completed completion completions component
    composite concurrency condition conditions conflicting constraint constraints container controlled cooling coordination
    cordon cordoned crd create creating creation criteria current degraded deletion denied deny descheduled destination detach
    device different disable discovered discovery disruption disruptions dockercfg dockerconfigjson downward drain drained
    draining during effect egress eligible enable enabled endpointslice enforce enforced ensure ensured escalate escalation
    evict exceed exceeded exec executed execution expanded expanding expansion expiration expired export expressions extended
    extension fetch finalize finalizer finalizers finishing firing flowcontrol forbid force freed fsgroup fully gated gates
    generate generated generation generator grace grant guaranteed handled hard heal healthiness horizontal
    horizontalpodautoscaler hugepages imagepolicy inactive incompatible inconsistent ineligible inflight inhibited initialised
    initialising initialized initializing initiated inject injected injection install installed installing invalidated
    invocation involved iptables issue issued issuer issues issuing labeled lifecycle limited managed management mapped match
    matches maximal minimal misscheduled missing modified modifying mtls multicluster mutate mutated mutating networkpolicy
    nominate nominated non observed opaque operating ordered orderly overcommit parallel parallelism parameter parameters
    parsed parsing passthrough period permissive pid pinned poddisruptionbudget post preempted preempting preemption preferred
    preflight programmed progressing propagate propagation provision provisioned provisioning prune pruned qos quiesced rbac
    ready rebalanced rebooted rebooting reclaim reconciled reconciliation reconciling recreate recreated recycle redeploy
    referenced refreshed registered registration relabel relabeled relative remain remediate remediation renamed renew renewal
    renewed renewing reopened replace replaced replacement replacing rescale rescaled rescheduled reserve reserved resize
    resized resizing resolution restore restored resume resumed retrieve retrieved revoke revoked rewrite rolebinding rolled
    rotate rotated rotation saw scaling schedulable scheduling seccomp selected semaphore serviced setgid severed shrink
    skipped slice slices snapshotting stabilization stabilize stabilized stable starve statuses stop storagemigration
    subdomain subresource subset subsets succeed succeeded successful suffice sufficient superseded supported surge suspended
    suspending sustained sync synced synchronized syncing taint tainted taken telemetry template tenancy terminal terminates
    termination tolerate transient tunnelled type uid unallocated unavailability uncordon uncounted uninstall uninstalled
    unlabeled unmanaged unmet unmount unmounted unprogrammed unpublish unrecognized unreferenced unregister unsupported
    unsuspend updating upgraded upgrading username utilisation utilization valid validated validating validity verification
    violate violated violating violation violations virtualized warmup weights
";

static KNOWN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let domains = DOMAINS.split(|c: char| !c.is_ascii_alphanumeric());
    let all = domains.chain(WORDS.split_whitespace()).chain(BARE);
    all.filter(|word| !word.is_empty()).collect()
});

/// Whether a word in lower case is one of the interfaces.
pub(super) fn is_of_interfaces(word: &str) -> bool {
    KNOWN.contains(word)
}

/// Whether an API group, or the domain of a label or resource, is one that many have.
pub(super) fn is_known_group(group: &str) -> bool {
    let below = |domain: &str| {
        let rest = group.strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    BARE.contains(&group) || DOMAINS.split_whitespace().any(below)
}

/// The group of an `apiVersion`: empty for the core group.
pub(super) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_many_have_are_known_and_those_of_a_company_are_not() {
        for group in [
            "",
            "apps",
            "networking.k8s.io",
            "networking.istio.io",
            "argoproj.io",
            "keda.sh",
        ] {
            assert!(is_known_group(group), "{group}");
        }
        for group in ["shop.acme.io", "acme.com", "notk8s.io", "k8s.io.acme.com", "shop"] {
            assert!(!is_known_group(group), "{group}");
        }
        assert_eq!(group_of("shop.acme.io/v1"), "shop.acme.io");
        assert_eq!(group_of("v1"), "");
    }
}
