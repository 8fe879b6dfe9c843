//! What a log store has, where the kubelets have nothing.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::entity::EntityRef;
use claw_core::report::Window;
use claw_core::tool::Tool as _;
use claw_core::workflow::{StepContext, StepError};
use claw_metrics::tools::{SearchLogs, SearchLogsInput, SearchLogsOutput};
use jiff::SignedDuration;

use super::reading::settle;
use crate::incident::case::Case;
use crate::incident::logs::{self, Digest};

/// Namespaces that the log store is asked for.
const MAX_SEARCHES: usize = 3;
/// Lines that the log store is asked for in one call.
const SEARCHED_LINES: u32 = 5_000;
/// How long before the trouble began the log store is asked for.
const BEFORE_ONSET: SignedDuration = SignedDuration::from_mins(45);
/// How long after that.
const AFTER_ONSET: SignedDuration = SignedDuration::from_mins(30);
/// How long before and after it is asked for where so many lines were written that the newest ones do not go back to the
/// beginning of the trouble.
const NEARER: [(SignedDuration, SignedDuration); 3] = [
    (BEFORE_ONSET, AFTER_ONSET),
    (SignedDuration::from_mins(10), SignedDuration::from_mins(5)),
    (SignedDuration::from_mins(2), SignedDuration::from_mins(1)),
];

/// What the log store has of the namespaces, where the kubelets do not have it: of pods that are gone, of systems whose pods
/// are not known, and from the time when the trouble began.
pub(super) async fn search(cx: &StepContext, case: &mut Case) -> Result<(), StepError> {
    let mut namespaces: BTreeSet<String> = case.namespaces.clone();
    namespaces.extend(
        case.signals
            .iter()
            .filter_map(|signal| signal.entity.namespace.clone()),
    );
    namespaces.extend(case.subject.iter().filter_map(|entity| entity.namespace.clone()));
    let namespaces: BTreeSet<String> = namespaces.into_iter().take(MAX_SEARCHES).collect();
    let mut found = 0;
    for namespace in &namespaces {
        found += search_in(cx, case, Some(namespace.clone()), |_| true).await?;
    }
    let known = !namespaces.is_empty() && !case.objects.pods.is_empty();
    if found > 0 || known || case.silent.contains(SearchLogs::NAME) {
        return Ok(());
    }
    // Recordings that hold nothing but logs may name no namespace, or not as the metrics do.
    let fits = |labels: &BTreeMap<String, String>| {
        let other = |name: &String| !namespaces.is_empty() && !namespaces.contains(name);
        !labels.get("namespace").is_some_and(other)
    };
    found += search_in(cx, case, None, fits).await?;
    if found == 0 && !namespaces.is_empty() && !case.silent.contains(SearchLogs::NAME) {
        let names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        case.gap(
            SearchLogs::NAME,
            format!(
                "the log store has no lines of {} from that time",
                names.join(", ")
            ),
            "see that logs of these namespaces are collected, and what their labels are called",
        );
    }
    Ok(())
}

/// Asks the log store once, adds the digests of what was not read otherwise, and returns how many lines there were.
async fn search_in(
    cx: &StepContext,
    case: &mut Case,
    namespace: Option<String>,
    fits: impl Fn(&BTreeMap<String, String>) -> bool + Send,
) -> Result<usize, StepError> {
    if case.silent.contains(SearchLogs::NAME) {
        return Ok(0);
    }
    let Some((span, mut answer)) = reach_back(cx, case, &namespace).await? else {
        return Ok(0);
    };
    answer.lines.retain(|line| fits(&line.labels));
    let mut by_source: BTreeMap<(EntityRef, String), String> = BTreeMap::new();
    for line in &answer.lines {
        let text = by_source.entry(logs::source_of(&line.labels)).or_default();
        text.push_str(&line.time.to_string());
        text.push(' ');
        text.push_str(&line.line);
        text.push('\n');
    }
    let read: BTreeSet<(EntityRef, String)> = case
        .logs
        .iter()
        .map(|digest| (digest.pod.clone(), digest.container.clone()))
        .collect();
    let digests: Vec<Digest> = by_source
        .into_iter()
        .filter(|(source, _)| !read.contains(source))
        .map(|((pod, container), text)| {
            logs::digest(
                pod,
                container,
                false,
                text.as_bytes(),
                span.start,
                case.began,
                answer.truncated,
            )
        })
        .collect();
    case.logs.extend(digests);
    for warning in answer.warnings {
        case.gap(
            SearchLogs::NAME,
            format!("the log store warns: {warning}"),
            "see the log store's own log",
        );
    }
    Ok(answer.lines.len())
}

/// Lines of a namespace, with the time that they are from. Of more than one answer holds there are the newest ones: the time
/// is narrowed until they go back to when the trouble began.
async fn reach_back(
    cx: &StepContext,
    case: &mut Case,
    namespace: &Option<String>,
) -> Result<Option<(Window, SearchLogsOutput)>, StepError> {
    let mut span = if case.objects.pods.is_empty() {
        case.window
    } else {
        around_onset(case, BEFORE_ONSET, AFTER_ONSET)
    };
    let whole = span;
    let mut cut = false;
    let mut nearer = NEARER.iter();
    loop {
        let input = SearchLogsInput {
            namespace: namespace.clone(),
            pod: None,
            container: None,
            labels: BTreeMap::new(),
            contains: None,
            start: span.start,
            end: span.end,
            limit: Some(SEARCHED_LINES),
        };
        let answer = cx
            .observe::<SearchLogs>(input, "what the systems in question logged")
            .await;
        let Some(answer) = settle::<SearchLogs>(cx, case, answer)? else {
            return Ok(None);
        };
        cut |= answer.truncated;
        let oldest = answer.lines.first().map(|line| line.time);
        let late = answer.truncated
            && oldest
                .zip(case.began)
                .is_some_and(|(oldest, began)| oldest > began);
        let next = nearer
            .by_ref()
            .map(|(before, after)| around_onset(case, *before, *after))
            .find(|next| *next != span);
        if let Some(next) = next.filter(|_| late) {
            span = next;
            continue;
        }
        if cut {
            let from = oldest.filter(|_| answer.truncated).unwrap_or(span.start);
            case.gap(
                SearchLogs::NAME,
                format!(
                    "from {} to {} more was logged{} than one search gives; read was what is from {from} to {}",
                    whole.start,
                    whole.end,
                    namespace.iter().map(|name| format!(" in {name}")).collect::<String>(),
                    span.end
                ),
                "search the log store for the rest by hand",
            );
        }
        return Ok(Some((span, answer)));
    }
}

/// The time around the beginning of the trouble, in which logs tell most; the whole window where that is not known.
fn around_onset(case: &Case, before: SignedDuration, after: SignedDuration) -> Window {
    let Some(began) = case.began else {
        return case.window;
    };
    let start = began.checked_sub(before).unwrap_or(case.window.start);
    let end = began.checked_add(after).unwrap_or(case.window.end);
    Window {
        start: start.clamp(case.window.start, case.window.end),
        end: end.clamp(case.window.start, case.window.end),
    }
}
