//! The rules that are compiled in: one file each. None of them can be taken away.

mod critical;
mod excluded;
mod freeze;
mod operation;
mod phase;
mod production;
mod reach;
mod scale_up;
mod stateful;
mod system;
mod working;

use super::{Fact, Policy, Request, Tier};

/// A rule. It looks at nothing but the policy and the request, so that the same two give the same answer for ever.
pub(super) trait Rule: Sync {
    /// Its name, in decisions and in the audit log.
    fn id(&self) -> &'static str;

    /// What it says, for people.
    fn text(&self) -> &'static str;

    /// What it looks at besides the policy.
    fn looks_at(&self) -> &'static [Fact];

    /// The tier that it names; `None` where it has nothing to say.
    fn judge(&self, policy: &Policy, request: &Request) -> Option<Tier>;
}

/// All of them.
pub(super) const RULES: [&dyn Rule; 11] = [
    &operation::OwnTier,
    &system::SystemNamespace,
    &excluded::ExcludedNamespace,
    &production::Production,
    &scale_up::ScaleUp,
    &critical::Critical,
    &working::Working,
    &stateful::Stateful,
    &reach::BlastRadius,
    &freeze::Freeze,
    &phase::PhaseCap,
];
