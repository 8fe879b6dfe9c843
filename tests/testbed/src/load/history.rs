//! Weeks of metrics for the pods that run now, imported into Prometheus.
//!
//! Series have the labels that a scrape gives, so that the past and what is scraped from now on are one series.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use super::shape::Shape;
use super::{SELECTOR, text};
use crate::api::Api;
use crate::error::{Error, last_line};
use crate::random::Random;

const SEED: u64 = 3;

/// Which span, and how fine.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The present, in seconds since 1970.
    pub now: i64,
    /// How far back.
    pub days: u32,
    /// Seconds between two samples.
    pub step: u32,
}

impl Span {
    fn times(&self) -> Vec<i64> {
        let step = i64::from(self.step.max(1));
        let end = self.now / step * step;
        let begin = end - i64::from(self.days) * 86_400 / step * step;
        (0..(end - begin) / step)
            .map(|number| begin + number * step)
            .collect()
    }

    /// The longest block that promtool may make: it reads the whole text once for each.
    fn block(&self) -> String {
        let mut hours = 2;
        while hours < self.days * 24 {
            hours *= 3;
        }
        format!("{hours}h")
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Series.
    pub series: u64,
    /// Samples in them.
    pub samples: u64,
}

/// One container, and what it uses on average.
struct Container {
    labels: String,
    cores: f64,
    bytes: f64,
    limit: f64,
    workload: String,
    /// Differs between pods of one workload.
    scale: f64,
    offset: f64,
}

/// Writes the history of all pods of the fleet as OpenMetrics text.
pub async fn write(api: &Api, span: Span, path: &Path) -> Result<Written, Error> {
    let pods = api.list("/api/v1/pods", SELECTOR).await?;
    let containers: Vec<_> = pods.iter().flat_map(containers).collect();
    if containers.is_empty() {
        let why = format!("no pod with the label {SELECTOR} is on a node; make a fleet first");
        return Err(Error::Service {
            doing: "write history".to_owned(),
            why,
        });
    }
    let failed = |error| Error::io("write", path)(error);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(failed)?);
    let written = write_series(&containers, &span.times(), &mut file).map_err(failed)?;
    file.flush().map_err(failed)?;
    Ok(written)
}

fn write_series(containers: &[Container], times: &[i64], file: &mut impl Write) -> std::io::Result<Written> {
    let mut written = Written::default();
    let mut put = |file: &mut dyn Write, name: &str, labels: &str, values: &mut dyn Iterator<Item = f64>| {
        let mut text = String::with_capacity(times.len() * 64);
        for (time, value) in times.iter().zip(values) {
            text.push_str(&format!("{name}{{{labels}}} {value} {time}\n"));
            written.samples += 1;
        }
        written.series += 1;
        file.write_all(text.as_bytes())
    };
    let mut shapes = BTreeMap::new();
    for container in containers {
        let name = &container.workload;
        shapes.entry(name.as_str()).or_insert_with(|| {
            let (mut cores, mut bytes) = (Shape::of(SEED, name), Shape::of(SEED + 1, name));
            (cores.factors(times), bytes.factors(times), bytes.leak)
        });
    }
    file.write_all(b"# TYPE container_cpu_usage_seconds counter\n")?;
    let step = times
        .get(1)
        .zip(times.first())
        .map_or(0, |(second, first)| second - first) as f64;
    for container in containers {
        let Some((factors, _, _)) = shapes.get(container.workload.as_str()) else {
            continue;
        };
        let mut total = 0.0;
        let mut values = factors.iter().map(|factor| {
            total += container.cores * container.scale * factor * step;
            (total * 1000.0_f64).round() / 1000.0
        });
        put(
            file,
            "container_cpu_usage_seconds_total",
            &container.labels,
            &mut values,
        )?;
    }
    file.write_all(b"# TYPE container_memory_working_set_bytes gauge\n")?;
    for container in containers {
        let Some((_, factors, leak)) = shapes.get(container.workload.as_str()) else {
            continue;
        };
        let mut values = times.iter().zip(factors).map(|(time, factor)| match leak {
            Some(period) => container.leaking(*time, *period),
            // Memory moves less than processors do, and never above the limit.
            None => (container.bytes * container.scale * (0.75 + 0.25 * factor))
                .min(container.limit * 0.98)
                .round(),
        });
        put(
            file,
            "container_memory_working_set_bytes",
            &container.labels,
            &mut values,
        )?;
    }
    file.write_all(b"# EOF\n")?;
    Ok(written)
}

