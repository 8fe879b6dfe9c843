//! Why an image does not come.

use claw_core::entity::EntityRef;

use super::repository;
use crate::incident::candidate::Advice;
use crate::incident::mechanism::wording::wording;

/// Why an image does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Absent,
    /// Registries say the same of what does not exist and of what they do not show without a login.
    AbsentOrDenied,
    Denied,
    /// The login was accepted before, and has run out.
    Expired,
    Unreachable,
    Forbidden,
    BadName,
    Platform,
    RateLimited,
    NoSpace,
    Unsigned,
    Unknown,
}

impl Why {
    /// The kubelet and the container runtimes say it in these words (containerd and CRI-O, checked against their sources).
    pub(super) fn of(reason: &str, text: &str) -> Self {
        let text = without_names(text);
        let any = wording(&text);
        let words: Vec<String> = text
            .split_whitespace()
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
            .collect();
        let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
        let absent =
            any(&["not found", "manifest unknown", "does not exist", "name unknown"]) || says(&["404"]);
        let login = any(&[
            "unauthorized",
            "authentication required",
            "403 forbidden",
            "no basic auth",
            "authorization failed",
            "invalid username/password",
            "failed to fetch oauth token",
            "authorization token has expired",
        ]) || says(&["401", "denied"]);
        match reason {
            "ErrImageNeverPull" => Self::Forbidden,
            "InvalidImageName" => Self::BadName,
            "RegistryUnavailable" => Self::Unreachable,
            "SignatureValidationFailed" => Self::Unsigned,
            _ if any(&["toomanyrequests", "too many requests", "rate limit"]) || says(&["429"]) => {
                Self::RateLimited
            }
            _ if any(&["no match for platform", "no matching manifest", "exec format"]) => Self::Platform,
            _ if any(&["no space left", "disk quota exceeded"]) => Self::NoSpace,
            _ if any(&["couldn't parse image", "invalid reference format"]) => Self::BadName,
            _ if any(&[
                "token has expired",
                "token is expired",
                "token expired",
                "credentials have expired",
                "credentials expired",
            ]) =>
            {
                Self::Expired
            }
            // "pull access denied, repository does not exist or may require authorization" stands for both.
            _ if login && absent => Self::AbsentOrDenied,
            _ if login => Self::Denied,
            _ if absent => Self::Absent,
            _ if any(&[
                "no such host",
                "i/o timeout",
                "connection refused",
                "connection reset",
                "no route to host",
                "network is unreachable",
                "dial tcp",
                "deadline exceeded",
                "client.timeout",
                "server gave http response to https client",
                "500 internal server error",
                "502 bad gateway",
                "503 service",
                "504 gateway",
            ]) || says(&["timeout", "tls", "x509", "certificate", "eof"]) =>
            {
                Self::Unreachable
            }
            _ => Self::Unknown,
        }
    }

    /// Id of the mechanism: a refused login is mended elsewhere than a wrong name.
    pub(super) fn mechanism(self) -> &'static str {
        match self {
            Self::Denied | Self::Expired => "registry_authentication_failed",
            _ => "image_pull",
        }
    }

    /// A workload has no part in what a registry or a node does to all alike.
    pub(super) fn derived(self) -> f64 {
        match self {
            Self::Unreachable | Self::RateLimited | Self::NoSpace => 0.7,
            // Somebody was to renew it.
            Self::Expired => 0.5,
            _ => 0.0,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Absent => "the registry has no such image (name, tag or digest is wrong)",
            Self::AbsentOrDenied => {
                "the registry has no such image, or shows it only to those who log in (name, tag or login is wrong)"
            }
            Self::Denied => "the registry refuses the login",
            Self::Expired => "the login for the registry has expired",
            Self::Unreachable => "the registry cannot be reached",
            Self::Forbidden => "the pull policy is Never and the node does not have it",
            Self::BadName => "the name is not a valid image reference",
            Self::Platform => "the image has no variant for the node's platform",
            Self::RateLimited => "the registry limits the rate of pulls",
            Self::NoSpace => "the node has no space left for it",
            Self::Unsigned => "its signature is not accepted",
            Self::Unknown => "the kubelet does not say why",
        }
    }

    pub(super) fn advice(self, workload: &EntityRef, container: &str, image: &str) -> Advice {
        let namespace = workload.namespace.as_deref().unwrap_or("default");
        let set = format!(
            "kubectl -n {namespace} set image {}/{} {container}={}:TAG",
            workload.kind.to_lowercase(),
            workload.name,
            repository(image)
        );
        match self {
            Self::Denied => Advice::new(
                format!("Give {workload} an image pull secret that the registry accepts"),
                "The registry refuses those who come without a login, or with a wrong one",
            )
            .command(format!(
                "kubectl -n {namespace} create secret docker-registry NAME --docker-server={} --docker-username=USER --docker-password=PASSWORD",
                registry(image)
            )),
            Self::Expired => Advice::new(
                format!("Renew the image pull secret of {workload}, and look at what was to renew it"),
                "The registry takes a login for some hours only, and this one is older",
            )
            .command(format!(
                "kubectl -n {namespace} get {}/{} -o jsonpath='{{.spec.template.spec.imagePullSecrets}}'; kubectl -n {namespace} get secrets --field-selector type=kubernetes.io/dockerconfigjson",
                workload.kind.to_lowercase(),
                workload.name
            )),
            Self::Unreachable => Advice::new(
                "Check the registry and the nodes' way to it",
                "The nodes get no answer, whatever the image is",
            ),
            Self::RateLimited => Advice::new(
                "Pull through a mirror or with a login",
                "Registries count anonymous pulls by address",
            ),
            Self::Platform => Advice::new(
                format!("Build {image} for the nodes' platform"),
                "The manifest list has no entry for it",
            ),
            Self::NoSpace => Advice::new(
                "Free space on the node's image file system",
                "No image can be unpacked there until then",
            ),
            Self::Unsigned => Advice::new(
                format!("Sign {image}, or correct the signature policy of the nodes"),
                "The runtime refuses images whose signature it cannot verify",
            ),
            Self::Forbidden => Advice::new(
                format!("Set imagePullPolicy of {workload} to IfNotPresent, or load {image} on the nodes"),
                "With the policy Never only images that a node already has can be used",
            ),
            _ => Advice::new(
                format!("Set an image that exists instead of {image}"),
                "Pods start as soon as the image can be pulled",
            )
            .command(set),
        }
    }
}

