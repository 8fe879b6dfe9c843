//! Requests that go to two servers, their answers, and a tally of what differed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claw_core::clock::SystemClock;
use claw_core::http::{Client, ClientConfig};
use claw_core::tool::ToolContext;
use claw_testkit::faults::Exchange;
use serde_json::Value;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Differences that are shown at most: one cause often shows in many places.
const SHOWN: usize = 40;

/// What of two answers has to be equal besides status codes, kinds of errors, and results.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compare {
    /// The order of results that are not sorted by their labels anyway.
    pub(crate) order: bool,
    /// The text of an error.
    pub(crate) text: bool,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Below the base address.
    pub(crate) path: String,
    /// Names and values.
    pub(crate) parameters: Vec<(String, String)>,
    /// Whether they are sent as a form; otherwise in the address.
    pub(crate) posted: bool,
    pub(crate) compare: Compare,
}

impl Ask {
    pub(crate) fn get(path: &str, parameters: &[(&str, &str)]) -> Self {
        let owned = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            path: path.to_owned(),
            parameters: owned.collect(),
            posted: false,
            compare: Compare::default(),
        }
    }

    /// The request that a simulated server got.
    pub(crate) fn again(exchange: &Exchange) -> Self {
        let pairs =
            |bytes: &[u8]| -> Vec<(String, String)> { form_urlencoded::parse(bytes).into_owned().collect() };
        let mut parameters = pairs(exchange.query.as_bytes());
        parameters.extend(pairs(&exchange.body));
        Self {
            parameters,
            posted: exchange.method == "POST",
            ..Self::get(&exchange.path, &[])
        }
    }

    /// With one parameter more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The query among the parameters.
    fn query(&self) -> Option<&str> {
        let query = self.parameters.iter().find(|(name, _)| name == "query");
        query.map(|(_, query)| query.as_str())
    }

    pub(crate) fn posted(mut self) -> Self {
        self.posted = true;
        self
    }

    /// The order of the results has to be equal too.
    pub(crate) fn ordered(mut self) -> Self {
        self.compare.order = true;
        self
    }

    /// The text of an error has to be equal too.
    pub(crate) fn worded(mut self) -> Self {
        self.compare.text = true;
        self
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Its JSON, or its text.
    pub(crate) body: Value,
}

impl Answer {
    /// How many results there are; none of an error.
    pub(crate) fn results(&self) -> usize {
        let data = &self.body["data"];
        let results = if data["resultType"].is_string() {
            &data["result"]
        } else {
            data
        };
        // What is known of metrics has names.
        let named = results.as_object().map_or(0, serde_json::Map::len);
        results.as_array().map_or(named, Vec::len)
    }
}

/// Clients of the two servers.
pub(crate) struct Servers {
    real: Client,
    simulated: Client,
}

impl Servers {
    pub(crate) fn at(real: &str, simulated: &str) -> Self {
        let [real, simulated] = [real, simulated].map(|url| {
            let config = ClientConfig {
                max_retries: 0,
                ..ClientConfig::at(url)
            };
            Client::new(config).unwrap()
        });
        Self { real, simulated }
    }

    /// What both answer, the real one first.
    pub(crate) async fn answers(&self, ask: &Ask) -> [Answer; 2] {
        let (real, simulated) = tokio::join!(send(&self.real, ask), send(&self.simulated, ask));
        [real, simulated]
    }
}

async fn send(client: &Client, ask: &Ask) -> Answer {
    let parameters = ask
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let request = if ask.posted {
        client.post(&ask.path).form(parameters)
    } else {
        client.get(&ask.path).queries(parameters)
    };
    let cx = ToolContext::new(Arc::new(SystemClock), LIMIT);
    let answer = request.timeout(LIMIT).send_any(&cx).await.unwrap();
    let text = answer.text();
    Answer {
        status: answer.status(),
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

/// What was compared so far, and what differed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests that were compared.
    asked: usize,
    /// Those of them with at least one result.
    answered: usize,
    /// Queries, and whether one of their answers held a result.
    queries: BTreeMap<String, bool>,
    /// By what was asked: the first difference, and how often it differed.
    differences: BTreeMap<String, (String, usize)>,
}

impl Tally {
    /// Notes a comparison.
    pub(crate) fn note(&mut self, ask: &Ask, real: &Answer, difference: Option<String>) {
        let has_results = real.results() > 0;
        self.asked += 1;
        self.answered += usize::from(has_results);
        if let Some(query) = ask.query() {
            *self.queries.entry(query.to_owned()).or_default() |= has_results;
        }
        if let Some(difference) = difference {
            self.differs(ask, &difference);
        }
    }

    /// Notes a difference.
    pub(crate) fn differs(&mut self, ask: &Ask, difference: &str) {
        let parameters = ask
            .parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let parameters = parameters.collect::<Vec<_>>().join(" ");
        let asked = ask.query().unwrap_or(&parameters);
        let first = format!("{} {parameters}\n    {difference}", ask.path);
        let known = self
            .differences
            .entry(format!("{} {asked}", ask.path))
            .or_insert((first, 0));
        known.1 += 1;
    }

    /// Notes the queries that never had a result: they prove nothing, a name in them may be mistyped. Those of `empty` must have
    /// none, those for which `may_be_empty` holds need not have one.
    pub(crate) fn expect_results(&mut self, empty: &[&str], may_be_empty: impl Fn(&str) -> bool) {
        let mut wrong = Vec::new();
        for (query, has_results) in &self.queries {
            let listed = empty.contains(&query.as_str());
            if *has_results && listed {
                wrong.push((query.clone(), "is listed as one without results, and has some"));
            }
            if !*has_results && !listed && !may_be_empty(query) {
                wrong.push((query.clone(), "never had a result"));
            }
        }
        for query in empty.iter().filter(|query| !self.queries.contains_key(**query)) {
            wrong.push((
                (*query).to_owned(),
                "is listed as one without results, and was not asked",
            ));
        }
        for (query, why) in wrong {
            self.differs(&Ask::get("", &[("query", &query)]), why);
        }
    }

    /// Says how much was compared, and fails if there was a difference, or nothing to compare: empty answers are always equal.
    pub(crate) fn end(self, test: &str) {
        let Self {
            asked,
            answered,
            differences,
            ..
        } = self;
        println!("{test}: {asked} requests compared, {answered} with results");
        let shown: Vec<String> = differences
            .values()
            .take(SHOWN)
            .map(|(first, times)| format!("{times} times: {first}"))
            .collect();
        assert!(
            shown.is_empty(),
            "{} differ\n{}",
            differences.len(),
            shown.join("\n")
        );
        assert!(answered > 0, "{test}: no answer held a result");
    }
}

/// The beginning of what may be long.
pub(crate) fn short(value: &Value) -> String {
    const MOST: usize = 600;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
