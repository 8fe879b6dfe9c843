//! Names that say that their value is secret: `DB_PASSWORD`, `api-key`, `clientSecret`.

use std::sync::LazyLock;

use regex::Regex;

/// What kind of secret a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noun {
    Password,
    Key,
    Token,
    Secret,
    Credential,
    /// A header's whole value, after its scheme.
    Authorization,
    /// A header's whole value.
    Cookie,
    /// Host, user and password in one.
    Connection,
    /// `auth` in the configuration of registries: user and password in base64, or else nothing secret.
    Auth,
}

impl Noun {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Key => "key",
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Credential | Self::Auth => "credential",
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::Connection => "connection-string",
        }
    }
}

const PASSWORD: &str = "passw(?:or)?d|passphrase|passcode|pwd";
const KEY: &str = r"(?:api|access|private|secret|signing|signature|encryption|decryption|master|account|shared|session|auth|ssh|license|storage|webhook|hmac|client)[ _.\-]?key(?:[ _.\-]?(?:data|material|pem))?|tls\.key|id_rsa";
const CREDENTIAL: &str = "credentials?";
const AUTHORIZATION: &str = "authorization";
const COOKIE: &str = "cookie";
const CONNECTION: &str = r"conn(?:ection)?[ _.\-]?str(?:ing)?";
const SECRET: &str = "secret|dockerconfigjson|dockercfg";

/// The noun comes last in a name: `secretName` is the name of something secret, and `tokenExpirationSeconds` a time.
static LAST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?i)(?:(?P<password>{PASSWORD}|(?:^|[^a-z0-9])pass|(?-i:[a-z0-9]Pass))|(?P<key>{KEY})|(?P<token>token)|(?P<secret>{SECRET})|(?P<credential>{CREDENTIAL})|(?P<authorization>{AUTHORIZATION})|(?P<cookie>{COOKIE})|(?P<connection>{CONNECTION}|(?:^|[^a-z0-9])dsn)|^(?P<auth>_?auth))(?:[_.\-]?(?:value|plain|plaintext|b64|base64|v?[0-9]{{1,4}}))*$"
    ))
    .ok()
});

/// Where a name may have its noun.
static STEM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        "(?i-u){KEY}|{PASSWORD}|pass|token|{SECRET}|{CREDENTIAL}|{AUTHORIZATION}|{COOKIE}|{CONNECTION}|dsn|auth"
    ))
    .ok()
});

/// What the name names, if it is something secret.
pub(super) fn noun(name: &str) -> Option<Noun> {
    let found = LAST
        .as_ref()?
        .captures(name.trim_matches([' ', '\t', '\r', '\n']))?;
    let nouns = [
        ("password", Noun::Password),
        ("key", Noun::Key),
        ("token", Noun::Token),
        ("secret", Noun::Secret),
        ("credential", Noun::Credential),
        ("authorization", Noun::Authorization),
        ("cookie", Noun::Cookie),
        ("connection", Noun::Connection),
        ("auth", Noun::Auth),
    ];
    nouns
        .into_iter()
        .find(|(group, _)| found.name(group).is_some())
        .map(|(_, noun)| noun)
}

/// Whether a noun occurs in the text.
pub(super) fn any(text: &str) -> bool {
    STEM.as_ref().is_none_or(|regex| regex.is_match(text))
}

/// Each word of the text that holds a noun, with its place: the letters, digits, dots, hyphens and underscores around it.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut done = 0;
    STEM.iter()
        .flat_map(|regex| regex.find_iter(text))
        .filter_map(move |stem| {
            if stem.end() <= done {
                return None;
            }
            // The word before may reach into this stem, when the stem has a space in it.
            let space = text.get(done..stem.start()).unwrap_or_default();
            let before = space.bytes().rev().take_while(|byte| is_word(*byte)).count();
            let rest = text.get(stem.end()..).unwrap_or_default();
            let after = rest.bytes().take_while(|byte| is_word(*byte)).count();
            let (start, end) = (stem.start() - before, stem.end() + after);
            done = end;
            let word = text.get(start..end)?;
            Some((start, word.trim_end_matches(['.', '-', '_'])))
        })
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

#[cfg(test)]
pub(super) fn all_compile() -> bool {
    LAST.is_some() && STEM.is_some()
}
