//! The body of an answer, as much of it as is wanted.

use std::time::Duration;

use http_body_util::BodyExt as _;
use kube::client::Body;

use super::{ClusterError, LogBytes, wire};

/// Which part of an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    /// All of it; more than `limit` bytes is an error.
    All { limit: usize },
    /// The first `limit` bytes.
    Head { limit: usize },
    /// The first line; one of more than `limit` bytes is an error.
    Line { limit: usize },
    /// The last `limit` bytes of the first `transfer`.
    Tail { limit: usize, transfer: usize },
}

/// Reads a body, waiting no longer than `idle` for each of its parts. `what` names the request, for errors.
pub(super) async fn read(
    mut body: Body,
    keep: Keep,
    idle: Duration,
    what: &str,
) -> Result<LogBytes, ClusterError> {
    let mut read = LogBytes::default();
    let mut total = 0_usize;
    let stalled = |_| wire::stalled(what, idle);
    while let Some(frame) = tokio::time::timeout(idle, body.frame()).await.map_err(stalled)? {
        let frame = frame.map_err(|error| wire::no_answer(what, error))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        total = total.saturating_add(data.len());
        read.bytes.extend_from_slice(data);
        if matches!(keep, Keep::Line { .. })
            && let Some(end) = read.bytes.iter().position(|byte| *byte == b'\n')
        {
            read.bytes.truncate(end);
            break;
        }
        match keep {
            Keep::All { limit } | Keep::Line { limit } if total > limit => {
                return Err(ClusterError::TooLarge {
                    request: what.to_owned(),
                    limit,
                });
            }
            Keep::Head { limit } if total > limit => {
                read.bytes.truncate(limit);
                read.cut_end = true;
                break;
            }
            // Cut in large steps: moving the kept part down costs as much as it is long.
            Keep::Tail { limit, .. } if read.bytes.len() > limit.saturating_mul(2) => {
                keep_tail(&mut read, limit);
            }
            _ => {}
        }
        if let Keep::Tail { transfer, .. } = keep
            && total >= transfer
        {
            read.cut_end = true;
            break;
        }
    }
    if let Keep::Tail { limit, .. } = keep {
        keep_tail(&mut read, limit);
    }
    Ok(read)
}

fn keep_tail(read: &mut LogBytes, limit: usize) {
    let surplus = read.bytes.len().saturating_sub(limit);
    if surplus > 0 {
        read.bytes.drain(..surplus);
        read.cut = true;
    }
}
