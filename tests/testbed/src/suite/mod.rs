//! What suites need: where everything is, hands to change it, and patience.

mod agent;
mod namespace;
mod place;
mod route;
mod samples;
mod service;
mod wait;
mod webhook;

pub use agent::Agent;
pub use namespace::Namespace;
pub(crate) use place::{KUBECONFIG, KUBECTL};
pub use place::{Part, Testbed};
pub use route::AlertRoute;
pub use samples::{Series, push};
pub use service::Service;
pub use wait::wait_until;
pub use webhook::{Received, WebhookSink};
