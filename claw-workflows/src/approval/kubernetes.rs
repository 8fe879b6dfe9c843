//! Approvals as objects of the cluster.

use async_trait::async_trait;
use claw_core::action::Verb;
use claw_core::tool::{ToolContext, ToolErrorKind};
use claw_guardrails::approval::{Carrier, Inbox, Post, PostError, Shown, State, Verdict, Vote};
use claw_k8s::approval::{
    self as objects, ApprovalMark, ApprovalSpec, Approvals, ApprovalsError, AskedGroup, NamedPullRequest,
    Target,
};

use claw_k8s::cluster::ClusterError;

use super::failure::of_inbox;

const CARRIER: Carrier = Carrier::Kubernetes;

/// Asks by an `Approval` object, and reads what people have written into it.
///
/// Votes count while the admission policy that ties each decision to its author stands, as it stood when the object was made.
#[derive(Clone, Debug)]
pub struct KubernetesApprovals {
    approvals: Approvals,
    kept: Inbox,
}

impl KubernetesApprovals {
    /// Asks through `approvals`. What tells its objects from others of their names is kept in `documents`.
    pub fn new(approvals: Approvals, documents: std::sync::Arc<dyn claw_core::store::Documents>) -> Self {
        Self {
            approvals,
            kept: Inbox::new(documents, CARRIER),
        }
    }
}

#[async_trait]
impl Post for KubernetesApprovals {
    fn carrier(&self) -> Carrier {
        CARRIER
    }

    async fn show(&self, cx: &ToolContext, shown: &Shown, state: &State) -> Result<(), PostError> {
        let entry = self.kept.show(shown, state).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        if entry.place.is_none() {
            let mark = self
                .approvals
                .ask(cx, &shown.id, &spec(shown))
                .await
                .map_err(failed)?;
            let mark = serde_json::to_string(&mark).unwrap_or_default();
            let placed = self.kept.place(&shown.id, &mark).await;
            placed.map_err(|error| of_inbox(CARRIER, error))?;
        }
        let by = match state {
            State::Denied { by, .. } => Some(by.as_str()),
            _ => None,
        };
        match self.approvals.tell(cx, &shown.id, state.name(), by).await {
            // The status is a courtesy. Walls that let the agent write none of any object are as good.
            Err(ApprovalsError::Cluster(error @ ClusterError::Denied { .. })) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(
                    error,
                    "how a request for approval stands is not said in its object"
                );
                Ok(())
            }
            told => told.map_err(failed),
        }
    }

    async fn collect(&self, cx: &ToolContext, shown: &Shown) -> Result<Vec<Vote>, PostError> {
        let entry = self.kept.get(&shown.id).await;
        let entry = entry.map_err(|error| of_inbox(CARRIER, error))?;
        let place = entry
            .filter(|entry| entry.shown == *shown)
            .and_then(|entry| entry.place);
        // What was never shown nobody has decided on.
        let Some(place) = place else {
            return Ok(Vec::new());
        };
        let mark: ApprovalMark = serde_json::from_str(&place).map_err(|_| PostError::Untrusted {
            carrier: CARRIER,
            why: "what was kept of its object cannot be read; make the request anew".to_owned(),
        })?;
        let decided = self.approvals.decisions(cx, &shown.id, &spec(shown), &mark).await;
        let decided = decided.map_err(failed)?;
        Ok(votes(decided, cx.clock.now()))
    }
}

/// The decisions as votes. Objects hold no time that could be trusted; each was made between the request and now.
pub(super) fn votes(decided: Vec<objects::Decision>, now: jiff::Timestamp) -> Vec<Vote> {
    let vote = |decision: objects::Decision| {
        let verdict = match decision.verdict {
            objects::Verdict::Approve => Verdict::Approve,
            objects::Verdict::Deny => Verdict::Deny,
        };
        Vote::new(decision.by, verdict, decision.digest, CARRIER, now)
    };
    decided.into_iter().map(vote).collect()
}

/// What people are shown, as the object has it.
pub(super) fn spec(shown: &Shown) -> ApprovalSpec {
    let target = &shown.target;
    ApprovalSpec {
        digest: shown.digest.clone(),
        title: shown.title.clone(),
        verb: match shown.verb {
            Verb::Patch => "patch",
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::Evict => "evict",
            _ => "write",
        }
        .to_owned(),
        target: Target {
            kind: target.kind.clone(),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
        },
        cluster: shown.cluster.clone(),
        diff: shown.diff.clone(),
        reason: shown.reason.clone(),
        expected: shown.expected.clone(),
        warnings: shown.warnings.clone(),
        rules: shown.rules.clone(),
        reach: shown.reach.clone(),
        pull_request: shown.pull_request.as_ref().map(|pull| NamedPullRequest {
            repository: pull.repository.clone(),
            number: pull.number,
            head: pull.head.clone(),
        }),
        needed: shown.needed,
        asked: shown
            .asked
            .iter()
            .map(|asked| AskedGroup {
                group: asked.group.clone(),
                from: asked.from,
            })
            .collect(),
        created: shown.created,
        expires: shown.expires,
    }
}

fn failed(error: ApprovalsError) -> PostError {
    match error {
        ApprovalsError::Cluster(error) => {
            let passes = [
                ToolErrorKind::RateLimited,
                ToolErrorKind::Unavailable,
                ToolErrorKind::Timeout,
                ToolErrorKind::Cancelled,
            ];
            let (reason, retryable) = (error.to_string(), passes.contains(&error.kind()));
            let source = Some(error.into());
            match retryable {
                true => PostError::Unavailable {
                    carrier: CARRIER,
                    reason,
                    source,
                },
                false => PostError::Refused {
                    carrier: CARRIER,
                    remedy: reason,
                    source,
                },
            }
        }
        other => PostError::Untrusted {
            carrier: CARRIER,
            why: other.to_string(),
        },
    }
}
