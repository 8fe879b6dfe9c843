use claw_core::gate::Permit;

fn by_default() -> Permit {
    Default::default()
}

fn from_json(text: &str) -> Permit {
    serde_json::from_str(text).unwrap()
}

fn main() {}