impl Container {
    /// Grows to the limit and begins anew.
    fn leaking(&self, time: i64, period: f64) -> f64 {
        let low = (self.bytes * self.scale).min(self.limit / 2.0);
        let share = ((time as f64 + self.offset) % period) / period;
        (low + (self.limit - low) * share).round()
    }
}

/// The containers of a pod that has a node.
fn containers(pod: &Value) -> Vec<Container> {
    let (node, name, namespace) = (
        text(pod, "/spec/nodeName"),
        text(pod, "/metadata/name"),
        text(pod, "/metadata/namespace"),
    );
    if node.is_empty() {
        return Vec::new();
    }
    let annotation = |name: &str| text(pod, &format!("/metadata/annotations/kwok.x-k8s.io~1{name}"));
    let cores = quantity(annotation("usage-cpu")).unwrap_or(0.001);
    let bytes = quantity(annotation("usage-memory")).unwrap_or(1_048_576.0);
    let mut random = Random::of(SEED, name);
    let described = pod.pointer("/spec/containers").and_then(Value::as_array);
    let one = |container: &Value| Container {
        labels: format!(
            r#"container="{}",instance="{node}",job="kubelet",namespace="{namespace}",node="{node}",pod="{name}""#,
            text(container, "/name"),
        ),
        cores,
        bytes,
        limit: quantity(text(container, "/resources/limits/memory")).unwrap_or(bytes * 2.0),
        workload: format!("{namespace}/{}", text(pod, "/metadata/labels/app")),
        scale: random.between(0.85, 1.15),
        offset: random.between(0.0, 86_400.0),
    };
    described.into_iter().flatten().map(one).collect()
}

/// A quantity of Kubernetes in cores or bytes.
fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 6] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("m", 0.001),
        ("M", 1e6),
        ("G", 1e9),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (number, factor) = unit.unwrap_or((text, &1.0));
    number.parse::<f64>().ok().map(|number| number * factor)
}

/// Makes blocks of the text in Prometheus' folder. It finds them within a minute.
pub async fn import(promtool: &Path, text: &Path, data: &Path, span: Span) -> Result<(), Error> {
    let output = tokio::process::Command::new(promtool)
        .args(["tsdb", "create-blocks-from", "openmetrics", "--quiet"])
        .arg(format!("--max-block-duration={}", span.block()))
        .args([PathBuf::from(text), PathBuf::from(data)])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::io("run", promtool))?;
    if output.status.success() {
        return Ok(());
    }
    let why = last_line(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Program {
        program: "promtool tsdb create-blocks-from".to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_cores_and_bytes() {
        assert_eq!(quantity("250m"), Some(0.25));
        assert_eq!(quantity("2Gi"), Some(2_147_483_648.0));
        assert_eq!(quantity("3"), Some(3.0));
        assert_eq!(quantity(""), None);
    }

    #[test]
    fn a_pod_gets_the_series_that_a_scrape_would_continue() {
        let pod = json!({
            "metadata": {
                "name": "cart-1", "namespace": "shop", "labels": { "app": "cart" },
                "annotations": { "kwok.x-k8s.io/usage-cpu": "100m", "kwok.x-k8s.io/usage-memory": "64Mi" },
            },
            "spec": { "nodeName": "node-000", "containers": [{ "name": "main" }] },
        });
        let span = Span {
            now: 1_000_000_123,
            days: 1,
            step: 3600,
        };
        let mut text = Vec::new();
        let written = write_series(&containers(&pod), &span.times(), &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!((written.series, written.samples), (2, 48));
        assert!(text.ends_with("# EOF\n"));
        let line = text.lines().nth(1).unwrap();
        let labels = r#"{container="main",instance="node-000",job="kubelet",namespace="shop",node="node-000",pod="cart-1"}"#;
        assert!(
            line.starts_with(&format!("container_cpu_usage_seconds_total{labels} ")),
            "{line}"
        );
        assert!(containers(&json!({ "metadata": { "name": "pending" } })).is_empty());
    }

    #[test]
    fn one_block_holds_the_span() {
        let block = |days| {
            Span {
                now: 0,
                days,
                step: 300,
            }
            .block()
        };
        assert_eq!((block(1).as_str(), block(14).as_str()), ("54h", "486h"));
    }
}
