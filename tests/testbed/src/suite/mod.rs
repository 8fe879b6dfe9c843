//! What suites need: where everything is, hands to change it, and patience.

mod account;
mod agent;
mod custom;
mod folder;
mod namespace;
mod notification;
mod outage;
mod own;
mod place;
mod record;
mod restored;
mod rotation;
mod route;
mod samples;
mod service;
mod tcp_proxy;
mod wait;
mod webhook;

pub use account::Account;
pub use agent::{Agent, Stop, agent_command};
pub use custom::CustomKind;
pub use folder::TestFolder;
pub use namespace::Namespace;
pub use notification::notification;
pub use outage::during_outage;
pub use own::Own;
pub(crate) use place::{KUBECONFIG, KUBECTL};
pub use place::{Part, Testbed};
pub use record::{Asked, requests_of};
pub use rotation::during_rotation;
pub use route::AlertRoute;
pub use samples::{Series, push};
pub use service::Service;
pub use tcp_proxy::{Condition, TcpProxy};
pub use wait::wait_until;
pub use webhook::{Received, WebhookSink};
