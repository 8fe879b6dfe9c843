//! The address of a dashboard, as people open it.

use claw_core::http::HttpError;
use jiff::Timestamp;

use super::GrafanaConfig;

/// Where Grafana is for people.
#[derive(Clone, Debug)]
pub(super) struct Front(Option<String>);

impl Front {
    /// The address that is meant for people; else the one that is asked, without user and password.
    ///
    /// # Errors
    /// If the address that is meant for people is none of a page.
    pub(super) fn new(config: &GrafanaConfig, asked: Option<&str>) -> Result<Self, HttpError> {
        let given = config.public_url.as_deref().map(str::trim);
        if let Some(given) = given.filter(|given| !is_page(given)) {
            return Err(HttpError::InvalidConfig {
                reason: unusable(given),
            });
        }
        let url = given.or(asked.filter(|asked| is_page(asked)));
        Ok(Self(url.map(|url| url.trim_end_matches('/').to_owned())))
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

/// Whether links may begin with it: a scheme and a host, and nothing that would stand in the way of what follows or be no one's
/// business.
fn is_page(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let odd =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '?' | '#' | '"' | '<' | '>');
        !rest.is_empty() && !rest.starts_with(['/', ':']) && !rest.contains(odd)
    })
}

/// What is wrong with an address, and what to write instead. It may hold a password, and is not repeated where it does.
fn unusable(given: &str) -> String {
    let whole = format!("https://{given}");
    let advice = if !given.contains("://") && is_page(&whole) {
        format!("write it with its scheme: {whole}")
    } else {
        "write the address as people open it, such as https://grafana.example.com, without user, query and fragment".to_owned()
    };
    format!("public_url: not the address of a page; {advice}")
}

/// Whether it can be part of a path as it is. Uids and slugs of the server can.
pub(super) fn is_plain(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !part.is_empty() && part.len() <= 128 && part.chars().all(plain)
}
