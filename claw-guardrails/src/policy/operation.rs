//! What an action does, in the terms that rules are written in.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::axis::{Phase, axis};
use super::tier::Tier;

axis! {
    /// What an action does. It is read off the action itself, not off what its proposer calls it: a patch that changes
    /// replicas and an image is two operations, and the stricter of the two decides.
    Operation {
        /// Reads metrics, logs, objects.
        Read = "read",
        /// Keeps a note in the agent's memory.
        Remember = "remember",
        /// Sends a message to people.
        Notify = "notify",
        /// Runs more replicas.
        ScaleUp = "scale_up",
        /// Changes the bounds of an autoscaler.
        AdjustHpa = "adjust_hpa",
        /// Opens a pull request: its merge is the approval.
        OpenPullRequest = "open_pull_request",
        /// Changes requests or limits of containers.
        ChangeResources = "change_resources",
        /// Replaces the pods of a workload, one after another.
        Restart = "restart",
        /// Takes a workload back to an earlier revision.
        Rollback = "rollback",
        /// Starts a pipeline elsewhere.
        TriggerPipeline = "trigger_pipeline",
        /// Keeps new pods off a node, or lets them on again.
        Cordon = "cordon",
        /// Runs fewer replicas.
        ScaleDown = "scale_down",
        /// Changes anything else about an object.
        Configure = "configure",
        /// Creates an object.
        Create = "create",
        /// Evicts pods, respecting disruption budgets.
        Drain = "drain",
        /// Deletes an object.
        Delete = "delete",
        /// Changes who may talk to whom.
        ChangeNetworkPolicy = "change_network_policy",
        /// Changes who may do what.
        ChangeRbac = "change_rbac",
        /// Changes what pods may do beyond running their code: users, capabilities, host ports, sysctls, sandboxes, and whatever holds
        /// them back. What the floors forbid outright is [`TouchSecret`](Self::TouchSecret) and [`Escalate`](Self::Escalate) here too;
        /// the rest is to a pod what RBAC is to an account, and weighs the same: people decide at once, always two of them.
        ChangePrivileges = "change_privileges",
        /// Deletes a namespace, with everything in it.
        DeleteNamespace = "delete_namespace",
        /// Deletes whatever a selector matches.
        DeleteCollection = "delete_collection",
        /// Touches a Secret, or gives one to a pod.
        TouchSecret = "touch_secret",
        /// Gives itself or others rights that it does not have: `escalate`, `bind`, `impersonate`, and pods that run as another account or
        /// have their node to themselves.
        Escalate = "escalate",
        /// Runs something inside a container, or opens a way to it.
        Exec = "exec",
        /// Changes what the API server asks at admission.
        ChangeAdmission = "change_admission",
        /// Changes which kinds there are.
        ChangeKinds = "change_kinds",
        /// Changes the agent's own policy, approvals or rights.
        ChangePolicy = "change_policy",
        /// Changes a status, which is for controllers to write.
        WriteStatus = "write_status",
        /// Something that the agent has no name for.
        Unknown = "unknown",
    }
}

impl Operation {
    /// The tier that an operation has by itself, before anything is known of its target.
    pub const fn tier(self) -> Tier {
        match self {
            Self::Read => Tier::Auto,
            Self::Remember | Self::Notify | Self::ScaleUp => Tier::AutoLogged,
            Self::AdjustHpa
            | Self::OpenPullRequest
            | Self::ChangeResources
            | Self::Restart
            | Self::Rollback
            | Self::TriggerPipeline
            | Self::Cordon => Tier::AsyncApproval,
            Self::ScaleDown
            | Self::Configure
            | Self::Create
            | Self::Drain
            | Self::Delete
            | Self::ChangeNetworkPolicy
            | Self::ChangeRbac
            | Self::ChangePrivileges => Tier::SyncApproval,
            Self::DeleteNamespace
            | Self::DeleteCollection
            | Self::TouchSecret
            | Self::Escalate
            | Self::Exec
            | Self::ChangeAdmission
            | Self::ChangeKinds
            | Self::ChangePolicy
            | Self::WriteStatus
            | Self::Unknown => Tier::Forbidden,
        }
    }

    /// Whether something outside the agent is different afterwards. Messages and notes are for people, and change nothing
    /// that runs.
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Read | Self::Remember | Self::Notify)
    }

    /// Whether it goes to the API server as a write. A pull request goes to a forge, and what it holds is judged when it is
    /// applied.
    pub const fn is_write(self) -> bool {
        self.is_change() && !matches!(self, Self::OpenPullRequest | Self::TriggerPipeline)
    }

    /// Whether pods that run may end.
    pub const fn ends_pods(self) -> bool {
        matches!(
            self,
            Self::ChangeResources
                | Self::Restart
                | Self::Rollback
                | Self::ScaleDown
                | Self::Configure
                | Self::ChangePrivileges
                | Self::Drain
                | Self::Delete
        )
    }

    /// Whether an action can be told to be it. No action deletes a collection, and what a rollback brings back may be any change, so
    /// that it counts as one; both have a name here for what they would be.
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::Rollback | Self::DeleteCollection)
    }

    /// The first phase in which an agent may do it.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Read | Self::Remember | Self::Notify => Phase::Observe,
            Self::OpenPullRequest => Phase::Recommend,
            // Scaling down stays with a person in every phase; that it may be asked for begins here.
            Self::ScaleUp | Self::ScaleDown | Self::AdjustHpa => Phase::LowRiskWrites,
            _ => Phase::Expanded,
        }
    }
}
