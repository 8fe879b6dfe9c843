//! Lines of several streams, with times that collide and texts that have to be quoted.

use claw_core::clock::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One line: the stream's labels, nanoseconds since the lines begin, text.
type Line = (&'static [(&'static str, &'static str)], i64, String);

/// When the lines begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin(pub(super) i64);

impl Begin {
    /// An hour or two ago: older lines the real server puts away at once, where it does not find them for minutes.
    pub(super) fn recent() -> Self {
        let hour = SystemClock.now().as_second().div_euclid(3600);
        Self((hour - 1) * 3600)
    }

    /// A time after the beginning.
    pub(super) fn at(self, nanoseconds: i64) -> Timestamp {
        Timestamp::from_second(self.0).unwrap() + SignedDuration::from_nanos(nanoseconds)
    }

    /// Nanoseconds since 1970, from seconds after the beginning.
    pub(super) fn nanoseconds(self, seconds: i64) -> String {
        self.at(seconds * SECOND).as_nanosecond().to_string()
    }
}

const CART_1: &[(&str, &str)] = &[
    ("namespace", "shop"),
    ("pod", "cart-1"),
    ("container", "cart"),
    ("app", "cart"),
];
const CART_2: &[(&str, &str)] = &[
    ("namespace", "shop"),
    ("pod", "cart-2"),
    ("container", "cart"),
    ("app", "cart"),
];
const DB: &[(&str, &str)] = &[("namespace", "shop"), ("pod", "db-0"), ("container", "postgres")];
const LEDGER: &[(&str, &str)] = &[
    ("namespace", "bank"),
    ("pod", "ledger-1"),
    ("container", "main"),
    ("service_name", "ledger"),
];
const HOST: &[(&str, &str)] = &[("job", "varlogs"), ("filename", "/var/log/a \"b\" \\c")];
const ODD: &[(&str, &str)] = &[("namespace", "zürich"), ("odd", "two\nlines")];

pub(super) const SECOND: i64 = 1_000_000_000;

fn lines() -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut put = |stream, time: i64, text: &str| lines.push((stream, time, text.to_owned()));
    for n in 0..40 {
        let text = match n % 8 {
            0 => format!("GET /cart/{n} 200 in {} ms", n * 3),
            1 => format!("level=error msg=\"connection refused\" attempt={n}"),
            2 => format!("{{\"level\":\"warn\",\"msg\":\"slow\",\"n\":{n}}}"),
            3 => format!("2025-02-19T22:00:{n:02}Z INFO started worker {n}"),
            4 => format!("ERROR: deadlock detected ({n})"),
            5 => format!("payment refused for café №{n} ☕"),
            6 => format!("panic: runtime error [{n}] \"quoted\" `ticked` back\\slash"),
            _ => format!("plain line {n}"),
        };
        put(if n % 2 == 0 { CART_1 } else { CART_2 }, n * 30 * SECOND, &text);
        // The same moment in another stream.
        put(DB, n * 30 * SECOND, &format!("LOG: checkpoint {n}"));
    }
    // Several lines at one moment, one of them twice; and moments a nanosecond apart.
    for text in [
        "first at once",
        "second at once",
        "first at once",
        "third at once",
    ] {
        put(LEDGER, 100 * SECOND, text);
    }
    for n in 0..5 {
        put(LEDGER, 200 * SECOND + n, &format!("a nanosecond later {n}"));
    }
    put(LEDGER, 90 * SECOND, "comes late");
    put(
        HOST,
        10 * SECOND,
        "Feb 19 22:00:10 host sshd[1]: Failed password for root",
    );
    put(ODD, 20 * SECOND, "one\ntwo\ttabbed");
    put(ODD, 21 * SECOND, "\u{1b}[31mred\u{1b}[0m");
    put(ODD, 22 * SECOND, " spaces around ");
    put(ODD, 23 * SECOND, &"long ".repeat(3000));
    put(ODD, 24 * SECOND, "");
    lines
}

/// The lines as a body of the push API.
pub(super) fn pushed(begin: Begin) -> Value {
    let streams: Vec<Value> = lines()
        .into_iter()
        .map(|(labels, time, text)| {
            let labels: serde_json::Map<String, Value> = labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            json!({ "stream": labels, "values": [[begin.at(time).as_nanosecond().to_string(), text]] })
        })
        .collect();
    json!({ "streams": streams })
}
