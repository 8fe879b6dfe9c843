//! What a request does, as far as the API server can tell it.

use super::cel;
use crate::policy::{Operation, Request};

/// Pods of workloads carry this annotation when `kubectl rollout restart` has touched them.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Whether a wall can tell an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// By this condition.
    Tells(String),
    /// It never comes to the API server as a write, or no write is taken for it, or nobody may do it at all.
    Nothing,
    /// It is told only by comparing every field, which an admission policy does not do.
    Blind,
}

/// How a wall tells `operation`.
pub(super) fn sight(operation: Operation) -> Sight {
    let group = |groups: &[&str]| format!("request.kind.group in {}", cel::texts(groups));
    let condition = match operation {
        Operation::ScaleUp => "variables.scale_up".to_owned(),
        Operation::ScaleDown => "variables.scale_down".to_owned(),
        Operation::AdjustHpa => "variables.adjusted".to_owned(),
        Operation::Restart => {
            let at = |side: &str| {
                let place = format!("variables.{side}_spec.template.metadata.annotations");
                let name = cel::text(RESTARTED_AT);
                format!(
                    "(has(variables.{side}_spec.template) && has(variables.{side}_spec.template.metadata) && \
                     has({place}) && {name} in {place} ? {place}[{name}] : dyn(''))"
                )
            };
            format!(
                "request.operation == 'UPDATE' && variables.part == '' && request.resource.group == 'apps' && {} != {}",
                at("old"),
                at("new")
            )
        }
        Operation::Cordon => {
            let of = |side: &str| {
                let place = format!("variables.{side}_spec.unschedulable");
                format!("(has({place}) ? {place} : dyn(false))")
            };
            format!("{} && {} != {}", of_nodes(), of("old"), of("new"))
        }
        Operation::Drain => {
            let of = |side: &str| {
                let place = format!("variables.{side}_spec.taints");
                format!("(has({place}) ? {place} : dyn([]))")
            };
            format!(
                "request.resource.group == '' && request.resource.resource == 'pods' && variables.part == 'eviction' || \
                 {} && {} != {}",
                of_nodes(),
                of("old"),
                of("new")
            )
        }
        Operation::Create => "request.operation == 'CREATE' && variables.part == ''".to_owned(),
        Operation::Delete => "request.operation == 'DELETE' || variables.freed".to_owned(),
        Operation::ChangeNetworkPolicy => format!(
            "{} && request.kind.kind.endsWith('NetworkPolicy')",
            group(&[
                "networking.k8s.io",
                "policy.networking.k8s.io",
                "cilium.io",
                "crd.projectcalico.org"
            ])
        ),
        Operation::ChangeRbac => format!(
            "{} || request.resource.group == '' && request.resource.resource == 'serviceaccounts' && \
             variables.part == ''",
            group(&["rbac.authorization.k8s.io"])
        ),
        Operation::ChangeResources | Operation::ChangePrivileges | Operation::Configure => {
            return Sight::Blind;
        }
        Operation::Read
        | Operation::Remember
        | Operation::Notify
        | Operation::OpenPullRequest
        | Operation::TriggerPipeline
        | Operation::Rollback
        | Operation::DeleteNamespace
        | Operation::DeleteCollection
        | Operation::TouchSecret
        | Operation::Escalate
        | Operation::Exec
        | Operation::ChangeAdmission
        | Operation::ChangeKinds
        | Operation::ChangePolicy
        | Operation::WriteStatus
        | Operation::Unknown => return Sight::Nothing,
    };
    Sight::Tells(condition)
}

/// Kinds by which rights are passed on. The same said in an object of another kind gives none.
const RIGHTS: [&str; 6] = [
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "TokenRequest",
];

/// Whether a wall tells what the tier of an operation follows from by the kind of its target: of some operations, only for the
/// kinds that they are mostly about.
pub(super) fn is_told_by_kind(request: &Request) -> bool {
    let kind = request.kind.as_str();
    match request.operation {
        Operation::TouchSecret => kind == "Secret",
        Operation::Escalate => RIGHTS.contains(&kind),
        // The API server asks no admission policy about admission policies.
        Operation::ChangeAdmission => !kind.contains("AdmissionPolicy"),
        _ => true,
    }
}

fn of_nodes() -> &'static str {
    "request.operation == 'UPDATE' && variables.part == '' && request.resource.group == '' && \
     request.resource.resource == 'nodes'"
}
