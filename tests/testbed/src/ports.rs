//! Which port each component listens on.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use crate::components::Component;
use crate::error::Error;

/// Free ports are looked for here: below the range from which the system takes those of outgoing connections.
const FREE: std::ops::Range<u16> = 20_000..32_000;

/// Ports by name, `etcd` or `etcd-peer`.
pub type Ports = BTreeMap<String, u16>;

/// How ports are chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Choice {
    /// Any that are free, so that several testbeds fit on one machine.
    Free,
    /// The same each time.
    Fixed,
}

/// Adds ports for `component` to `ports`, unless it has some: a run keeps its ports.
pub fn assign(ports: &mut Ports, component: Component, choice: Choice) -> Result<(), Error> {
    for (name, fixed) in component.ports() {
        let known = ports.get(*name).copied();
        let port = match (known, choice) {
            (Some(port), _) => port,
            (None, Choice::Fixed) => *fixed,
            (None, Choice::Free) => free(ports)?,
        };
        if !is_free(port) {
            let component = component.name().to_owned();
            return Err(Error::PortTaken { component, port });
        }
        ports.insert((*name).to_owned(), port);
    }
    Ok(())
}

fn free(taken: &Ports) -> Result<u16, Error> {
    let length = u64::from(FREE.end - FREE.start);
    // Where to begin is chance, so that two testbeds that start at once do not meet.
    let begin = RandomState::new().hash_one(std::process::id()) % length;
    (0..length)
        .filter_map(|step| u16::try_from((begin + step) % length).ok())
        .map(|offset| FREE.start + offset)
        .find(|port| !taken.values().any(|other| other == port) && is_free(*port))
        .ok_or(Error::NoPort)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_different_and_kept() {
        let mut ports = Ports::new();
        assign(&mut ports, Component::Etcd, Choice::Free).unwrap();
        let before = ports.clone();
        assert_ne!(ports["etcd"], ports["etcd-peer"]);
        assign(&mut ports, Component::Etcd, Choice::Free).unwrap();
        assert_eq!(ports, before);
    }

    #[test]
    fn a_port_in_use_is_named_with_its_component() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut ports = Ports::from([("kwok".to_owned(), port)]);
        let error = assign(&mut ports, Component::Kwok, Choice::Fixed).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("kwok: port {port} is in use")),
            "{error}"
        );
    }
}
