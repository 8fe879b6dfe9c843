use std::path::Path;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;

use super::config::Auth;
use super::error::HttpError;

/// Tokens are a few kilobytes; a larger file is a mistake.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// The value of the `Authorization` header.
pub(super) async fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, HttpError> {
    let text = match auth {
        Auth::None => return Ok(None),
        Auth::Bearer(token) => bearer(token.expose_secret()),
        Auth::BearerFile(path) => bearer(token_in(path).await?.expose_secret()),
        Auth::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose_secret());
            SecretString::from(format!("Basic {}", base64(pair.as_bytes())))
        }
    };
    let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| HttpError::InvalidConfig {
        reason: "auth: the token has characters that are not allowed in HTTP".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn bearer(token: &str) -> SecretString {
    SecretString::from(format!("Bearer {}", token.trim()))
}

async fn token_in(path: &Path) -> Result<SecretString, HttpError> {
    let wrong = |reason: String| HttpError::Credentials {
        path: path.display().to_string(),
        reason,
    };
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    file.take(MAX_TOKEN_BYTES + 1)
        .read_to_string(&mut text)
        .await
        .map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > MAX_TOKEN_BYTES {
        return Err(wrong(format!(
            "it is larger than {MAX_TOKEN_BYTES} bytes, which no token is"
        )));
    }
    if text.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(SecretString::from(text))
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let index = (group >> (18 - 6 * position)) & 63;
            let digit = ALPHABET
                .get(index as usize)
                .copied()
                .filter(|_| position <= chunk.len());
            out.push(char::from(digit.unwrap_or(b'=')));
        }
    }
    out
}
