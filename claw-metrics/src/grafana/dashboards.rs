//! `find_dashboards`

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::entity::EntityRef;
use claw_core::http::{Client, HttpError};
use claw_core::report::{Dashboard, Gap};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::Front;
use super::fitting::{Fitting, Hit, fitting};
use super::template::Answer;
use super::{GrafanaConfig, SERVICE};
use crate::source::SourceError;

/// Dashboards that are looked through.
const LOOKED_AT: usize = 2_000;
/// Dashboards that are named.
const NAMED: usize = 3;
/// Largest answer in bytes.
const MAX_BYTES: usize = 8 << 20;

/// What dashboards are to show, and when.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardQuery {
    /// What is in question, the most important first.
    pub about: Vec<EntityRef>,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
}

/// Dashboards that fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DashboardList {
    /// The dashboards, the best first.
    pub dashboards: Vec<Dashboard>,
    /// What could not be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// Finds dashboards that show what is in question, by one search and a look at the one that fits best.
///
/// A dashboard fits if its title, its folder or a tag names the entity or its namespace. A name of one word may be that of
/// anything (`web`, `cart`): such a dashboard comes after others, unless it names the namespace as well, or has a variable or a
/// query for the entity. One that shows things of the entity's
/// kind fits if it has a variable by which the entity can be chosen, or a query that names it. Links carry the time, and
/// values for the variables of the dashboard that was looked at.
#[derive(Clone, Debug)]
pub struct FindDashboards {
    client: Client,
    front: Front,
}

impl FindDashboards {
    /// A tool as described by `config`. Nothing is connected yet.
    ///
    /// # Errors
    /// If an address or the credentials cannot be used.
    pub fn new(config: GrafanaConfig) -> Result<Self, HttpError> {
        let client = Client::new(config.http.clone())?;
        let front = Front::new(&config, client.base_url())?;
        Ok(Self { client, front })
    }

    async fn search(&self, cx: &ToolContext) -> Result<Vec<Hit>, SourceError> {
        let response = self
            .client
            .get("api/search")
            .query("type", "dash-db")
            .query("limit", LOOKED_AT.to_string())
            .max_bytes(MAX_BYTES)
            .send(cx)
            .await
            .map_err(|error| SourceError::of_call(SERVICE, error))?;
        serde_json::from_slice(response.body()).map_err(|error| SourceError::unreadable(SERVICE, &error))
    }

    async fn look_at(&self, cx: &ToolContext, uid: &str) -> Result<Answer, ToolError> {
        let response = self
            .client
            .get(format!("api/dashboards/uid/{uid}"))
            .max_bytes(MAX_BYTES)
            .send(cx)
            .await
            .map_err(|error| error.into_tool_error(SERVICE))?;
        let answer = serde_json::from_slice(response.body());
        Ok(answer.map_err(|error| SourceError::unreadable(SERVICE, &error))?)
    }

    /// The link to one, if there is reason to follow it.
    fn named(
        &self,
        one: &Fitting<'_>,
        looked_at: Option<&Answer>,
        span: (Timestamp, Timestamp),
    ) -> Option<Named> {
        let (variables, chosen) = looked_at
            .map(|answer| answer.variables(one.about))
            .unwrap_or_default();
        let about = one.about;
        let asks = looked_at.is_some_and(|answer| answer.asks_about(about));
        let because = match &one.names {
            Some(names) => names.clone(),
            None if chosen => format!("it shows {about} where that is chosen"),
            None if asks => format!("its queries have the name {}", about.name),
            None => return None,
        };
        let hit = one.hit;
        Some(Named {
            is_vague: one.is_vague && variables.is_empty() && !asks,
            dashboard: Dashboard {
                title: hit.title.clone(),
                url: self.front.dashboard(&hit.uid, hit.slug(), span, &variables)?,
                because,
            },
        })
    }
}

/// A dashboard that there is reason to follow the link to.
#[derive(Debug)]
struct Named {
    dashboard: Dashboard,
    /// Whether it may as well be about something else that is called alike.
    is_vague: bool,
}

#[async_trait]
impl Tool for FindDashboards {
    const NAME: &'static str = "find_dashboards";
    const EFFECT: Effect = Effect::Read;
    type Input = DashboardQuery;
    type Output = DashboardList;

    fn description(&self) -> &str {
        "Find the dashboards in Grafana that show given services, workloads or nodes"
    }

    fn access(&self) -> Access {
        Access::none().service(SERVICE)
    }

    async fn call(&self, cx: &ToolContext, input: DashboardQuery) -> Result<DashboardList, ToolError> {
        let hits = self.search(cx).await?;
        let found = fitting(&hits, &input.about);
        let mut list = DashboardList::default();
        if hits.len() >= LOOKED_AT {
            list.gaps.push(Gap {
                source: Self::NAME.to_owned(),
                reason: format!("only the first {LOOKED_AT} dashboards that Grafana listed were looked through"),
                remedy: "give the agent an account that sees only the folders of the teams whose services it looks after".to_owned(),
            });
        }
        let Some((best, others)) = found.split_first() else {
            return Ok(list);
        };
        let answer = match self.look_at(cx, &best.hit.uid).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                list.gaps.push(Gap {
                    source: Self::NAME.to_owned(),
                    reason: format!(
                        "the variables of dashboard {} could not be read: {error}",
                        best.hit.title
                    ),
                    remedy: "let the agent's account read this dashboard".to_owned(),
                });
                None
            }
        };
        let span = (input.start, input.end);
        let best = self.named(best, answer.as_ref(), span);
        let others = others.iter().filter_map(|one| self.named(one, None, span));
        let mut named: Vec<Named> = best.into_iter().chain(others).collect();
        named.sort_by_key(|one| one.is_vague);
        named.truncate(NAMED);
        list.dashboards = named.into_iter().map(|one| one.dashboard).collect();
        Ok(list)
    }
}

#[cfg(test)]
mod tests;
