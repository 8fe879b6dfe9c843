use claw_core::action::Action;
use claw_core::audit::AuditReceipt;
use claw_core::gate::Permit;

fn by_the_function_of_the_gate(action: &Action, decision: AuditReceipt, expires: jiff::Timestamp) -> Permit {
    Permit::issue(action, decision, expires)
}

fn main() {}
