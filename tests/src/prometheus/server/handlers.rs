//! One function for each endpoint.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::super::eval::{self, EvalError, Options, Outcome, Value};
use super::super::labels::Labels;
use super::super::matcher::Matcher;
use super::super::store::Store;
use super::params::Params;
use super::reply::{self, ApiError};
use super::{Shared, encode};

type Answer = Result<Response, ApiError>;

/// More points than this for one series are refused.
const MAX_POINTS: i64 = 11_000;
const TRUNCATED: &str = "results truncated due to limit";

pub(super) async fn query(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let limit = params.limit("limit")?;
    let time = params.time("time")?.unwrap_or_else(|| shared.now());
    let query = params.get("query").unwrap_or_default().to_owned();
    let outcome = evaluate(&shared, &params, move |store, options| {
        eval::instant(store, &query, time, options)
    })
    .await?;
    Ok(answer(outcome, limit))
}

pub(super) async fn query_range(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let limit = params.limit("limit")?;
    let start = params.required_time("start")?;
    let end = params.required_time("end")?;
    if end < start {
        return Err(ApiError::bad_data(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    let step = params.step()?;
    if step <= 0 {
        return Err(ApiError::bad_data(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. \
             Try a positive integer",
        ));
    }
    if end.saturating_sub(start) / step > MAX_POINTS {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. \
             Try decreasing the query resolution (?step=XX)",
        ));
    }
    let query = params.get("query").unwrap_or_default().to_owned();
    let outcome = evaluate(&shared, &params, move |store, options| {
        eval::range(store, &query, (start, end), step, options)
    })
    .await?;
    Ok(answer(outcome, limit))
}

/// Runs an evaluation aside of the async threads. It ends with its time, or when nobody waits for it any more.
async fn evaluate(
    shared: &Shared,
    params: &Params,
    work: impl FnOnce(&Store, &Options) -> Result<Outcome, EvalError> + Send + 'static,
) -> Result<Outcome, ApiError> {
    let cancel = Arc::new(AtomicBool::new(false));
    let mut options = Options {
        cancel: cancel.clone(),
        ..shared.options.clone()
    };
    let asked = params.timeout()?.map(Duration::from_millis);
    if let Some(lookback) = params.lookback()? {
        options.lookback_ms = lookback;
    }
    let time_limit = asked.unwrap_or(shared.timeout).min(shared.timeout);
    let store = shared.store();
    let _cancel_on_drop = CancelOnDrop(cancel);
    let work = tokio::task::spawn_blocking(move || work(&store, &options));
    match tokio::time::timeout(time_limit, work).await {
        Ok(Ok(result)) => result.map_err(ApiError::from),
        Ok(Err(error)) => Err(ApiError::internal(error.to_string())),
        Err(_) => Err(EvalError::TimedOut.into()),
    }
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn answer(mut outcome: Outcome, limit: Option<usize>) -> Response {
    if let Some(limit) = limit {
        let before = match &outcome.value {
            Value::Vector(samples) => samples.len(),
            Value::Matrix(series) => series.len(),
            _ => 0,
        };
        match &mut outcome.value {
            Value::Vector(samples) => samples.truncate(limit),
            Value::Matrix(series) => series.truncate(limit),
            _ => {}
        }
        if before > limit {
            outcome.warnings.push(TRUNCATED.to_owned());
        }
    }
    reply::raw_success(&encode::data(&outcome.value), &outcome.warnings, &outcome.infos)
}

pub(super) async fn series(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let limit = params.limit("limit")?;
    let found = selected(&shared.store(), &params, |error| {
        ApiError::in_parameter("match[]", error)
    })?;
    Ok(limited(found.into_iter().collect::<Vec<_>>(), limit))
}

pub(super) async fn labels(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let limit = params.limit("limit")?;
    let found = selected(&shared.store(), &params, |error| {
        ApiError::bad_data(error.to_string())
    })?;
    let names: BTreeSet<String> = found
        .iter()
        .flat_map(|labels| labels.iter().map(|(name, _)| name.to_owned()))
        .collect();
    Ok(limited(names.into_iter().collect::<Vec<_>>(), limit))
}

pub(super) async fn label_values(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let name = unescaped(&name);
    let limit = params.limit("limit")?;
    let found = selected(&shared.store(), &params, |error| {
        ApiError::bad_data(error.to_string())
    })?;
    let values: BTreeSet<String> = found
        .iter()
        .map(|labels| labels.get(&name).to_owned())
        .filter(|value| !value.is_empty())
        .collect();
    Ok(limited(values.into_iter().collect::<Vec<_>>(), limit))
}

/// A label's name, in which `U__` at the start says that `_2e_` stands for a dot and `__` for an underscore.
fn unescaped(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else {
        return name.to_owned();
    };
    let mut text = String::new();
    let mut rest = escaped;
    while let Some((plain, code)) = rest.split_once('_') {
        text.push_str(plain);
        if let Some(after) = code.strip_prefix('_') {
            text.push('_');
            rest = after;
            continue;
        }
        let character = code.split_once('_').and_then(|(code, after)| {
            let character = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
            Some((character, after))
        });
        let Some((character, after)) = character else {
            return name.to_owned();
        };
        text.push(character);
        rest = after;
    }
    text + rest
}

/// The labels of the series that one of the `match[]` parameters selects and that have samples in the given time.
fn selected(
    store: &Store,
    params: &Params,
    refuse: impl Fn(&EvalError) -> ApiError,
) -> Result<BTreeSet<Labels>, ApiError> {
    let start = params.time("start")?.unwrap_or(i64::MIN);
    let end = params.time("end")?.unwrap_or(i64::MAX);
    let mut wanted = params
        .all("match[]")
        .map(|text| {
            eval::parse_selector(text)
                .and_then(|selector| Matcher::of_selector(&selector))
                .map_err(|error| refuse(&error))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if wanted.is_empty() {
        wanted.push(Vec::new());
    }
    let found = wanted.iter().flat_map(|matchers| store.select(matchers));
    Ok(found
        .filter(|stored| {
            let after = stored.points.partition_point(|point| point.0 < start);
            stored.points.get(after).is_some_and(|point| point.0 <= end)
        })
        .map(|stored| stored.labels.clone())
        .collect())
}

fn limited<T: serde::Serialize>(mut items: Vec<T>, limit: Option<usize>) -> Response {
    let mut warnings = Vec::new();
    if let Some(limit) = limit
        && items.len() > limit
    {
        items.truncate(limit);
        warnings.push(TRUNCATED.to_owned());
    }
    reply::success(&items, &warnings)
}

pub(super) async fn metadata(State(shared): State<Arc<Shared>>, params: Params) -> Answer {
    let store = shared.store();
    let limit = params.count("limit")?.unwrap_or(usize::MAX);
    let per_metric = params
        .count("limit_per_metric")?
        .filter(|count| *count > 0)
        .unwrap_or(usize::MAX);
    let wanted = params.get("metric");
    let data: Map<String, Json> = store
        .metadata()
        .iter()
        .filter(|(metric, _)| wanted.is_none_or(|wanted| wanted == metric.as_str()))
        .take(limit)
        .map(|(metric, all)| {
            let all = all.iter().take(per_metric);
            let all = all
                .map(|m| json!({ "type": m.kind, "help": m.help, "unit": m.unit }))
                .collect();
            (metric.clone(), Json::Array(all))
        })
        .collect();
    Ok(reply::success(&data, &[]))
}

pub(super) async fn build_info() -> Response {
    let data = json!({
        "version": "3.5.0",
        "revision": "simulated",
        "branch": "HEAD",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    reply::success(&data, &[])
}
