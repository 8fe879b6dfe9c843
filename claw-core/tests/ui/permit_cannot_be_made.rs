use claw_core::action::Action;
use claw_core::audit::AuditReceipt;
use claw_core::gate::Permit;

fn literally(action: &Action, decision: AuditReceipt, expires: jiff::Timestamp) -> Permit {
    Permit { digest: action.digest(), decision, expires }
}

fn main() {}
