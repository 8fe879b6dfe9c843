//! Dashboards that show what the report is about.

use claw_core::report::{self, Report};
use serde::Serialize;

use super::link::can_be_linked;
use super::{STATEMENT, TITLE, untrusted};

/// A dashboard as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Dashboard {
    pub(crate) title: String,
    pub(crate) place: String,
    /// Its place, where that can be opened in a browser.
    pub(crate) link: Option<String>,
    pub(crate) because: String,
}

pub(super) fn dashboards(report: &Report) -> Vec<Dashboard> {
    report.dashboards.iter().map(shown).collect()
}

fn shown(dashboard: &report::Dashboard) -> Dashboard {
    Dashboard {
        title: untrusted::line(&dashboard.title, TITLE),
        place: untrusted::line(&dashboard.url, STATEMENT),
        link: can_be_linked(&dashboard.url).then(|| dashboard.url.clone()),
        because: untrusted::line(&dashboard.because, STATEMENT),
    }
}
