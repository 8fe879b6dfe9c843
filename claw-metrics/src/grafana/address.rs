//! The address of a dashboard, as people open it.

use jiff::Timestamp;

use super::GrafanaConfig;

/// Where Grafana is for people.
#[derive(Clone, Debug)]
pub(super) struct Front(Option<String>);

impl Front {
    /// The address that is meant for people; else the one that is asked, without user and password.
    pub(super) fn new(config: &GrafanaConfig, asked: Option<&str>) -> Self {
        let url = config.public_url.as_deref().or(asked);
        let is_page = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
        let plain = |url: &&str| !url.contains(['@', '?', '#']);
        Self(
            url.filter(is_page)
                .filter(plain)
                .map(|url| url.trim_end_matches('/').to_owned()),
        )
    }

    /// A dashboard at a time, with values for its variables. The server finds it by its uid; what follows that is for people.
    pub(super) fn dashboard(
        &self,
        uid: &str,
        slug: Option<&str>,
        span: (Timestamp, Timestamp),
        variables: &[(String, String)],
    ) -> Option<String> {
        let front = self.0.as_ref()?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("from", &span.0.as_millisecond().to_string());
        query.append_pair("to", &span.1.as_millisecond().to_string());
        for (name, value) in variables {
            query.append_pair(&format!("var-{name}"), value);
        }
        let slug = slug.map(|slug| format!("/{slug}")).unwrap_or_default();
        Some(format!("{front}/d/{uid}{slug}?{}", query.finish()))
    }
}

/// Whether it can be part of a path as it is. Uids and slugs of the server can.
pub(super) fn is_plain(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !part.is_empty() && part.len() <= 128 && part.chars().all(plain)
}
