//! What alerts name that is neither a workload nor a node: hosts, queues, databases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use claw_core::entity::EntityRef;

/// Labels that name things outside the cluster's objects, with what they are.
const THINGS: [(&str, &str); 16] = [
    ("consumergroup", "ConsumerGroup"),
    ("consumer_group", "ConsumerGroup"),
    ("topic", "Topic"),
    ("queue", "Queue"),
    ("queue_name", "Queue"),
    ("database", "Database"),
    ("datname", "Database"),
    ("dbname", "Database"),
    ("dbinstance_identifier", "DatabaseInstance"),
    ("bucket", "Bucket"),
    ("bucket_name", "Bucket"),
    ("certificate", "Certificate"),
    ("domain", "Domain"),
    ("url", "Address"),
    ("target", "Address"),
    ("monitor_url", "Address"),
];
/// Labels of those that are by custom called like the service which they belong to.
const OF_SERVICE: [&str; 2] = ["consumergroup", "consumer_group"];
/// Scrapes whose address is that of what they tell of.
const OF_HOST: [&str; 5] = ["node", "windows", "kubelet", "telegraf", "unix"];
/// The same by what their names contain.
const OF_HOST_BY_PART: [&str; 2] = ["node-exporter", "windows-exporter"];

type Labels = BTreeMap<String, String>;

/// The things that labels name.
pub(super) fn named(labels: &Labels, namespaces: &BTreeSet<String>) -> BTreeSet<EntityRef> {
    let namespace = namespaces.first().cloned();
    let thing = |kind: &str, name: &String| EntityRef {
        kind: kind.to_owned(),
        namespace: namespace.clone(),
        name: name.clone(),
    };
    let value = |label: &str| labels.get(label).filter(|value| !value.trim().is_empty());
    let things = THINGS
        .iter()
        .filter_map(|(label, kind)| Some(thing(kind, value(label)?)));
    // A page that is probed.
    let page = value("instance").filter(|instance| instance.contains('/'));
    let things = things.chain(page.map(|page| thing("Address", page)));
    let services = OF_SERVICE
        .iter()
        .filter_map(|label| Some(thing("Service", value(label)?)));
    things.chain(services.filter(|_| namespace.is_some())).collect()
}

/// The host at an address that was scraped; `None` for one that is no other than the scraper's, and for a page.
pub(super) fn host(address: &str) -> Option<EntityRef> {
    let here = address == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (!here && !address.contains('/')).then(|| EntityRef::cluster("Node", address))
}

/// Whether a scrape of that name tells of the host that it reads, and not of a service on it.
pub(super) fn is_of_host(job: &str) -> bool {
    let name = job.rsplit('/').next().unwrap_or(job).replace('_', "-");
    OF_HOST.contains(&name.as_str()) || OF_HOST_BY_PART.iter().any(|part| name.contains(part))
}