/// A message without the names in it: what is quoted, and words that are paths or addresses. How an image is called does not
/// tell why it does not come.
fn without_names(text: &str) -> String {
    let outside: String = text
        .split('"')
        .enumerate()
        .filter(|(index, _)| index % 2 == 0)
        .map(|(_, part)| part)
        .collect::<Vec<_>>()
        .join(" ");
    let is_name = |word: &&str| word.contains('/') && !matches!(*word, "i/o" | "username/password");
    let kept: Vec<&str> = outside.split_whitespace().filter(|word| !is_name(word)).collect();
    kept.join(" ")
}

/// The host that an image is fetched from.
pub(super) fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::{Why, registry};

    #[test]
    fn an_image_without_a_host_is_fetched_from_the_default_registry() {
        for (image, expected) in [
            ("nginx:1.27", "docker.io"),
            ("bitnami/redis", "docker.io"),
            ("ghcr.io/acme/cart:2", "ghcr.io"),
            ("reg:5000/a/b@sha256:ab", "reg:5000"),
        ] {
            assert_eq!(registry(image), expected);
        }
    }

    #[test]
    fn tells_apart_why_an_image_does_not_come() {
        for (text, why) in [
            (
                "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/nginx:1.99\": not found",
                Why::Absent,
            ),
            (
                "reading manifest 9.9 in registry.local/shop/cart: manifest unknown",
                Why::Absent,
            ),
            (
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope",
                Why::AbsentOrDenied,
            ),
            (
                "unexpected status from HEAD request: 401 Unauthorized",
                Why::Denied,
            ),
            (
                "failed to authorize: failed to fetch oauth token: unexpected status: 403 Forbidden",
                Why::Denied,
            ),
            ("requested access to the resource is denied", Why::Denied),
            (
                "pull access denied, repository does not exist or may require authorization: authorization failed: Your token has expired. Log in again.",
                Why::Expired,
            ),
            ("dial tcp: lookup reg.local: no such host", Why::Unreachable),
            (
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                Why::Unreachable,
            ),
            ("429 Too Many Requests - toomanyrequests", Why::RateLimited),
            (
                "failed to extract layer: write /var/lib/containerd/x: no space left on device",
                Why::NoSpace,
            ),
            ("no match for platform in manifest: not found", Why::Platform),
            ("Back-off pulling image \"a\"", Why::Unknown),
            (
                "Back-off pulling image \"reg.local/shop/mtls-proxy:1\"",
                Why::Unknown,
            ),
            ("Back-off pulling image \"reg.local/tls:401\"", Why::Unknown),
            (
                "reading manifest 9.9 in reg.local/tls/timeout: manifest unknown",
                Why::Absent,
            ),
            (
                "Back-off pulling image \"reg.local/tls:1\": ErrImagePull: failed to resolve reference \"reg.local/tls:1\": not found",
                Why::Absent,
            ),
            (
                "Get \"https://reg.local/v2/\": net/http: TLS handshake timeout",
                Why::Unreachable,
            ),
            (
                "unexpected status code [manifests 2]: 429 Too Many",
                Why::RateLimited,
            ),
        ] {
            assert_eq!(Why::of("ErrImagePull", text), why, "{text}");
        }
        assert_eq!(Why::of("ErrImageNeverPull", ""), Why::Forbidden);
        assert_eq!(Why::of("InvalidImageName", ""), Why::BadName);
    }
}
