//! What must not compile, does not: a write without a permit, a permit out of thin air, a permit used twice.

use claw_core::action::Action;
use claw_core::gate::{AdmitError, Gate, Scope};

/// The right way, so that the other cases fail for their own reason only.
#[allow(dead_code)]
async fn write(gate: &Gate, scope: &Scope, action: &Action) -> Result<(), AdmitError> {
    let permit = gate.admit(scope, action).await?;
    let _receipt = permit.redeem(action, gate.clock().now());
    Ok(())
}

#[test]
fn writes_without_a_permit_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/permit_cannot_*.rs");
    cases.compile_fail("tests/ui/tool_*.rs");
}
