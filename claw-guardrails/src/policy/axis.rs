//! Axes that requests differ in: small closed lists, each in the order from harmless to dangerous. Natures are the
//! exception: each is dangerous in a way of its own.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A closed list of values with names and an order of danger.
macro_rules! axis {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $text)] $value,)+
        }

        impl $name {
            /// All values, from the most harmless.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// As policies spell it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(super) use axis;

axis! {
    /// What a namespace is to the agent.
    Place {
        /// A namespace with applications, or nothing in the cluster at all.
        Application = "application",
        /// The cluster itself: nodes, volumes, classes.
        Cluster = "cluster",
        /// A namespace that the policy takes out.
        Excluded = "excluded",
        /// `kube-system`, `kube-public`, `kube-node-lease`.
        System = "system",
    }
}

axis! {
    /// What depends on a namespace. One whose labels say nothing is production.
    Environment {
        /// For trying things out.
        Development = "development",
        /// For rehearsing.
        Staging = "staging",
        /// For users.
        Production = "production",
    }
}

axis! {
    /// What it costs when a workload fails. Unknown is critical.
    Criticality {
        /// Nobody would notice.
        Sandbox = "sandbox",
        /// Somebody would, by and by.
        Low = "low",
        /// Users would.
        High = "high",
        /// Everything stands still.
        Critical = "critical",
    }
}

axis! {
    /// What a workload's pods hold while they run. Unknown is stateful.
    Nature {
        /// Nothing: requests go to another pod.
        Stateless = "stateless",
        /// Messages that they have taken out of a queue.
        Consumer = "consumer",
        /// A piece of work that begins anew when it is broken off.
        Batch = "batch",
        /// Data, and a place among the others.
        Stateful = "stateful",
    }
}

axis! {
    /// Whether a workload is at something that should not be broken off. Unknown is working.
    Activity {
        /// It is not.
        Idle = "idle",
        /// A queue is not empty, or a job runs.
        Working = "working",
    }
}

axis! {
    /// How far an action reaches, against the limits of the blast radius. Unknown is beyond.
    Reach {
        /// Within all limits.
        Within = "within",
        /// Beyond one of them.
        Beyond = "beyond",
    }
}

axis! {
    /// Whether changes are frozen now.
    Season {
        /// They are not.
        Open = "open",
        /// A freeze window is open.
        Frozen = "frozen",
    }
}

axis! {
    /// Whether requests of containers that an action lowers stay at what the policy wants at least. Unknown is below.
    Amounts {
        /// They do, or none is lowered.
        Kept = "kept",
        /// One does not.
        Below = "below",
    }
}

axis! {
    /// Whether an action rests on as many days of data as the policy wants. Unknown is short of them.
    Evidence {
        /// It does.
        Enough = "enough",
        /// It does not.
        Short = "short",
    }
}

axis! {
    /// How far an agent has come. Only a person raises it.
    Phase {
        /// It reads, and sends messages.
        Observe = "observe",
        /// It also opens pull requests.
        Recommend = "recommend",
        /// It also changes numbers of replicas and autoscalers.
        LowRiskWrites = "low_risk_writes",
        /// It does whatever the rules leave to it.
        Expanded = "expanded",
    }
}
