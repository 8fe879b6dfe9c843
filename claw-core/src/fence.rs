//! Which of several replicas may write: the port that is asked right before each write.

use async_trait::async_trait;

/// This process may not write, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lost {
    /// Another process holds the lease.
    #[error(
        "{lease} is held by {holder}, and only the holder writes; nothing is to be done unless that process is gone"
    )]
    HeldByAnother {
        /// The lease.
        lease: String,
        /// Who holds it, as it calls itself.
        holder: String,
    },
    /// Nobody is known to hold it.
    #[error("{lease} is not held by this process; it writes when it has acquired it")]
    NotHeld {
        /// The lease.
        lease: String,
    },
    /// This process held it, and could not renew it in time.
    #[error(
        "{lease} was not renewed in time, and another process may hold it; check that the API server can be reached"
    )]
    Late {
        /// The lease.
        lease: String,
    },
}

/// Keeps all replicas but one from writing.
///
/// Implementers keep to this: an answer is by local knowledge, and does not wait for anything; it is the epoch of the term that
/// lasts for some time yet, measured by a clock that does not jump; a later term has a higher epoch, whoever has it. Where it
/// cannot be known that the term lasts, the answer is the error.
///
/// A fence is a convenience that keeps replicas out of each other's way. That two writes at once do no harm is seen to by the
/// compare-and-swap of each.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Fence: Send + Sync {
    /// The epoch of the term that this process writes in.
    async fn check(&self) -> Result<u64, Lost>;
}

/// The fence of a process that is alone: there are no others to be kept from anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

#[async_trait]
impl Fence for Alone {
    async fn check(&self) -> Result<u64, Lost> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_alone_may_write() {
        let fence: std::sync::Arc<dyn Fence> = std::sync::Arc::new(Alone);
        assert_eq!(fence.check().await, Ok(0));
    }

    #[test]
    fn each_loss_says_what_to_do() {
        let lease = || "Lease claw/agent".to_owned();
        for lost in [
            Lost::HeldByAnother {
                lease: lease(),
                holder: "b".to_owned(),
            },
            Lost::NotHeld { lease: lease() },
            Lost::Late { lease: lease() },
        ] {
            let text = lost.to_string();
            assert!(
                text.starts_with("Lease claw/agent") && text.contains([';', ',']),
                "{text}"
            );
        }
    }
}
