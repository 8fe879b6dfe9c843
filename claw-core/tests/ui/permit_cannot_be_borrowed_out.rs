use claw_core::action::Action;
use claw_core::gate::Permit;

fn keep_it(permit: &Permit, action: &Action, now: jiff::Timestamp) {
    let _ = permit.redeem(action, now);
}

fn main() {}
