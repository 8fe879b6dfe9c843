//! What suites need: where everything is, hands to change it, and patience.

mod namespace;
mod place;
mod samples;
mod service;
mod wait;
mod webhook;

pub use namespace::Namespace;
pub(crate) use place::{KUBECONFIG, KUBECTL};
pub use place::{Part, Testbed};
pub use samples::{Series, push};
pub use service::Service;
pub use wait::wait_until;
pub use webhook::{Received, WebhookSink};
