//! The tokens of people.

use std::collections::BTreeSet;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

/// Shortest token, in characters: one that nobody guesses.
const SHORTEST: usize = 32;
/// Longest token, in characters.
const LONGEST: usize = 512;
/// Most people.
const MOST: usize = 1_000;

/// Who has which token. The tokens themselves are not kept, only their digests.
#[derive(Clone)]
pub struct Tokens(Vec<(String, [u8; 32])>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// A file of tokens cannot be used. No token is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// A line that is none.
    #[error("line {line} of the tokens: {reason}")]
    Line {
        /// Its number, from one.
        line: usize,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// Nobody.
    #[error("the file holds no token; write one line for each person: a name, a space, a token")]
    Nobody,
    /// A token of the agent.
    #[error("{name} has a token of the agent itself; an agent does not approve what it asks for")]
    OwnSide {
        /// Whose it is said to be.
        name: String,
    },
}

impl Tokens {
    /// Reads one line for each person, a name, a space and a token, `openssl rand -hex 32`. Empty lines and those that begin
    /// with `#` are left out. `own` are the tokens by which others reach the agent, or the agent others: no person may have one.
    ///
    /// # Errors
    /// When a line is none of these, a name or a token is there twice, a token is too short, or there is none.
    pub fn parse(text: &SecretString, own: &[&SecretString]) -> Result<Self, TokensError> {
        let mut all: Vec<(String, [u8; 32])> = Vec::new();
        let mut names = BTreeSet::new();
        for (place, line) in text.expose_secret().lines().enumerate() {
            let wrong = |reason| TokensError::Line {
                line: place.saturating_add(1),
                reason,
            };
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, token) = line
                .split_once(' ')
                .ok_or_else(|| wrong("write a name, a space and a token"))?;
            let visible = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
            if !visible(name) || !visible(token) {
                return Err(wrong(
                    "a name and a token are visible ASCII characters, with one space between them",
                ));
            }
            if !(SHORTEST..=LONGEST).contains(&token.len()) {
                return Err(wrong(
                    "a token has 32 to 512 characters; make one with `openssl rand -hex 32`",
                ));
            }
            let digest = digest(token.as_bytes());
            if !names.insert(name.to_owned()) || all.iter().any(|(_, known)| *known == digest) {
                return Err(wrong(
                    "the name or the token is there twice; each person has one of their own",
                ));
            }
            if own
                .iter()
                .any(|own| digest == self::digest(own.expose_secret().trim().as_bytes()))
            {
                return Err(TokensError::OwnSide {
                    name: name.to_owned(),
                });
            }
            if all.len() >= MOST {
                return Err(wrong("there are more people than are kept; leave some out"));
            }
            all.push((name.to_owned(), digest));
        }
        if all.is_empty() {
            return Err(TokensError::Nobody);
        }
        Ok(Self(all))
    }

    /// The people.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Whose token it is. Takes the same time whoever's it is, and if it is nobody's.
    pub(in crate::approval) fn who(&self, token: &[u8]) -> Option<&str> {
        let given = digest(token);
        let mut found = u32::MAX;
        for (place, (_, known)) in (0_u32..).zip(&self.0) {
            found.conditional_assign(&place, known.ct_eq(&given));
        }
        let found = usize::try_from(found).ok()?;
        self.0.get(found).map(|(name, _)| name.as_str())
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
