//! Which proxy leads to a cluster.

use std::net::IpAddr;

use http::Uri;

use super::ClusterError;
use crate::address::in_range;

/// What the environment says about proxies. The binary reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTPS_PROXY`: the proxy to servers that speak TLS.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts that are reached without one, separated by commas. `*`, `10.0.0.0/8`, `192.0.2.1`, `corp.example` with
    /// all below it, `.corp.example` with only what is below it, each with or without a `:port`.
    pub none_for: Option<String>,
}

impl Proxies {
    /// The proxy to a server, where its kubeconfig names none. As in other clients, nothing goes through one to this machine.
    pub(super) fn to(&self, server: &Uri) -> Result<Option<Uri>, ClusterError> {
        let given = self.https.as_deref().map(str::trim).unwrap_or_default();
        let host = server.host().unwrap_or_default();
        if given.is_empty() || server.scheme_str() != Some("https") || self.spares(host, server.port_u16()) {
            return Ok(None);
        }
        parse(given, "HTTPS_PROXY").map(Some)
    }

    fn spares(&self, host: &str, port: Option<u16>) -> bool {
        let host = bare(host);
        let address: Option<IpAddr> = host.parse().ok();
        let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let port = port.unwrap_or(443);
        let parts = self.none_for.as_deref().unwrap_or_default();
        here || parts
            .split([',', ' ', '\t', '\n'])
            .any(|part| fits(part, &host, address, port))
    }
}

/// What a proxy can be spoken to in.
const SCHEMES: [&str; 3] = ["http", "https", "socks5"];

/// The URL of a proxy. One without a scheme is spoken to in plain HTTP. `from` says where it stands.
///
/// It may hold a password, and is not quoted. What cannot be used is refused here: the client would say so with the whole URL.
pub(super) fn parse(text: &str, from: &str) -> Result<Uri, ClusterError> {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
    let scheme = scheme.to_ascii_lowercase();
    let url = format!("{scheme}://{rest}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| ClusterError::Config {
            reason: format!("the proxy in {from} is not a URL; write it as http://HOST:PORT"),
            source: Some(error.into()),
        })?;
    if SCHEMES.contains(&&*scheme) {
        return Ok(url);
    }
    Err(ClusterError::Config {
        reason: format!(
            "the proxy in {from} is of the scheme {scheme}; only http, https and socks5 can be used"
        ),
        source: None,
    })
}

/// Without the brackets of IPv6, in lower case, without the dot at the end.
fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether one part of `NO_PROXY` is about a host. An empty one is about none.
fn fits(part: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    let part = part.trim();
    if part.is_empty() {
        return false;
    }
    if part == "*" {
        return true;
    }
    if part.contains('/') {
        return address.is_some_and(|address| in_range(part, address) == Some(true));
    }
    // `[::1]:443` and `host:443`, but not `fd00::1`.
    let (name, wanted) = match part.rsplit_once(':') {
        Some((name, wanted)) if name.ends_with(']') || !name.contains(':') => (name, Some(wanted)),
        _ => (part, None),
    };
    if wanted.is_some_and(|wanted| wanted.parse::<u16>() != Ok(port)) {
        return false;
    }
    let name = bare(name);
    if let Some(address) = address {
        return name.parse::<IpAddr>() == Ok(address);
    }
    match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(parent) => is_below(host, parent),
        None => host == name || is_below(host, &name),
    }
}

fn is_below(host: &str, parent: &str) -> bool {
    !parent.is_empty()
        && host
            .strip_suffix(parent)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn goes_direct(none_for: &str, server: &str) -> bool {
        let proxies = Proxies {
            https: Some("proxy.corp:3128".to_owned()),
            none_for: Some(none_for.to_owned()),
        };
        proxies.to(&server.parse().unwrap()).unwrap().is_none()
    }

    #[test]
    fn hosts_are_reached_without_a_proxy_if_one_part_fits_them() {
        for (none_for, server) in [
            ("*", "https://api.example.com"),
            ("a, *", "https://api.example.com"),
            ("example.com", "https://example.com"),
            ("example.com", "https://api.example.com:6443"),
            (".corp", "https://k8s.corp"),
            ("*.corp", "https://k8s.CORP."),
            (",, .corp ,", "https://k8s.corp"),
            ("localhost .corp", "https://k8s.corp"),
            ("k8s.corp:6443", "https://k8s.corp:6443"),
            ("k8s.corp:443", "https://k8s.corp"),
            ("10.0.0.0/8", "https://10.96.0.1"),
            ("10.96.0.1", "https://10.96.0.1:6443"),
            ("10.96.0.1:6443", "https://10.96.0.1:6443"),
            ("fd00::/8", "https://[fd00::1]:6443"),
            ("fd00::1", "https://[fd00::1]:6443"),
            ("[fd00::1]:6443", "https://[fd00::1]:6443"),
            ("", "https://localhost:6443"),
            ("", "https://127.0.0.1:6443"),
            ("", "http://api.example.com"),
        ] {
            assert!(goes_direct(none_for, server), "{none_for} {server}");
        }
        for (none_for, server) in [
            ("", "https://api.example.com"),
            (",", "https://api.example.com"),
            // It is the server that counts, not the proxy.
            ("proxy.corp", "https://api.example.com"),
            ("ample.com", "https://example.com"),
            (".corp", "https://corp"),
            (".", "https://k8s.corp"),
            ("k8s.corp:443", "https://k8s.corp:6443"),
            ("10.0.0.0/8", "https://11.96.0.1"),
            ("10.0.0.0/99", "https://10.96.0.1"),
            ("10.96.0.10", "https://10.96.0.1"),
            ("fd00::/8", "https://10.96.0.1"),
        ] {
            assert!(!goes_direct(none_for, server), "{none_for} {server}");
        }
    }

    #[test]
    fn a_proxy_that_is_no_url_is_refused_without_being_quoted() {
        let proxies = Proxies {
            https: Some("http://user:se cret@proxy".to_owned()),
            none_for: None,
        };
        let error = proxies.to(&Uri::from_static("https://k8s.corp")).unwrap_err();
        assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
        assert!(!format!("{error:?}").contains("cret"), "{error:?}");
        let plain = Proxies {
            https: Some("proxy.corp:3128".to_owned()),
            none_for: None,
        };
        let proxy = plain.to(&Uri::from_static("https://k8s.corp")).unwrap().unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.corp:3128/");
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_by_its_scheme_alone() {
        for given in [
            "socks5h://user:hunter2@proxy:1",
            "SOCKS4://user:hunter2@proxy",
            "ftp://user:hunter2@proxy",
        ] {
            let error = parse(given, "HTTPS_PROXY").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains(&given[..3].to_lowercase()), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("user"), "{said}");
        }
        for (given, scheme) in [
            ("SOCKS5://p:1", "socks5"),
            ("https://p", "https"),
            ("p:3128", "http"),
        ] {
            assert_eq!(parse(given, "HTTPS_PROXY").unwrap().scheme_str(), Some(scheme));
        }
    }

    proptest! {
        #[test]
        fn no_environment_panics(https in ".*", none_for in ".*") {
            let proxies = Proxies { https: Some(https), none_for: Some(none_for) };
            let _ = proxies.to(&Uri::from_static("https://[fd00::1]:6443"));
            let _ = proxies.to(&Uri::from_static("https://k8s.corp"));
        }
    }
}
