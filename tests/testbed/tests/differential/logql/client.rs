//! What Claw's client asks: its searches in both, request by request, and what it makes of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::report::Window;
use claw_core::tool::ToolContext;
use claw_metrics::logs::loki::{Loki, LokiConfig};
use claw_metrics::logs::{LogQuery, LogSource as _};

use super::both::{Both, LEVEL};
use super::lines::{Begin, SECOND};
use crate::ask::Ask;

fn everything(begin: Begin) -> LogQuery {
    LogQuery {
        namespace: None,
        pod: None,
        container: None,
        labels: BTreeMap::new(),
        contains: None,
        window: Window {
            start: begin.at(0),
            end: begin.at(3600 * SECOND),
        },
        limit: 1000,
    }
}

/// Searches of all kinds.
fn searches(begin: Begin) -> Vec<LogQuery> {
    let text = |text: &str| Some(text.to_owned());
    let mut all = vec![everything(begin)];
    for namespace in ["shop", "bank", "zürich", "nowhere", "sh", "shop\"} or {a=\"b"] {
        all.push(LogQuery {
            namespace: text(namespace),
            ..everything(begin)
        });
    }
    for (pod, container) in [
        (Some("cart-1"), None),
        (Some("cart-1"), Some("cart")),
        (None, Some("postgres")),
        (Some("gone"), None),
    ] {
        let [pod, container] = [pod, container].map(|name: Option<&str>| name.map(str::to_owned));
        all.push(LogQuery {
            namespace: text("shop"),
            pod,
            container,
            ..everything(begin)
        });
    }
    for (name, value) in [
        ("app", "cart"),
        ("filename", "/var/log/a \"b\" \\c"),
        ("odd", "two\nlines"),
        ("service_name", "cart"),
        ("none", "x"),
        ("none", ""),
    ] {
        let labels = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        all.push(LogQuery {
            labels,
            ..everything(begin)
        });
    }
    for contains in [
        "refused",
        "REFUSED",
        "café",
        "☕",
        "\"quoted\"",
        "`ticked`",
        "back\\slash",
        "one\ntwo",
        "two\ttabbed",
        "[8]",
        "a.b",
        "\u{1b}[31m",
        " ",
        "nowhere",
        "№",
    ] {
        all.push(LogQuery {
            contains: text(contains),
            ..everything(begin)
        });
    }
    // Which lines of one moment are left is not promised, so of a stream that has one at a time.
    for limit in [1, 3, 10, 5000] {
        all.push(LogQuery {
            pod: text("cart-1"),
            limit,
            ..everything(begin)
        });
    }
    for (from, to) in [
        (0, 0),
        (100, 100),
        (90, 100),
        (100, 200),
        (200, 201),
        (300, 330),
        (-100, -1),
        (7200, 7300),
    ] {
        let window = Window {
            start: begin.at(from * SECOND),
            end: begin.at(to * SECOND),
        };
        all.push(LogQuery {
            window,
            ..everything(begin)
        });
    }
    let window = Window {
        start: begin.at(200 * SECOND + 1),
        end: begin.at(200 * SECOND + 3),
    };
    all.push(LogQuery {
        window,
        ..everything(begin)
    });
    all
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed: cargo run --bin claw-testbed -- test"]
async fn both_loki_answer_the_client_alike() {
    const TEST: &str = "searches for lines";
    let testbed = crate::testbed().await;
    let Some(mut both) = Both::start(&testbed, TEST).await else {
        return;
    };
    let config = |url: &str| LokiConfig::at(url);
    for search in searches(both.begin) {
        // Clients anew: each asks for the labels first.
        let real = Loki::new(config(both.own.url())).unwrap();
        let simulated = Loki::new(config(&both.server.url())).unwrap();
        let cx = ToolContext::new(Arc::new(SystemClock), Duration::from_secs(30));
        both.server.faults().clear_log();
        let (expected, got) = tokio::join!(real.search(&cx, &search), simulated.search(&cx, &search));
        let asked = both.server.faults().exchanges();
        assert!(!asked.is_empty());
        for exchange in &asked {
            // Labels of a part of the time are one of the known differences.
            if !exchange.path.ends_with("/labels") || search.window == everything(both.begin).window {
                both.same(&Ask::again(exchange)).await;
            }
        }
        let [expected, got] = [expected, got].map(|answer| {
            let mut answer = answer.map_err(|error| format!("{error:?}"))?;
            for line in &mut answer.lines {
                line.labels.remove(LEVEL);
            }
            // By which lines of one moment are ordered.
            answer
                .lines
                .sort_by(|a, b| (a.time, &a.labels).cmp(&(b.time, &b.labels)));
            Ok::<_, String>(answer)
        });
        if expected != got {
            let asked = Ask::get("search", &[("for", &format!("{search:?}"))]);
            both.differs(&asked, &format!("really {expected:?}\n    simulated {got:?}"));
        }
    }
    both.end(TEST);
}
