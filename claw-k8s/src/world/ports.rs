//! From the port of a Service to the port of a container.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{IntOrString, Pod, ServicePort};

/// Why a Service's port leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PortProblem {
    /// The Service's target port is a name that no container of the pod gives to a port of that protocol.
    #[error("no container has a {protocol} port named `{name}`")]
    NoSuchName {
        /// The name.
        name: String,
        /// The protocol.
        protocol: String,
    },
    /// Containers declare ports, and this is none of them. It may be open all the same: declaring ports is not required.
    #[error("no container declares {protocol} port {port}")]
    NotDeclared {
        /// Number of the port.
        port: i32,
        /// The protocol.
        protocol: String,
    },
}

/// The port of `pod` that a Service's port leads to.
///
/// `Err` holds the number too where there is one, in [`PortProblem::NotDeclared`].
pub fn container_port(port: &ServicePort, pod: &Pod) -> Result<i32, PortProblem> {
    let protocol = protocol(&port.protocol);
    let declared = || {
        pod.spec
            .containers
            .iter()
            // Sidecars are init containers that keep running.
            .chain(
                pod.spec
                    .init_containers
                    .iter()
                    .filter(|one| one.restart_policy == "Always"),
            )
            .flat_map(|container| &container.ports)
    };
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => i32::try_from(*number).unwrap_or(0),
        Some(IntOrString::String(name)) => {
            return declared()
                .find(|port| port.name == *name && self::protocol(&port.protocol) == protocol)
                .map(|port| port.container_port)
                .ok_or_else(|| PortProblem::NoSuchName {
                    name: name.clone(),
                    protocol: protocol.to_owned(),
                });
        }
    };
    let mut ports = declared().peekable();
    let silent = ports.peek().is_none();
    if silent || ports.any(|port| port.container_port == number && self::protocol(&port.protocol) == protocol)
    {
        Ok(number)
    } else {
        Err(PortProblem::NotDeclared {
            port: number,
            protocol: protocol.to_owned(),
        })
    }
}

/// The protocol, which is TCP unless something else is said.
pub(super) fn protocol(text: &str) -> &str {
    if text.is_empty() { "TCP" } else { text }
}
