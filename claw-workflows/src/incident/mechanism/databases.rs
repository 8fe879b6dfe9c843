//! Which units are databases.

use std::collections::BTreeSet;

use claw_core::entity::EntityRef;
use claw_k8s::model::Object;

use crate::incident::callees::Callees;
use crate::incident::complaint::{Complaint, Target, service_called};
use crate::incident::facts::Facts;
use crate::incident::logs::host_of;
use crate::incident::relay::spoken_of;

/// Ports that are registered for databases, in the order of their numbers. Those that applications like as well are left out.
const PORTS: [i32; 15] = [
    1433, 1521, 2379, 3306, 5432, 5433, 6379, 6380, 8086, 9042, 9200, 11211, 26257, 27017, 33060,
];

/// The units that serve at a port that is registered for databases, with who calls whom.
#[derive(Debug)]
pub(super) struct Databases {
    pub(super) callees: Callees,
    serving: BTreeSet<EntityRef>,
}

impl Databases {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let objects = &facts.case.objects;
        let declared = objects.workloads.iter().filter(|workload| {
            let containers = workload.template().spec.containers.iter();
            let mut ports = containers.flat_map(|container| &container.ports);
            ports.any(|port| PORTS.contains(&port.container_port))
        });
        let services = objects.services.iter().filter(|service| {
            let mut ports = service.spec.ports.iter();
            ports.any(|port| PORTS.contains(&port.port))
        });
        let mut callees = Callees::of(facts);
        for (client, database) in connected(facts) {
            callees.add(client, database);
        }
        Self {
            callees,
            serving: declared
                .map(Object::entity)
                .chain(services.map(|service| facts.unit_of(&service.entity())))
                .collect(),
        }
    }

    /// Whether a unit serves at such a port.
    pub(super) fn serves(&self, unit: &EntityRef) -> bool {
        if unit.kind == EntityRef::EXTERNAL_HOST {
            let port = unit.name.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            return port.is_some_and(|port: i32| PORTS.contains(&port));
        }
        self.serving.contains(unit)
    }

    /// The databases that a unit calls.
    pub(super) fn called_by(&self, unit: &EntityRef) -> impl Iterator<Item = &EntityRef> {
        self.callees.called_by(unit).filter(|callee| self.serves(callee))
    }

    /// The database that a complaint speaks of: the one that is named, or the one that speaks, or the only one that the workload
    /// calls, or whom a word of the entry names. A database names its clients; it does not call them.
    pub(super) fn meant(&self, facts: &Facts<'_>, complaint: &Complaint<'_>) -> Option<EntityRef> {
        let speaks = self.serves(&complaint.workload);
        match &complaint.target {
            Target::Known(named) | Target::External(named) if !speaks || self.serves(named) => {
                return Some(named.clone());
            }
            _ if speaks => return Some(complaint.workload.clone()),
            _ => {}
        }
        let mut databases = self.called_by(&complaint.workload);
        if let (Some(only), None) = (databases.next(), databases.next()) {
            return Some(only.clone());
        }
        let (_, pattern) = complaint.entries.first()?;
        spoken_of(facts, &self.callees, &complaint.workload, &pattern.sample)
    }
}

/// Who connects to which database, as its log names the address: settings may stand in a file of the image, of which nobody
/// else knows.
fn connected(facts: &Facts<'_>) -> Vec<(EntityRef, EntityRef)> {
    let registered = |address: &str| {
        let (_, port) = address.rsplit_once(':')?;
        port.parse().ok().filter(|port| PORTS.contains(port))
    };
    let mut found = Vec::new();
    for digest in &facts.case.logs {
        let client = facts.unit_of(&digest.pod);
        let namespace = digest.pod.namespace.as_deref().unwrap_or_default();
        let named = digest
            .addresses
            .iter()
            .filter(|address| registered(address).is_some());
        let services = named.filter_map(|address| service_called(facts, namespace, host_of(address)));
        let databases = services.map(|service| facts.unit_of(&service.entity()));
        found.extend(
            databases
                .filter(|unit| *unit != client)
                .map(|unit| (client.clone(), unit)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::fixture;
    use super::Databases;
    use crate::incident::facts::Facts;

    /// Whom a line of `api`, which listens on a port of its own and calls `db` and `web`, is about.
    fn meant(port: i32, line: &str) -> Option<EntityRef> {
        let mut case = fixture::case(json!({
            "workloads": [
                fixture::workload("shop", "api", json!([{"name": "app", "ports": [{"containerPort": port}]}])),
                fixture::workload("shop", "db", json!([{"name": "app", "ports": [{"containerPort": 5432}]}])),
                fixture::workload("shop", "web", json!([])),
            ],
            "pods": [fixture::pod("shop", "api", json!([{"name": "app"}]))],
            "services": [
                fixture::service("shop", "db", json!({"port": 5432})),
                fixture::service("shop", "web", json!({"port": 80})),
            ],
        }));
        fixture::call(&mut case, "api", "db");
        fixture::call(&mut case, "api", "web");
        fixture::log(&mut case, "api-7d9f8b6c5-x1", line);
        let facts = Facts::new(&case);
        let databases = Databases::of(&facts);
        let complaints = facts.complaints();
        complaints.iter().find_map(|said| databases.meant(&facts, said))
    }

    #[test]
    fn a_named_database_is_meant_whatever_port_the_one_who_names_it_has() {
        let named = "dial tcp db:5432: FATAL: the database system is starting up";
        for port in [4000, 5432] {
            assert_eq!(meant(port, named), Some(fixture::deployment("db")), "{port}");
        }
        let client = "client web:80: FATAL: the database system is starting up";
        assert_eq!(meant(5432, client), Some(fixture::deployment("api")));
        let nobody = "FATAL: the database system is starting up";
        assert_eq!(meant(4000, nobody), Some(fixture::deployment("db")));
        assert_eq!(meant(5432, nobody), Some(fixture::deployment("api")));
    }

    #[test]
    fn who_names_the_address_of_a_database_in_its_log_calls_it() {
        let names = ["api", "store"];
        let mut case = fixture::case(json!({
            "workloads": names.map(|name| fixture::workload("shop", name, json!([{"name": "app"}]))),
            "pods": names.map(|name| fixture::pod("shop", name, json!([{"name": "app"}]))),
            "services": [
                fixture::service("shop", "store", json!({"port": 27017})),
                fixture::service("shop", "api", json!({"port": 8080})),
            ],
        }));
        fixture::log(
            &mut case,
            "api-7d9f8b6c5-x1",
            "INFO url of the database: store:27017",
        );
        fixture::log(
            &mut case,
            "store-7d9f8b6c5-x1",
            "INFO api:8080 connected, I am store:27017",
        );
        let facts = Facts::new(&case);
        let databases = Databases::of(&facts);
        let called = |name: &str| {
            databases
                .called_by(&fixture::deployment(name))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(called("api"), [fixture::deployment("store")]);
        assert!(called("store").is_empty());
    }
}
