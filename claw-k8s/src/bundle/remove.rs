//! Takes single pieces of evidence out of a bundle: an honest report must change when its evidence is gone.

use claw_core::evidence::{Source, SourceKind};
use claw_core::topology::CallEdge;
use serde_json::Value;

use super::Bundle;
use super::content::Content;
use super::series::Series;

impl Bundle {
    /// A copy without what `source` points at, and with everything else. See [`Bundle::remove`].
    #[must_use]
    pub fn without(&self, source: &Source) -> Self {
        let mut copy = self.clone();
        copy.remove(source);
        copy
    }

    /// Removes what `source` points at and returns how many objects, lines, samples, changes or edges went. 0 means
    /// that the bundle does not hold it: it may be derived from other evidence.
    pub fn remove(&mut self, source: &Source) -> usize {
        let locator = source.locator.as_str();
        match source.kind {
            SourceKind::Object => match locator.splitn(3, '/').collect::<Vec<_>>().as_slice() {
                [kind, namespace, name] => self.remove_objects(kind, namespace, name),
                _ => 0,
            },
            SourceKind::Event => match locator.split_once('/') {
                Some((namespace, name)) => self.remove_objects("Event", namespace, name),
                None => self.remove_objects("Event", "", locator),
            },
            SourceKind::Log => self.remove_log(locator),
            SourceKind::Metric => self.remove_series(locator),
            SourceKind::Change => retain(&mut self.changes, |change| change.reference != locator),
            SourceKind::Topology => match locator.split_once("->") {
                Some((from, to)) => retain(&mut self.topology, |edge| !is_edge(edge, from.trim(), to.trim())),
                None => 0,
            },
            SourceKind::Alert => self.remove_alert(locator),
            _ => 0,
        }
    }

    fn remove_objects(&mut self, kind: &str, namespace: &str, name: &str) -> usize {
        let text = |object: &Value, pointer: &str, wanted: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                == wanted
        };
        retain(&mut self.objects, |object| {
            !(text(object, "/kind", kind)
                && text(object, "/metadata/namespace", namespace)
                && text(object, "/metadata/name", name))
        })
    }

    fn remove_log(&mut self, locator: &str) -> usize {
        let files = retain(&mut self.logs, |log| log.locator() != locator);
        let lines = retain(&mut self.log_lines, |line| {
            let label = |name: &str| line.labels.get(name).map_or("", String::as_str);
            format!("{}/{}/{}", label("namespace"), label("pod"), label("container")) != locator
        });
        files.saturating_add(lines)
    }

    fn remove_series(&mut self, locator: &str) -> usize {
        let Some(series) = Series::parse(locator) else {
            return 0;
        };
        let mut removed = 0_usize;
        for file in &mut self.metrics {
            let Ok(text) = file.content.read() else {
                continue;
            };
            if let Some((rest, count)) = series.cut(file, &text) {
                file.content = Content::text(rest);
                removed = removed.saturating_add(count);
            }
        }
        removed
    }

    fn remove_alert(&mut self, locator: &str) -> usize {
        let Some(Value::Array(alerts)) = self.alert.as_mut().and_then(|alert| alert.get_mut("alerts")) else {
            return 0;
        };
        let removed = retain(alerts, |alert| {
            ["/fingerprint", "/labels/alertname"]
                .iter()
                .all(|pointer| alert.pointer(pointer).and_then(Value::as_str) != Some(locator))
        });
        if alerts.is_empty() {
            self.alert = None;
        }
        removed
    }
}

/// Keeps what `keep` says and counts the rest.
fn retain<T>(list: &mut Vec<T>, keep: impl FnMut(&T) -> bool) -> usize {
    let before = list.len();
    list.retain(keep);
    before.saturating_sub(list.len())
}

fn is_edge(edge: &CallEdge, from: &str, to: &str) -> bool {
    [(&edge.from, from), (&edge.to, to)]
        .iter()
        .all(|(end, wanted)| end.name == *wanted || end.path() == *wanted || end.to_string() == *wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use claw_core::entity::EntityRef;
    use serde_json::json;

    use super::super::logs::{LogFile, LogLine};
    use super::super::metrics::{MetricsFile, MetricsFormat};
    use super::*;

    fn bundle() -> Bundle {
        let mut bundle = Bundle::empty();
        bundle.objects = vec![
            json!({"kind": "Event", "metadata": {"namespace": "a", "name": "p"}}),
            json!({"kind": "Node", "metadata": {"name": "n"}}),
            json!({"kind": "Pod", "metadata": {"namespace": "a", "name": "p"}}),
            json!({"kind": "Pod", "metadata": {"namespace": "b", "name": "p"}}),
        ];
        for previous in [false, true] {
            bundle.logs.push(LogFile {
                namespace: "a".into(),
                pod: "p".into(),
                container: "c".into(),
                previous,
                content: Content::text("x"),
            });
        }
        let labels = [("namespace", "a"), ("pod", "p"), ("container", "c")];
        bundle.log_lines.push(LogLine {
            time: jiff::Timestamp::UNIX_EPOCH,
            labels: labels
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            line: "x".into(),
        });
        bundle.log_lines.push(LogLine {
            time: jiff::Timestamp::UNIX_EPOCH,
            labels: BTreeMap::new(),
            line: "x".into(),
        });
        bundle.metrics.push(MetricsFile {
            name: "m.om".into(),
            format: MetricsFormat::OpenMetrics,
            content: Content::text("m{pod=\"p\"} 1 1\nm{pod=\"p\"} 2 2\nm{pod=\"q\"} 1 1\n"),
        });
        bundle.topology.push(CallEdge {
            from: EntityRef::namespaced("Service", "a", "x"),
            to: EntityRef::external("h"),
            protocol: None,
        });
        bundle.alert = Some(json!({"alerts": [{"fingerprint": "f", "labels": {"alertname": "N"}}]}));
        bundle
    }

    #[test]
    fn removes_exactly_what_is_named() {
        for (source, removed) in [
            ("object:Pod/a/p", 1),
            ("object:Node//n", 1),
            ("object:Pod/c/p", 0),
            ("object:Pod", 0),
            ("event:a/p", 1),
            ("log:a/p/c", 2),
            ("log:a/p/c.previous", 1),
            ("metric:m{pod=\"p\"}", 2),
            ("metric:m", 3),
            ("metric:n", 0),
            ("change:r1", 0),
            ("topology:x->h", 1),
            ("topology:a/x->h", 1),
            ("topology:Service a/x->ExternalHost h", 1),
            ("topology:x->y", 0),
            ("alert:f", 1),
            ("alert:N", 1),
        ] {
            assert_eq!(bundle().remove(&source.parse().unwrap()), removed, "{source}");
        }
        let without = bundle().without(&"event:a/p".parse().unwrap());
        assert_eq!(without.objects.len(), 3);
        assert!(bundle().without(&"alert:f".parse().unwrap()).alert.is_none());
    }
}
