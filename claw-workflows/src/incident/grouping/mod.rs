//! Which alerts belong to one incident.
//!
//! Two alerts belong together when they are about the same thing, when one thing feels the other's trouble, or when both
//! feel that of a third; and the less direct that is, the closer together they have to begin. What belongs to the same as a
//! third belongs together; but what has a cause is not looked for another, and nothing is a common cause of two that does not
//! trouble most of what calls it. The same names in two clusters, environments or regions are two things, unless the same begins
//! in three clusters of a region at once. Where nothing is known of what calls what, the labels alone decide, and a namespace
//! has to do.
//!
//! ```
//! use claw_workflows::incident::grouping::{Surroundings, group};
//! use claw_workflows::trigger::Alert;
//! use claw_workflows::trigger::alerts::parse_list;
//!
//! let listed = parse_list(
//!     r#"{"labels":{"alertname":"HighErrorRate","namespace":"shop","service":"cart"},"startsAt":"2026-03-01T10:00:00Z"}
//!        {"labels":{"alertname":"PodCrashLooping","namespace":"shop","pod":"cart-7d9c5b6f4-x8k2p"},"startsAt":"2026-03-01T10:02:00Z"}
//!        {"labels":{"alertname":"DiskFull","instance":"db-3:9100"},"startsAt":"2026-03-01T10:03:00Z"}"#,
//! )?;
//! let alerts: Vec<Alert> = listed.into_iter().map(|listed| listed.alert).collect();
//! let groups = group(&alerts, Surroundings::unknown(&alerts));
//! let positions: Vec<&[usize]> = groups.iter().map(|group| group.alerts.as_slice()).collect();
//! assert_eq!(positions, [&[0, 1][..], &[2]]);
//! # Ok::<(), claw_workflows::trigger::alertmanager::ParseError>(())
//! ```

mod crowd;
mod distinct;
mod extent;
mod history;
mod map;
mod naming;
mod realm;
mod site;
#[cfg(test)]
mod testing;
mod things;
mod tie;

use claw_core::workflow::{Outcome, RunId, Step, StepContext, StepError, Workflow as _};
use jiff::{SignedDuration, Timestamp};

use super::IncidentInvestigation;
use super::case::Case;
use super::steps::{CheckDependencies, GatherContext};
use crate::trigger::{Alert, Incident};
pub(crate) use distinct::distinct;
pub use extent::Extent;
use history::History;
use map::Map;
use realm::Realm;
use site::Site;
pub use tie::Tie;

/// From the first alert of an incident on, others are still taken for part of it for so long.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(2);
/// An alert that is over for longer has nothing to do with what begins then.
pub(crate) const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// An alert that says the same again within so long is the same trouble, which comes and goes.
pub(crate) const REPEATS: SignedDuration = SignedDuration::from_hours(1);
/// Trouble that comes and goes is one incident for so long: those who are on duty then should hear of it once.
pub(crate) const LONGEST_REPEATED: SignedDuration = SignedDuration::from_hours(12);

/// Whether an alert says again what an earlier one said, so soon that both tell of one trouble.
pub(crate) fn repeats(earlier: &Alert, later: &Alert) -> bool {
    let said = earlier.ends_at.unwrap_or(earlier.starts_at);
    let same = earlier.fingerprint == later.fingerprint || earlier.labels == later.labels;
    same && earlier.starts_at <= later.starts_at && later.starts_at.duration_since(said) <= REPEATS
}

/// Alerts that belong to one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// The run that the incident opens: see [`Incident::of_alerts`].
    pub incident: RunId,
    /// Positions of the alerts, in their order.
    pub alerts: Vec<usize>,
    /// Whether its alerts name anything by which they could belong to others.
    pub is_placed: bool,
    /// What its alerts have to do with each other, for each that joined others.
    pub links: Vec<Link>,
}

/// Why an alert belongs to those that began before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Position of the one that began first.
    pub earlier: usize,
    /// Position of the other.
    pub later: usize,
    /// What they have to do with each other: of all of that group, these two have the most.
    pub tie: Tie,
}

/// An incident in the making.
#[derive(Debug, Default)]
struct Members {
    /// Positions of its alerts, in the order in which they began.
    alerts: Vec<usize>,
    links: Vec<Link>,
    realm: Realm,
}

/// What is known of the things that alerts are about.
#[derive(Clone, Debug)]
pub struct Surroundings(Case);

impl Surroundings {
    /// Nothing but what the alerts say themselves.
    pub fn unknown(alerts: &[Alert]) -> Self {
        Self(begin(incident_of(alerts)))
    }

    /// What a cluster and its recorded call graph tell: objects, and who calls whom.
    ///
    /// # Errors
    /// If the audit log fails, or the run is cancelled. What cannot be read is not known, and that is no error.
    pub async fn read(cx: &StepContext, alerts: &[Alert]) -> Result<Self, StepError> {
        let mut case = begin(incident_of(alerts));
        let steps: [&dyn Step<Case>; 2] = [&GatherContext::default(), &CheckDependencies];
        for step in steps {
            case = match step.run(cx, case.clone()).await? {
                Outcome::Continue(case) => case,
                _ => return Ok(Self(case)),
            };
        }
        Ok(Self(case))
    }
}

