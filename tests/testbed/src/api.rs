//! Requests to the API server as the administrator, object by object.
//!
//! Writes of an agent need a permit and go through `claw_k8s::apply`. This is the other side: the testbed makes the
//! world that agents are tested against, so it sends plain requests.
#![allow(clippy::disallowed_methods)] // the one place of the testbed that sends requests by itself

use std::path::Path;

use futures::stream::{self, StreamExt as _};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::error::{Error, one_line};

/// Requests that are under way at a time.
const AT_A_TIME: usize = 16;
/// Objects on a page.
const PAGE: u32 = 500;

/// The API server, as the user of a kubeconfig.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Reads the kubeconfig. Sends nothing yet.
    pub async fn connect(kubeconfig: &Path) -> Result<Self, Error> {
        claw_core::http::install_crypto_provider();
        let doing = || format!("use the kubeconfig {}", kubeconfig.display());
        let file = Kubeconfig::read_from(kubeconfig).map_err(Error::service(doing()))?;
        Self::of(file, doing).await
    }

    async fn of(file: Kubeconfig, doing: impl Fn() -> String) -> Result<Self, Error> {
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options).await;
        let config = config.map_err(Error::service(doing()))?;
        let client = kube::Client::try_from(config).map_err(Error::service(doing()))?;
        Ok(Self { client })
    }

    /// The same API server, as whoever has `token`.
    pub async fn with_token(kubeconfig: &Path, token: &str) -> Result<Self, Error> {
        let doing = || format!("use the kubeconfig {} with a token", kubeconfig.display());
        let mut file = Kubeconfig::read_from(kubeconfig).map_err(Error::service(doing()))?;
        for user in &mut file.auth_infos {
            user.auth_info = Some(AuthInfo {
                token: Some(token.to_owned().into()),
                ..AuthInfo::default()
            });
        }
        Self::of(file, doing).await
    }

    /// The client underneath, for what this type has no method for.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Reads an object or anything else that is JSON.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send("GET", path, None).await
    }

    /// The status code of reading `path`.
    pub async fn status(&self, path: &str) -> Result<u16, Error> {
        self.status_of("GET", path).await
    }

    /// The status code of a request without a body.
    pub async fn status_of(&self, method: &str, path: &str) -> Result<u16, Error> {
        let doing = format!("{method} {path}");
        let request = http::Request::builder().method(method).uri(path);
        let request = request.body(kube::client::Body::empty());
        let request = request.map_err(Error::service(doing.clone()))?;
        let answer = self.client.send(request).await.map_err(Error::service(doing))?;
        Ok(answer.status().as_u16())
    }

    /// All objects below `path` whose labels match, page by page.
    pub async fn list(&self, path: &str, selector: &str) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut rest = String::new();
        loop {
            let page = format!(
                "{path}?limit={PAGE}&labelSelector={}&continue={rest}",
                encoded(selector)
            );
            let mut page = self.get(&page).await?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => rest = encoded(token),
                _ => return Ok(items),
            }
        }
    }

    /// Makes an object below `path`. `false` when one of that name was there, which stays as it is.
    pub async fn create(&self, path: &str, object: &Value) -> Result<bool, Error> {
        match self.send("POST", path, Some(object)).await {
            Ok(_) => Ok(true),
            Err(Error::Service { why, .. }) if why.starts_with("409 ") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Posts what makes no object that stays, such as a request for a token, and returns the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.send("POST", path, Some(body)).await
    }

    /// Makes many objects, several at a time. Counts those that are new; `progress` hears of each.
    pub async fn create_all(
        &self,
        objects: Vec<(String, Value)>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<usize, Error> {
        let mut under_way = stream::iter(objects)
            .map(|(path, object)| async move { self.create(&path, &object).await })
            .buffer_unordered(AT_A_TIME);
        let mut made = 0;
        while let Some(outcome) = under_way.next().await {
            made += usize::from(outcome?);
            progress();
        }
        Ok(made)
    }

    /// Deletes an object. One that is gone is what was wanted.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.send("DELETE", path, None).await {
            Err(Error::Service { why, .. }) if why.starts_with("404 ") => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let doing = format!("{method} {}", path.split('?').next().unwrap_or(path));
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(bytes)
            .map_err(Error::service(doing.clone()))?;
        match self.client.request(request).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => {
                let why = one_line(&format!("{} {}", status.code, status.message));
                Err(Error::Service { doing, why })
            }
            Err(error) => Err(Error::service(doing)(error)),
        }
    }
}

/// A value of a query.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_encoded() {
        assert_eq!(encoded("a=b,c in (d)"), "a%3Db%2Cc%20in%20%28d%29");
    }

    #[tokio::test]
    async fn a_missing_kubeconfig_is_named() {
        let error = Api::connect(Path::new("/no/kubeconfig"))
            .await
            .unwrap_err()
            .line();
        assert!(
            error.starts_with("use the kubeconfig /no/kubeconfig: "),
            "{error}"
        );
    }
}
