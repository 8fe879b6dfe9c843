use claw_core::gate::Permit;

fn two_of_one(permit: &Permit) -> Permit {
    permit.clone()
}

fn main() {}
