//! Which made-up word stands for which.

use std::collections::{BTreeMap, BTreeSet};

use claw_core::digest::sha256_of_parts;

use super::gather::Gathered;
use super::interface::is_of_interfaces;
use super::words::{ENDINGS, is_of_the_field, sounds_like_the_field};
use super::{spelling, text};

/// Letters and digits of which Kubernetes makes the random parts of names.
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
const RANDOM_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz";
const RANDOM_DIGITS: &[u8] = b"2456789";
/// Tries to find a word that nobody uses.
const TRIES: u32 = 500;
/// Shorter words say nothing.
pub(super) const SHORTEST: usize = 3;

/// Words in lower case, and what stands for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Dictionary {
    made: BTreeMap<String, String>,
    used: BTreeSet<String>,
    seed: u64,
}

impl Dictionary {
    /// A dictionary for all words of names but for those of the field, of interfaces and in `keep`.
    pub(super) fn new(gathered: &Gathered, seed: u64, keep: &BTreeSet<String>) -> Self {
        let keep: BTreeSet<String> = keep.iter().map(|word| word.to_lowercase()).collect();
        let stays = |word: &str| {
            keep.contains(word)
                || is_of_the_field(word)
                || is_of_interfaces(word)
                || gathered.structure.contains(word)
        };
        let mut dictionary = Self {
            made: BTreeMap::new(),
            // No made-up word is one that stands anywhere.
            used: gathered.corpus.clone(),
            seed,
        };
        for word in gathered
            .words(&gathered.objects)
            .iter()
            .filter(|word| !stays(word))
        {
            dictionary.add(word, &stays);
        }
        // What is spelt almost like the name of an object may be meant for it. That has to stay so.
        let objects = gathered.words(&gathered.objects);
        for word in gathered.words(&gathered.names).iter().filter(|word| !stays(word)) {
            if dictionary.made.contains_key(word) {
                continue;
            }
            let meant = objects.iter().find(|meant| spelling::is_slip(meant, word));
            match meant.map(|meant| (meant, dictionary.made.get(meant))) {
                Some((meant, Some(made))) => {
                    let slip = spelling::same_slip(meant, word, made);
                    dictionary.used.insert(slip.clone());
                    dictionary.made.insert(word.clone(), slip);
                }
                // A slip of a word that stays.
                Some((_, None)) => {}
                None => dictionary.add(word, &stays),
            }
        }
        dictionary
    }

    /// What stands for a word in lower case; `None` where it stays.
    pub(super) fn get(&self, word: &str) -> Option<&str> {
        self.made.get(word).map(String::as_str)
    }

    fn add(&mut self, word: &str, stays: &impl Fn(&str) -> bool) {
        if self.made.contains_key(word) {
            return;
        }
        let (stem, ending) = match parts(word) {
            (stem, _) if stays(stem) => (word, ""),
            parts => parts,
        };
        if !self.made.contains_key(stem) {
            let fresh = self.fresh(stem);
            self.used.insert(fresh.clone());
            self.made.insert(stem.to_owned(), fresh);
        }
        if !ending.is_empty()
            && let Some(made) = self.made.get(stem)
        {
            let whole = format!("{made}{ending}");
            self.made.insert(word.to_owned(), whole);
        }
    }

    /// A word of the same shape: vowels for vowels, digits for digits, random parts for random parts.
    fn fresh(&self, word: &str) -> String {
        let mut last = word.to_owned();
        for attempt in 0..TRIES {
            let digest =
                sha256_of_parts([self.seed.to_string().as_str(), word, attempt.to_string().as_str()]);
            last = shaped(word, &digest);
            if !self.used.contains(&last) && (is_random(word) || !sounds_like_the_field(&last)) {
                break;
            }
        }
        last
    }
}

/// The word without an ending that says what it is, and that ending.
fn parts(word: &str) -> (&str, &str) {
    let ending = ENDINGS.iter().find(|ending| {
        word.strip_suffix(**ending)
            .is_some_and(|stem| stem.len() >= SHORTEST)
    });
    let plural = || (word.len() > 4 && word.ends_with('s') && !word.ends_with("ss")).then_some("s");
    let cut = ending
        .copied()
        .or_else(plural)
        .filter(|_| !is_random(word))
        .unwrap_or_default();
    (word.strip_suffix(cut).unwrap_or(word), cut)
}

/// Whether the word looks like a random part of a name.
pub(super) fn is_random(word: &str) -> bool {
    word.len() >= 4
        && word.chars().all(|c| RANDOM.contains(c))
        && word.chars().any(|c| c.is_ascii_alphabetic())
}

fn shaped(word: &str, digest: &str) -> String {
    let random = is_random(word);
    let pick = |from: &[u8], roll: usize| {
        from.get(roll % from.len().max(1))
            .copied()
            .map_or('x', char::from)
    };
    // Two digits of the digest for each character; names are shorter than it is, and else it begins anew.
    let rolls = digest.as_bytes().chunks(2).cycle().map(|pair| {
        let text = std::str::from_utf8(pair).unwrap_or_default();
        usize::from_str_radix(text, 16).unwrap_or_default()
    });
    word.chars()
        .zip(rolls)
        .map(|(c, roll)| match c {
            c if random && c.is_ascii_digit() => pick(RANDOM_DIGITS, roll),
            _ if random => pick(RANDOM_LETTERS, roll),
            c if c.is_ascii_digit() => char::from_digit((roll % 10) as u32, 10).unwrap_or('0'),
            c if text::is_vowel(c) => pick(VOWELS, roll),
            _ => pick(CONSONANTS, roll),
        })
        .collect()
}
