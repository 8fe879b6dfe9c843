//! Whether NetworkPolicies let a connection through.

use std::collections::BTreeMap;
use std::net::IpAddr;

use claw_core::entity::EntityRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::protocol;
use crate::address::in_range;
use crate::model::{IntOrString, Namespace, NetworkPolicy, Object, Peer, Pod, PolicyPort};

/// Label that every namespace has, and whose value is its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Which side a policy restricts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// Traffic to the pods of the policy.
    Ingress,
    /// Traffic from the pods of the policy.
    Egress,
}

/// Whether a connection is let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Traffic {
    /// It is, as far as NetworkPolicies go.
    Allowed,
    /// These policies restrict one side, and none of them lets it through.
    Denied {
        /// The side.
        direction: Direction,
        /// The policies.
        by: Vec<EntityRef>,
    },
    /// It cannot be told: the answer depends on addresses that are not known, or on how the network is built.
    Unknown,
}

/// Whether NetworkPolicies let a connection from `from` to `port` of `to` through.
///
/// `port` is the container's port, not the Service's: policies see traffic after the Service's translation. An empty
/// `protocol_name` is TCP. `namespaces` are needed where policies select by namespace; a namespace that is not among them has the one
/// label that Kubernetes gives to each.
pub fn traffic(
    policies: &[NetworkPolicy],
    namespaces: &[Namespace],
    from: &Pod,
    to: &Pod,
    port: i32,
    protocol_name: &str,
) -> Traffic {
    let question = Question::new(namespaces, Some(to), port, protocol_name);
    let out = question.side(policies, Direction::Egress, from, End::of(to));
    let back = question.side(policies, Direction::Ingress, to, End::of(from));
    match (out, back) {
        (denied @ Traffic::Denied { .. }, _) | (_, denied @ Traffic::Denied { .. }) => denied,
        (Traffic::Unknown, _) | (_, Traffic::Unknown) => Traffic::Unknown,
        _ => Traffic::Allowed,
    }
}

/// Whether NetworkPolicies let a connection from `from` to `port` of a host outside the cluster through. An empty
/// `protocol_name` is TCP; `address` is `None` where only the host's name is known.
pub fn traffic_out(
    policies: &[NetworkPolicy],
    from: &Pod,
    address: Option<IpAddr>,
    port: i32,
    protocol_name: &str,
) -> Traffic {
    let end = End { pod: None, address };
    Question::new(&[], None, port, protocol_name).side(policies, Direction::Egress, from, end)
}

fn restricts(policy: &NetworkPolicy, direction: Direction, pod: &Pod) -> bool {
    let in_direction = match direction {
        Direction::Ingress => policy.spec.restricts_ingress(),
        Direction::Egress => policy.spec.restricts_egress(),
    };
    in_direction
        && policy.metadata.ns() == pod.metadata.ns()
        && policy.spec.pod_selector.matches(&pod.metadata.labels)
}

/// Ordered so that the greatest of several is the answer of all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// One end of a connection as the policies of the other one see it.
#[derive(Clone, Copy)]
struct End<'a> {
    /// `None` outside the cluster.
    pod: Option<&'a Pod>,
    address: Option<IpAddr>,
}

impl<'a> End<'a> {
    fn of(pod: &'a Pod) -> Self {
        Self {
            pod: Some(pod),
            address: pod.status.pod_ip.parse().ok(),
        }
    }
}

struct Question<'a> {
    namespaces: BTreeMap<&'a str, &'a Namespace>,
    /// Whose port it is; `None` outside the cluster.
    to: Option<&'a Pod>,
    port: i32,
    protocol: &'a str,
}

impl<'a> Question<'a> {
    fn new(namespaces: &'a [Namespace], to: Option<&'a Pod>, port: i32, protocol_name: &'a str) -> Self {
        Self {
            namespaces: namespaces
                .iter()
                .map(|namespace| (namespace.metadata.name.as_str(), namespace))
                .collect(),
            to,
            port,
            protocol: protocol(protocol_name),
        }
    }

