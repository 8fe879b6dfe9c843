//! The rules that are compiled in: one file each. None of them can be taken away.

mod always_human;
mod autoscaler;
mod critical;
mod evidence;
mod excluded;
mod floor;
mod freeze;
mod operation;
mod phase;
mod production;
mod reach;
mod read_only;
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

/// Declares a rule: what its comment says is what people are told.
macro_rules! rule {
    (
        $(#[doc = $text:literal])+
        $name:ident = $id:literal, looks at [$($fact:ident),+], |$policy:ident, $request:ident| $judge:block
    ) => {
        $(#[doc = $text])+
        pub(super) struct $name;

        impl super::Rule for $name {
            fn id(&self) -> &'static str {
                $id
            }

            fn text(&self) -> &'static str {
                concat!($($text),+).trim_ascii()
            }

            fn looks_at(&self) -> &'static [Fact] {
                &[$(Fact::$fact),+]
            }

            fn judge(&self, $policy: &Policy, $request: &Request) -> Option<Tier> $judge
        }
    };
}
use rule;

/// All of them.
pub(super) const RULES: [&dyn Rule; 16] = [
    &operation::OwnTier,
    &system::SystemNamespace,
    &excluded::ExcludedNamespace,
    &production::Production,
    &scale_up::ScaleUp,
    &autoscaler::Autoscaler,
    &critical::Critical,
    &working::Working,
    &stateful::Stateful,
    &reach::BlastRadius,
    &freeze::Freeze,
    &floor::Floor,
    &evidence::EnoughData,
    &read_only::ReadOnly,
    &always_human::AlwaysHuman,
    &phase::PhaseCap,
];
