//! Which lease, by whom, how long, and what may go wrong.

use std::time::Duration;

use crate::cluster::ClusterError;

/// Which lease, by whom, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseSettings {
    /// Namespace of the lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What this process calls itself. It has to be another for each process, also after a restart: the name of the pod is.
    pub identity: String,
    /// How long a term lasts after it was renewed. 15 seconds unless set.
    pub duration: Duration,
    /// Time between two renewals, and between two looks at a lease of somebody else. 3 seconds unless set.
    pub every: Duration,
    /// So long before its end a term counts as over, for clocks that do not go at the same pace, and for the write that is under
    /// way then. 5 seconds unless set.
    pub margin: Duration,
}

impl LeaseSettings {
    /// A lease with the usual times.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            duration: Duration::from_secs(15),
            every: Duration::from_secs(3),
            margin: Duration::from_secs(5),
        }
    }

    /// What the lease is called in errors.
    pub(super) fn lease(&self) -> String {
        format!("Lease {}/{}", self.namespace, self.name)
    }

    /// Whether a term can be renewed in time.
    ///
    /// # Errors
    /// [`LeaseError::Settings`] says what does not fit.
    pub fn check(&self) -> Result<(), LeaseError> {
        let wrong = |reason: &str| {
            Err(LeaseError::Settings {
                reason: reason.to_owned(),
            })
        };
        if self.identity.trim().is_empty() || self.identity.chars().count() > 253 {
            return wrong("the identity has 1 to 253 characters; give the name of the pod");
        }
        if self.duration.subsec_nanos() > 0 || self.duration.is_zero() {
            return wrong("a term lasts a whole number of seconds, 1 at least");
        }
        if self.every.is_zero() || self.every.saturating_mul(2).saturating_add(self.margin) >= self.duration {
            return wrong(
                "there is no time to renew twice before a term counts as over; have it last longer, or renew more often",
            );
        }
        Ok(())
    }
}

/// The lease could not be acquired, renewed or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The settings cannot be met.
    #[error("the settings of the lease do not work: {reason}")]
    Settings {
        /// Why not, and what to do.
        reason: String,
    },
    /// The API server did not do it.
    #[error("{lease} could not be read or written")]
    Cluster {
        /// The lease.
        lease: String,
        /// Why not, and what to do.
        #[source]
        source: ClusterError,
    },
    /// The API server answered something that is no lease.
    #[error("what the API server answered is not {lease}; look at what is in front of it")]
    Malformed {
        /// The lease.
        lease: String,
    },
}
