use claw_core::action::Action;
use claw_core::gate::Permit;
use claw_core::tool::ToolContext;

async fn admit(cx: &ToolContext, action: &Action) {
    cx.admit(action).await;
}

fn gate(cx: &ToolContext) {
    cx.gate();
    let _ = cx.permit;
}

fn as_permit(cx: &ToolContext) -> Permit {
    cx.into()
}

fn main() {}
