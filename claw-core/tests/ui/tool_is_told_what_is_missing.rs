use claw_core::registry::Registry;

struct NotATool;

fn main() {
    let _ = Registry::new().register(NotATool);
}