    /// What the policies of `this` say.
    fn side(&self, policies: &[NetworkPolicy], direction: Direction, this: &Pod, other: End<'_>) -> Traffic {
        let restricting: Vec<_> = policies
            .iter()
            .filter(|policy| restricts(policy, direction, this))
            .collect();
        // Pods on the node's network are outside the reach of policies.
        if this.spec.host_network || restricting.is_empty() {
            return Traffic::Allowed;
        }
        let answers = restricting
            .iter()
            .map(|policy| self.policy(policy, direction, other));
        match answers.max() {
            Some(Answer::Yes) => Traffic::Allowed,
            Some(Answer::Unknown) => Traffic::Unknown,
            _ => {
                let mut by: Vec<_> = restricting.iter().map(|policy| policy.entity()).collect();
                by.sort();
                Traffic::Denied { direction, by }
            }
        }
    }

    fn policy(&self, policy: &NetworkPolicy, direction: Direction, other: End<'_>) -> Answer {
        let rules: Vec<(&[PolicyPort], &[Peer])> = match direction {
            Direction::Ingress => policy
                .spec
                .ingress
                .iter()
                .map(|rule| (rule.ports.as_slice(), rule.from.as_slice()))
                .collect(),
            Direction::Egress => policy
                .spec
                .egress
                .iter()
                .map(|rule| (rule.ports.as_slice(), rule.to.as_slice()))
                .collect(),
        };
        rules
            .into_iter()
            .filter(|(ports, _)| ports.is_empty() || ports.iter().any(|port| self.port_fits(port)))
            .map(|(_, peers)| {
                if peers.is_empty() {
                    return Answer::Yes;
                }
                peers
                    .iter()
                    .map(|peer| self.peer(policy.metadata.ns(), peer, other))
                    .max()
                    .unwrap_or(Answer::No)
            })
            .max()
            .unwrap_or(Answer::No)
    }

    fn port_fits(&self, rule: &PolicyPort) -> bool {
        if protocol(&rule.protocol) != self.protocol {
            return false;
        }
        match &rule.port {
            None => true,
            Some(IntOrString::Int(first)) => {
                let last = rule.end_port.map_or(*first, i64::from);
                (*first..=last).contains(&i64::from(self.port))
            }
            // A name means the port of the pod that is connected to.
            Some(IntOrString::String(name)) => {
                let containers = self.to.into_iter().flat_map(Pod::all_containers);
                containers.flat_map(|one| &one.ports).any(|port| {
                    port.name == *name
                        && port.container_port == self.port
                        && protocol(&port.protocol) == self.protocol
                })
            }
        }
    }

    fn peer(&self, own: &str, peer: &Peer, other: End<'_>) -> Answer {
        if let Some(block) = &peer.ip_block {
            let Some(address) = other.address else {
                return Answer::Unknown;
            };
            let Some(within) = in_range(&block.cidr, address) else {
                return Answer::Unknown;
            };
            let left_out = || block.except.iter().map(|range| in_range(range, address));
            return match within {
                false => Answer::No,
                true if left_out().any(|left_out| left_out == Some(true)) => Answer::No,
                true if left_out().any(|left_out| left_out.is_none()) => Answer::Unknown,
                true => Answer::Yes,
            };
        }
        // Selectors select pods.
        let Some(other) = other.pod else {
            return Answer::No;
        };
        if other.spec.host_network {
            // It appears under its node's address; whether a selector still matches depends on the network plugin.
            return Answer::Unknown;
        }
        let is_pod = peer
            .pod_selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&other.metadata.labels));
        if !is_pod {
            return Answer::No;
        }
        let namespace = other.metadata.ns();
        let Some(selector) = &peer.namespace_selector else {
            return (namespace == own).into();
        };
        match self.namespaces.get(namespace) {
            Some(found) => selector.matches(&found.metadata.labels).into(),
            None => {
                let labels = BTreeMap::from([(NAMESPACE_NAME.to_owned(), namespace.to_owned())]);
                if selector.matches(&labels) {
                    Answer::Yes
                } else {
                    Answer::Unknown
                }
            }
        }
    }
}
