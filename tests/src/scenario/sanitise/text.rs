//! Replaces names in any text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use claw_core::digest::sha256_of_parts;
use regex::{Captures, Regex};

use super::address;
use super::dictionary::Dictionary;

/// What has a form of its own: uids, addresses, digests.
static FORMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?P<uid>[0-9a-fA-F]{8}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{4}[-_][0-9a-fA-F]{12})
        |(?P<v4>[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})(?:/(?P<bits>[0-9]{1,2}))?
        |(?P<dashed>[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})
        |(?P<v6>[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})
        |(?P<account>[0-9]{12})\.dkr\.ecr
        |arn:[a-z-]+:[a-z0-9-]*:[a-z0-9-]*:(?P<owner>[0-9]{12})
        |(?P<hex>[0-9a-fA-F]{12,})
        ",
    )
    .ok()
});

/// Replaces names everywhere.
#[derive(Clone, Debug)]
pub(super) struct Replacer {
    dictionary: Dictionary,
    seed: u64,
}

impl Replacer {
    pub(super) fn new(dictionary: Dictionary, seed: u64) -> Self {
        Self { dictionary, seed }
    }

    /// The text with other names.
    pub(super) fn text(&self, text: &str) -> String {
        let Some(formed) = &*FORMED else {
            return self.words(text);
        };
        let mut out = String::with_capacity(text.len());
        let mut done = 0_usize;
        for found in formed.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            let before = text
                .get(..whole.start())
                .and_then(|text| text.chars().next_back());
            let after = text.get(whole.end()..).and_then(|text| text.chars().next());
            let Some(made) = self.formed(&found, before, after) else {
                continue;
            };
            out.push_str(&self.words(text.get(done..whole.start()).unwrap_or_default()));
            out.push_str(&made);
            done = whole.end();
        }
        out.push_str(&self.words(text.get(done..).unwrap_or_default()));
        out
    }

    /// What stands for something with a form of its own; `None` where it only looks like it.
    fn formed(&self, found: &Captures<'_>, before: Option<char>, after: Option<char>) -> Option<String> {
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let get = |name: &str| found.name(name).map(|part| part.as_str());
        if joined(before) || joined(after) {
            return None;
        }
        if let Some(uid) = get("uid") {
            return Some(self.digits(uid));
        }
        if let Some(v4) = get("v4") {
            // Part of a longer number with dots: a version. After a hyphen it may be one as well, or the end of a range or of a
            // name: what is no address loses nothing by other digits.
            if before == Some('.') {
                return None;
            }
            let address: Ipv4Addr = v4.parse().ok()?;
            let bits = get("bits")
                .and_then(|bits| bits.parse().ok())
                .filter(|bits| *bits <= 32);
            let made = address::replaced(address, bits, self.seed);
            return Some(match get("bits") {
                Some(bits) => format!("{made}/{bits}"),
                None => made.to_string(),
            });
        }
        if let Some(dashed) = get("dashed") {
            let address: Ipv4Addr = dashed.replace('-', ".").parse().ok()?;
            let in_name = before == Some('-') || after == Some('.');
            let made = address::replaced(address, None, self.seed).to_string();
            return in_name.then(|| made.replace('.', "-"));
        }
        for number in ["account", "owner"] {
            if let (Some(account), Some(whole)) = (get(number), found.get(0)) {
                return Some(whole.as_str().replace(account, &self.digits(account)));
            }
        }
        if let Some(v6) = get("v6") {
            if v6.len() == 17 && v6.split(':').all(|pair| pair.len() == 2) {
                // The address of a network card.
                return Some(self.digits(v6));
            }
            let address: Ipv6Addr = v6.parse().ok()?;
            let says_something = v6.len() >= 6 && !address.is_loopback();
            return says_something.then(|| self.digits(v6));
        }
        let hex = get("hex")?;
        let mixed = hex.bytes().any(|c| c.is_ascii_digit()) && hex.bytes().any(|c| c.is_ascii_alphabetic());
        mixed.then(|| self.digits(hex))
    }

    /// The same text with other hexadecimal digits: letters for letters, digits for digits.
    fn digits(&self, text: &str) -> String {
        let plain: String = text
            .chars()
            .filter(char::is_ascii_hexdigit)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let digest = sha256_of_parts([self.seed.to_string().as_str(), plain.as_str()]);
        let mut rolls = digest.chars().filter_map(|c| c.to_digit(16)).cycle();
        text.chars()
            .map(|c| {
                if c.is_ascii_hexdigit() {
                    shifted(c, rolls.next().unwrap_or_default())
                } else {
                    c
                }
            })
            .collect()
    }

    fn words(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let (between, tail) = rest.split_at(start);
            out.push_str(between);
            let end = tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len());
            let (run, after) = tail.split_at(end);
            // What a backslash begins is no part of the word after it: `\ncart`.
            let escape = usize::from(between.ends_with('\\') && run.starts_with(['n', 't', 'r']));
            let (escape, run) = run.split_at(escape);
            out.push_str(escape);
            self.run(run, &mut out);
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Letters and digits without anything between them.
    fn run(&self, run: &str, out: &mut String) {
        let found = |word: &str| self.dictionary.get(&word.to_lowercase());
        let parts = pieces(run);
        let composed = run.contains(char::is_uppercase) && parts.iter().any(|part| found(part).is_some());
        if let Some(made) = found(run).filter(|_| !composed) {
            out.push_str(&cased(run, made));
            return;
        }
        for part in parts {
            match found(part) {
                Some(made) => out.push_str(&cased(part, made)),
                None => out.push_str(part),
            }
        }
    }
}

fn shifted(digit: char, roll: u32) -> char {
    let letter = char::from_digit(10_u32.saturating_add(roll % 6), 16).unwrap_or(digit);
    match digit {
        '0'..='9' => char::from_digit(roll % 10, 10).unwrap_or(digit),
        'A'..='F' => letter.to_ascii_uppercase(),
        _ => letter,
    }
}

/// The words of which a name without separators is made: `HTTPCartServer2` has `HTTP`, `Cart`, `Server` and `2`.
pub(super) fn pieces(run: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = run.char_indices().collect();
    let mut cuts = vec![0_usize];
    for window in chars.windows(3) {
        let [(_, a), (at, b), (_, c)] = window else {
            continue;
        };
        if a.is_uppercase() && b.is_uppercase() && c.is_lowercase() {
            cuts.push(*at);
        }
    }
    for window in chars.windows(2) {
        let [(_, a), (at, b)] = window else { continue };
        if a.is_lowercase() && b.is_uppercase() || a.is_numeric() != b.is_numeric() {
            cuts.push(*at);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().skip(1).copied().chain([run.len()]);
    cuts.iter()
        .zip(ends)
        .filter_map(|(start, end)| run.get(*start..end))
        .collect()
}

/// `made` in the way in which `like` is written.
fn cased(like: &str, made: &str) -> String {
    let letters = || like.chars().filter(|c| c.is_alphabetic());
    if letters().count() > 1 && letters().all(char::is_uppercase) {
        return made.to_uppercase();
    }
    if like.starts_with(char::is_uppercase) {
        let mut chars = made.chars();
        return chars
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(chars)
            .collect();
    }
    made.to_owned()
}

pub(super) fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}
