//! Whom the walls are about.

/// The accounts of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounts {
    /// The namespace of both.
    pub namespace: String,
    /// The account that reads, and never writes.
    pub reader: String,
    /// The account that performs what was permitted.
    pub writer: String,
}

impl Accounts {
    /// The accounts that `claw-agent access` makes, in this namespace.
    pub fn in_namespace(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            reader: "openclaw-agent".to_owned(),
            writer: "openclaw-agent-writer".to_owned(),
        }
    }

    /// Sets the names.
    #[must_use]
    pub fn named(mut self, reader: impl Into<String>, writer: impl Into<String>) -> Self {
        self.reader = reader.into();
        self.writer = writer.into();
        self
    }

    /// What the API server calls the account that reads.
    pub fn reading_user(&self) -> String {
        self.user(&self.reader)
    }

    /// What the API server calls the account that writes.
    pub fn writing_user(&self) -> String {
        self.user(&self.writer)
    }

    fn user(&self, account: &str) -> String {
        format!("system:serviceaccount:{}:{account}", self.namespace)
    }
}
