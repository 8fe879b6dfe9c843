//! What suites need: where everything is, hands to change it, and patience.

mod account;
mod agent;
mod audit_event;
mod custom;
mod dedicated_server;
mod folder;
mod namespace;
mod notes;
mod notification;
mod outage;
mod place;
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
pub use audit_event::{AuditEvent, audit_events_of};
pub use custom::CustomKind;
pub use dedicated_server::DedicatedServer;
// The name by which the differential suite still knows it.
pub use dedicated_server::DedicatedServer as Own;
pub use folder::TestFolder;
pub use namespace::Namespace;
pub(crate) use namespace::owner;
pub use notes::NOTES;
pub use notification::notification;
pub use outage::during_outage;
pub(crate) use place::KUBECTL;
pub use place::{KUBECONFIG, LABEL, Part, Testbed};
pub use rotation::during_rotation;
pub use route::AlertRoute;
pub use samples::{Series, push};
pub use service::Service;
pub use tcp_proxy::{Condition, TcpProxy};
pub use wait::wait_until;
pub use webhook::{Received, WebhookSink};
