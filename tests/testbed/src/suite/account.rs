//! Accounts with exactly the rights that a test gives them.

use std::fmt;

use serde_json::{Value, json};

use super::{Namespace, Testbed};
use crate::api::Api;
use crate::error::Error;

/// How long a token is good for, in seconds: longer than any suite.
const LIFETIME: u32 = 3600;

/// A service account with a role of its own. Both belong to a namespace, and go when it goes.
#[derive(Clone)]
pub struct Account {
    namespace: String,
    name: String,
    token: String,
}

/// Without the token, which a failed assertion would print.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.user()).finish()
    }
}

impl Account {
    /// An account `name` in `namespace`, with a ClusterRole of these rules. Rights take effect a moment later.
    pub async fn create(
        testbed: &Testbed,
        namespace: &Namespace,
        name: &str,
        rules: &Value,
    ) -> Result<Self, Error> {
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        Self::bound(testbed, namespace, name, rules, path).await
    }

    /// The same, with its rights in `namespace` alone.
    pub async fn create_inside(
        testbed: &Testbed,
        namespace: &Namespace,
        name: &str,
        rules: &Value,
    ) -> Result<Self, Error> {
        let inside = namespace.name();
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{inside}/rolebindings");
        Self::bound(testbed, namespace, name, rules, &path).await
    }

    async fn bound(
        testbed: &Testbed,
        namespace: &Namespace,
        name: &str,
        rules: &Value,
        bindings: &str,
    ) -> Result<Self, Error> {
        let api = testbed.api();
        let owner = namespace.owner();
        let namespace = namespace.name();
        let role = format!("{namespace}-{name}");
        let metadata = json!({ "name": role, "ownerReferences": [owner] });
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        api.create(&accounts, &json!({ "metadata": { "name": name } }))
            .await?;
        api.create(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            &json!({ "metadata": metadata, "rules": rules }),
        )
        .await?;
        let binding = json!({
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
        });
        api.create(bindings, &binding).await?;
        let token = token(api, namespace, name).await?;
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            token,
        })
    }

    /// Its token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the API server calls it.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// The API server as this account.
    pub async fn api(&self, testbed: &Testbed) -> Result<Api, Error> {
        Api::with_token(testbed.kubeconfig(), &self.token).await
    }
}

/// A token of a service account.
pub(super) async fn token(api: &Api, namespace: &str, account: &str) -> Result<String, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let asked = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "expirationSeconds": LIFETIME },
    });
    let answer = api.post(&path, &asked).await?;
    let token = answer.pointer("/status/token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Error::Service {
        doing: format!("POST {path}"),
        why: "the answer holds no token".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_not_printed() {
        let account = Account {
            namespace: "shop".to_owned(),
            name: "claw".to_owned(),
            token: "eyJ0".to_owned(),
        };
        assert_eq!(
            format!("{account:?}"),
            r#"Account("system:serviceaccount:shop:claw")"#
        );
    }
}
