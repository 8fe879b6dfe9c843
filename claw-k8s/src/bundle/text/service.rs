//! Services and the endpoints that are printed with them.

use serde_json::{Map, Value, json};

use super::describe::{Head, pairs};
use super::outline::Item;
use super::table::Row;

/// A service that `kubectl describe service` prints, and its endpoints.
pub(super) fn described(root: &Item<'_>, head: &Head<'_>) -> Vec<Value> {
    let mut spec = Map::new();
    spec.insert("type".to_owned(), root.text("Type").unwrap_or("ClusterIP").into());
    let selector = root.get("Selector").map(pairs).unwrap_or_default();
    if !selector.is_empty() {
        spec.insert("selector".to_owned(), selector.into());
    }
    if let Some(ip) = root.text("IP").or_else(|| root.text("IPs")) {
        spec.insert("clusterIP".to_owned(), ip.into());
    }
    if let Some(name) = root.text("External Name") {
        spec.insert("externalName".to_owned(), name.into());
    }
    let mut ports: Vec<Map<String, Value>> = Vec::new();
    let mut addresses: Option<Vec<&str>> = None;
    for item in &root.items {
        match item.key {
            "Port" => ports.extend(port(item.value)),
            "TargetPort" => {
                let target = item.value.split('/').next().unwrap_or_default();
                let target = target.parse::<u16>().map_or_else(|_| target.into(), Value::from);
                if let Some(port) = ports.last_mut() {
                    port.insert("targetPort".to_owned(), target);
                }
            }
            "Endpoints" => {
                let listed = super::present(item.value)
                    .into_iter()
                    .flat_map(|list| list.split(','));
                let listed = listed
                    .map(str::trim)
                    // `10.0.0.1:8080,10.0.0.2:8080 + 3 more...`
                    .filter_map(|address| address.split_whitespace().next())
                    .map(|address| address.rsplit_once(':').map_or(address, |(ip, _)| ip));
                addresses.get_or_insert_default().extend(listed);
            }
            _ => {}
        }
    }
    spec.insert("ports".to_owned(), json!(ports));
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": head.metadata, "spec": spec});
    let mut found = vec![service];
    if let (Some(mut addresses), Some(namespace)) = (addresses, head.namespace) {
        addresses.sort_unstable();
        addresses.dedup();
        let endpoints: Vec<Value> = addresses
            .iter()
            .map(|address| json!({"addresses": [address], "conditions": {"ready": true}}))
            .collect();
        found.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": format!("{}-described", head.name), "namespace": namespace,
                "labels": {"kubernetes.io/service-name": head.name},
            },
            "endpoints": endpoints,
        }));
    }
    found
}

/// `http  80/TCP`.
fn port(text: &str) -> Option<Map<String, Value>> {
    let mut words = text.split_whitespace().rev();
    let (number, protocol) = words.next()?.split_once('/')?;
    let number: u16 = number.parse().ok()?;
    let mut port = Map::from_iter([
        ("port".to_owned(), number.into()),
        ("protocol".to_owned(), protocol.into()),
    ]);
    if let Some(name) = words.next().and_then(super::present) {
        port.insert("name".to_owned(), name.into());
    }
    Some(port)
}

/// A service in a table of `kubectl get services`.
pub(super) fn listed(row: &Row<'_>, metadata: Value) -> Value {
    let mut spec = Map::new();
    for (column, field) in [("TYPE", "type"), ("CLUSTER-IP", "clusterIP")] {
        if let Some(text) = row.get(column).and_then(|text| super::present(text)) {
            spec.insert(field.to_owned(), text.into());
        }
    }
    // `80:30080/TCP,443/TCP`
    let ports: Vec<Value> = row
        .get("PORT(S)")
        .and_then(|text| super::present(text))
        .into_iter()
        .flat_map(|text| text.split(','))
        .filter_map(|text| {
            let (numbers, protocol) = text.trim().split_once('/')?;
            let (port, node_port) = numbers
                .split_once(':')
                .map_or((numbers, None), |(port, node)| (port, Some(node)));
            let mut port = json!({"port": port.parse::<u16>().ok()?, "protocol": protocol});
            if let (Some(Ok(node_port)), Value::Object(map)) = (node_port.map(str::parse::<u16>), &mut port) {
                map.insert("nodePort".to_owned(), node_port.into());
            }
            Some(port)
        })
        .collect();
    spec.insert("ports".to_owned(), ports.into());
    if let Some(text) = row.get("SELECTOR").and_then(|text| super::present(text)) {
        let selector: Map<String, Value> = text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        spec.insert("selector".to_owned(), selector.into());
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}
