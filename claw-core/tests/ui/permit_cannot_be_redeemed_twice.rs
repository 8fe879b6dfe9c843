use claw_core::action::Action;
use claw_core::gate::Permit;

fn twice(permit: Permit, action: &Action, now: jiff::Timestamp) {
    let _ = permit.redeem(action, now);
    let _ = permit.redeem(action, now);
}

fn main() {}
