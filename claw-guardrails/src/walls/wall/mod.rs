//! The walls: one file each.

mod forbidden;
mod overrides;
mod phase;
mod places;
mod reader;
mod unattended;

use crate::policy::Policy;

pub(super) use overrides::{blind, is_about_workloads, matches};

/// What a wall demands of a request, and what it says where that is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// The rule that it stands for, as decisions name it.
    pub(super) rule: String,
    /// True for what may pass.
    pub(super) expression: String,
    /// Why it may not pass otherwise, and what to do.
    pub(super) text: String,
}

impl Demand {
    /// Turns away what `condition` holds for.
    fn refusing(rule: impl Into<String>, condition: &str, text: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            expression: super::cel::not(condition),
            text: text.into(),
        }
    }
}

/// Whose requests a wall is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Both accounts.
    Agent,
    /// The account that reads.
    Reader,
}

/// What becomes of a request that a wall does not let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is denied.
    Denied,
    /// It passes; whoever sent it is warned, and the API server's audit log says so.
    Told,
}

/// One wall: an admission policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    pub(super) name: &'static str,
    pub(super) about: About,
    pub(super) then: Then,
    pub(super) demands: Vec<Demand>,
}

/// The names of all walls that there can be.
pub(super) const NAMES: [&str; 6] = [
    "reader",
    "places",
    "forbidden",
    "phase",
    "overrides",
    "unattended",
];

/// The walls of a policy. Those that demand nothing are left out.
pub(super) fn all(policy: &Policy, unattended: Then) -> Vec<Wall> {
    let wall = |name, about, then, demands| Wall {
        name,
        about,
        then,
        demands,
    };
    let mut walls = vec![
        wall("reader", About::Reader, Then::Denied, reader::demands()),
        wall("places", About::Agent, Then::Denied, places::demands(policy)),
        wall("forbidden", About::Agent, Then::Denied, forbidden::demands()),
        wall("phase", About::Agent, Then::Denied, phase::demands(policy)),
        wall(
            "overrides",
            About::Agent,
            Then::Denied,
            overrides::demands(policy),
        ),
        wall(
            "unattended",
            About::Agent,
            unattended,
            unattended::demands(policy),
        ),
    ];
    walls.retain(|wall| !wall.demands.is_empty());
    walls
}
