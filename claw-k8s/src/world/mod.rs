//! The world: what there is, how it hangs together, and what happened when.
//!
//! A [`World`] is built once a run from [`Objects`]. It holds no objects, only their names, the [`Edge`]s between
//! them, and a timeline. It answers along which ways trouble can have come.
//!
//! ```
//! use claw_core::entity::EntityRef;
//! use claw_k8s::world::{Objects, World};
//!
//! let objects: Objects = serde_json::from_str(r#"{
//!     "services": [{"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"selector": {"app": "cart"}}}],
//!     "pods": [{"metadata": {"name": "cart-1", "namespace": "shop", "labels": {"app": "cart"}}}]
//! }"#)?;
//! let world = World::build(&objects);
//! let cart = EntityRef::namespaced("Service", "shop", "cart");
//! assert_eq!(world.pods_of(&cart), [EntityRef::namespaced("Pod", "shop", "cart-1")].into());
//! # Ok::<(), serde_json::Error>(())
//! ```
mod build;
mod graph;
mod names;
mod objects;
mod ports;
mod references;
mod timeline;
mod traffic;

#[cfg(test)]
mod tests;

pub use graph::{Edge, Relation, World};
pub use names::ServiceNames;
pub use objects::Objects;
pub use ports::{PortProblem, container_port};
pub use references::{Reference, asked_by_kubelet, call_targets, references};
pub use timeline::{Fact, FactKind};
pub use traffic::{Direction, Traffic, traffic, traffic_out};
