//! `topology.jsonl`: who calls whom.

use claw_core::topology::CallEdge;

use super::entity::{CALLING, Names};
use super::lines;
use super::problem::Problems;

/// Reads the file. Lines without both ends become problems.
pub(super) fn read(
    name: &str,
    text: &str,
    limit: usize,
    names: &Names,
    problems: &mut Problems,
) -> Vec<CallEdge> {
    let mut edges = Vec::new();
    for (line, map) in lines::values(name, text, limit, problems) {
        let end = |keys: &[&str]| lines::first(&map, keys).and_then(|value| names.entity(value, CALLING));
        let from = end(&["from", "source", "caller", "client"]);
        let to = end(&["to", "destination", "target", "callee", "server"]);
        match (from, to) {
            (Some(from), Some(to)) => edges.push(CallEdge {
                from,
                to,
                protocol: lines::text(&map, &["protocol"]),
            }),
            _ => problems.add(name, Some(line), "has no `from` or no `to`; left out"),
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_objects() {
        let mut problems = Problems::new(10);
        let text = concat!(
            "{\"from\":\"web\",\"to\":\"cart\",\"protocol\":\"grpc\"}\n",
            "{\"from\":\"web\",\"to\":\"cart\",\"protocol\":\"grpc\"}\n",
            "{\"source\":{\"kind\":\"Pod\",\"namespace\":\"a\",\"name\":\"p\"},\"destination\":\"db.example.com:5432\"}\n",
            "{\"from\":\"web\"}\n",
        );
        let edges = read("topology.jsonl", text, 10, &Names::default(), &mut problems);
        let shown: Vec<_> = edges
            .iter()
            .map(|edge| format!("{}->{}", edge.from, edge.to))
            .collect();
        assert_eq!(
            shown,
            [
                "Pod a/p->ExternalHost db.example.com:5432",
                "Service web->Service cart"
            ]
        );
        assert_eq!(problems.finish().len(), 1);
    }
}