fn incident_of(alerts: &[Alert]) -> Incident {
    let last = alerts.iter().map(|alert| alert.starts_at).max();
    Incident::of_alerts("", alerts.to_vec(), last.unwrap_or(Timestamp::UNIX_EPOCH))
}

fn begin(incident: Incident) -> Case {
    IncidentInvestigation::new("").start(incident)
}

/// Puts alerts that belong to one incident together. The order of the alerts does not matter; incidents come in the order in
/// which they began.
pub fn group(alerts: &[Alert], around: Surroundings) -> Vec<Group> {
    group_while(alerts, around, || true).unwrap_or_default()
}

/// As [`group`]; `None` as soon as `is_wanted` says that nobody waits for it any more.
pub(crate) fn group_while(
    alerts: &[Alert],
    around: Surroundings,
    is_wanted: impl Fn() -> bool,
) -> Option<Vec<Group>> {
    let Surroundings(mut case) = around;
    let named = site::named(&mut case, alerts);
    let map = Map::of(&case);
    let sites: Vec<Site> = named.into_iter().map(|named| map.place(named)).collect();
    let mut order: Vec<usize> = (0..alerts.len()).collect();
    order.sort_by_key(|&position| {
        alerts
            .get(position)
            .map(|alert| (alert.starts_at, &alert.fingerprint))
    });

    let began = |position: usize| alerts.get(position).map(|alert| alert.starts_at);
    let mut history = History::new(alerts, &sites, &map);
    let mut incidents: Vec<Members> = Vec::new();
    for position in order {
        if !is_wanted() {
            return None;
        }
        let Some(alert) = alerts.get(position) else {
            continue;
        };
        let lasted = |members: &Members| {
            let begun = members.alerts.first().copied().and_then(began);
            begun.map_or(SignedDuration::ZERO, |begun| {
                alert.starts_at.duration_since(begun)
            })
        };
        let open = incidents.iter().filter(|members| lasted(members) <= LONGEST);
        let open: Vec<usize> = open.flat_map(|members| members.alerts.iter().copied()).collect();
        let ties = history.next(position, &open);
        // What the alert has most to do with of an incident.
        let link = |members: &Members| {
            let tied = members
                .alerts
                .iter()
                .filter_map(|&earlier| Some((*ties.get(&earlier)?, earlier)));
            let (tie, earlier) = tied.min_by_key(|(tie, _)| *tie)?;
            Some(Link {
                earlier,
                later: position,
                tie,
            })
        };
        // One that belongs to several incidents shows that they are one, but for those of different clusters: it belongs to that
        // with which it has the most to do, unless the same is said of many.
        let mut linked = Vec::new();
        let mut apart = Vec::with_capacity(incidents.len().saturating_add(1));
        for members in incidents {
            match link(&members) {
                Some(link) => linked.push((link, members)),
                None => apart.push(members),
            }
        }
        // What nothing else explains goes on with what it said before, however long that has been going on and off.
        if linked.is_empty()
            && let Some(earlier) = history.repeated(position)
            && let Some(index) = apart
                .iter()
                .position(|members| members.alerts.contains(&earlier) && lasted(members) <= LONGEST_REPEATED)
        {
            let link = Link {
                earlier,
                later: position,
                tie: Tie::Same,
            };
            linked.push((link, apart.remove(index)));
        }
        linked.sort_by_key(|(link, members)| (link.tie, members.alerts.first().copied().and_then(began)));
        let mut one = Members {
            realm: sites
                .get(position)
                .map(|site| site.realm.clone())
                .unwrap_or_default(),
            ..Members::default()
        };
        for (link, members) in linked {
            if link.tie != Tie::Everywhere && one.realm.contradicts(&members.realm) {
                apart.push(members);
                continue;
            }
            one.alerts.extend(members.alerts);
            one.links.extend(members.links);
            one.links.push(link);
            one.realm.extend(members.realm);
        }
        one.alerts.push(position);
        one.alerts.sort_by_key(|&member| (began(member), member));
        apart.push(one);
        incidents = apart;
    }
    incidents.sort_by_key(|members| {
        let first = members.alerts.first().copied();
        (first.and_then(began), first)
    });
    let groups = incidents.into_iter().map(|mut members| {
        members.alerts.sort_unstable();
        let of = || members.alerts.iter().copied();
        let own = of().filter_map(|member| alerts.get(member).cloned()).collect();
        Group {
            incident: Incident::of_alerts("", own, Timestamp::UNIX_EPOCH).id,
            is_placed: of().any(|member| sites.get(member).is_some_and(Site::is_known)),
            alerts: members.alerts,
            links: members.links,
        }
    });
    Some(groups.collect())
}

#[cfg(test)]
mod tests;
