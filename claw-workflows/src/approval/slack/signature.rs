//! Slack's signature over a request.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use super::SlackConfigError;

/// How old a request may be, in seconds.
const WINDOW: i64 = 5 * 60;
/// How far Slack's clock may be ahead, in seconds.
const AHEAD: i64 = 60;
/// Most signatures that are remembered. More people than that do not click within the window.
const MOST: usize = 10_000;
/// Shortest signing secret, in characters. Slack's have 32.
const SHORTEST: usize = 16;
/// The version that a signature begins with.
const VERSION: &str = "v0";

/// A request was not signed by Slack, or not now, or was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("the request has no signature, or none that is one")]
    Missing,
    #[error("the signature is not of this request; check the signing secret")]
    Wrong,
    #[error("the request is too old or from the future; check the clocks")]
    OutOfTime,
    #[error("the request was seen before")]
    Replayed,
    #[error("more requests came than are remembered; try again in a while")]
    TooMany,
}

/// The key, and what was signed with it within the window.
pub(super) struct Signatures {
    key: hmac::Key,
    seen: Mutex<BTreeMap<Vec<u8>, i64>>,
}

impl Signatures {
    pub(super) fn of(secret: &SecretString) -> Result<Self, SlackConfigError> {
        let secret = secret.expose_secret().trim();
        if secret.len() < SHORTEST {
            return Err(SlackConfigError {
                place: "signing_secret",
                reason: "it is too short to be one; give the signing secret of the app",
            });
        }
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            seen: Mutex::default(),
        })
    }

    /// When the request was signed, if Slack has signed it, just now, and it was not seen before.
    pub(super) fn check(
        &self,
        timestamp: &[u8],
        signature: &[u8],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Timestamp, Unsigned> {
        let seconds = seconds(timestamp).ok_or(Unsigned::Missing)?;
        let signature = bytes(signature).ok_or(Unsigned::Missing)?;
        let mut signed = [VERSION.as_bytes(), b":", timestamp, b":"].concat();
        signed.extend_from_slice(body);
        // In constant time.
        hmac::verify(&self.key, &signed, &signature).map_err(|_| Unsigned::Wrong)?;
        let age = now.as_second().saturating_sub(seconds);
        if !(-AHEAD..=WINDOW).contains(&age) {
            return Err(Unsigned::OutOfTime);
        }
        let at = Timestamp::from_second(seconds).map_err(|_| Unsigned::OutOfTime)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| now.as_second().saturating_sub(*at) <= WINDOW);
        if seen.contains_key(&signature) {
            return Err(Unsigned::Replayed);
        }
        if seen.len() >= MOST {
            return Err(Unsigned::TooMany);
        }
        seen.insert(signature, seconds);
        Ok(at)
    }
}

/// Seconds since 1970 as digits, and nothing else.
fn seconds(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The bytes of `v0=` and 64 hexadecimal digits.
fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix(VERSION)?.strip_prefix('=')?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: &u8| {
        char::from(*digit)
            .to_digit(16)
            .filter(|_| !digit.is_ascii_uppercase())
    };
    digits
        .chunks_exact(2)
        .map(|pair| {
            let [high, low] = pair else { return None };
            u8::try_from(value(high)?.checked_mul(16)?.checked_add(value(low)?)?).ok()
        })
        .collect()
}

/// What Slack would send with a body: the signature.
#[cfg(test)]
pub(in crate::approval) fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [format!("{VERSION}:{seconds}:").as_bytes(), body].concat();
    let tag = hmac::sign(&key, &signed);
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}={digits}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Slack's documentation.
    #[test]
    fn the_documented_request_is_signed() {
        let secret = SecretString::from("8f742231b10e8888abcd99yyyzzz85a5");
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let at = Timestamp::from_second(1_531_420_618).unwrap();
        let signatures = Signatures::of(&secret).unwrap();
        assert_eq!(signatures.check(b"1531420618", signature, body, at), Ok(at));
        assert_eq!(
            signatures.check(b"1531420618", signature, body, at),
            Err(Unsigned::Replayed)
        );
    }

    #[test]
    fn what_was_seen_is_forgotten_when_it_is_too_old_to_count() {
        let signatures = Signatures::of(&SecretString::from("0123456789abcdef")).unwrap();
        for minute in 0..200 {
            let second = minute * 60;
            let now = Timestamp::from_second(second).unwrap();
            let signature = sign("0123456789abcdef", second, b"x");
            signatures
                .check(second.to_string().as_bytes(), signature.as_bytes(), b"x", now)
                .unwrap();
        }
        assert!(signatures.seen.lock().unwrap().len() <= 6);
    }

    proptest! {
        #[test]
        fn nothing_but_what_was_signed_is_taken(
            timestamp in proptest::collection::vec(any::<u8>(), 0..14),
            signature in "v0=[0-9a-f]{0,66}|[ -~]{0,70}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..200, bit in 0_u32..8,
        ) {
            let signatures = Signatures::of(&SecretString::from("0123456789abcdef")).unwrap();
            let now = Timestamp::from_second(1_000).unwrap();
            prop_assert!(signatures.check(&timestamp, signature.as_bytes(), &body, now).is_err());
            let good = sign("0123456789abcdef", 1_000, &body);
            let mut other = body.clone();
            match other.get_mut(at) {
                Some(byte) => *byte ^= 1 << bit,
                None => other.push(0),
            }
            prop_assert_eq!(signatures.check(b"1000", good.as_bytes(), &other, now), Err(Unsigned::Wrong));
            prop_assert!(signatures.check(b"1000", good.as_bytes(), &body, now).is_ok());
        }
    }
}
