//! The cluster: typed reading, the entity graph, and tools over both.
//!
//! Agents see a cluster through the [`tools`] of this crate. The tools read through a [`Cluster`](cluster::Cluster), page by
//! page, into the slim structs of [`model`]; a [`World`](world::World) tells how what they read hangs together. No tool
//! writes to a cluster: those that [propose](tools::propose) answer with a write as data, which [`apply`] performs with a permit.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use claw_core::clock::SystemClock;
//! use claw_core::tool::{Tool, ToolContext};
//! use claw_k8s::cluster::{Cluster, Connection, KubeCluster, Limits};
//! use claw_k8s::tools::{GetPods, GetPodsInput};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let reader = KubeCluster::connect(Connection::Default, Limits::default()).await?;
//! let cluster = Cluster::new(Arc::new(reader));
//!
//! let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(30));
//! let input = GetPodsInput { namespace: Some("shop".to_owned()), ..GetPodsInput::default() };
//! let answer = GetPods::new(cluster).call(&cx, input).await?;
//! for pod in answer.pods.iter().filter(|pod| !pod.is_ready()) {
//!     println!("{} {}", pod.metadata.name, pod.status.phase);
//! }
//! for gap in &answer.gaps {
//!     println!("not seen: {}: {}", gap.source, gap.reason);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`access`] | the role that tools need, and whether the agent has it |
//! | [`apply`] | performing actions with a permit |
//! | [`approval`] | the `Approval` custom resource, and the walls around it |
//! | [`address`] | hosts that configuration names |
//! | [`bundle`] | recorded worlds on disk |
//! | [`cluster`] | the port to the API server, and the client behind it |
//! | [`gitops`] | what Argo CD and Flux keep and delivered |
//! | [`lease`] | which of several replicas writes |
//! | [`mesh`] | where the Gateway API and meshes send traffic |
//! | [`model`] | Kubernetes objects, reduced to what a diagnosis uses |
//! | [`quantity`] | amounts of CPU and memory |
//! | [`stop`] | a ConfigMap that asks for the emergency stop |
//! | [`tools`] | the tools, one a file |
//! | [`world`] | entities, edges and timeline |
//!
//! The crate does not choose a version of the Kubernetes API: the binary enables one of the `v1_*` features of `k8s-openapi`.

pub mod access;
pub mod address;
pub mod apply;
pub mod approval;
pub mod bundle;
pub mod cluster;
pub mod gitops;
pub mod lease;
pub mod mesh;
pub mod model;
pub mod stop;
pub mod tools;
pub use claw_core::quantity;
pub mod world;
