//! Contracts of the Claw SDK, and the small engines that need no outside system.
pub mod access;
pub mod action;
pub mod audit;
pub mod change;
pub mod clock;
pub mod definition;
pub mod entity;
pub mod evidence;
pub mod gate;
pub mod http;
pub mod redact;
pub mod registry;
pub mod report;
pub mod store;
pub mod tool;
pub mod topology;
pub mod workflow;
