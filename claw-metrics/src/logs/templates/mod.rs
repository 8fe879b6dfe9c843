//! Log templates: what lines have in common once what varies is taken out.
//!
//! Online (a line is looked at once), deterministic (the same lines in the same order give the same templates), and with one
//! fixed setting for all systems.
//!
//! ```
//! use claw_metrics::logs::templates::Miner;
//! let mut miner = Miner::new();
//! let first = miner.insert("Received block blk_38865 of size 67108864 from /10.250.14.224");
//! let second = miner.insert("Received block blk_90178 of size 91178 from /10.251.73.220");
//! assert_eq!(first, second);
//! assert_eq!(miner.templates()[0].text, "Received block <*> of size <*> from <*>");
//! ```
//!
//! How it works:
//!
//! 1. A line is cut into words and separators. Numbers, ids, addresses, paths, URLs, times and quoted text are masked by their
//!    form; neighbouring masks become one, and items that repeat become one, so that lists of different length look alike.
//!    Names are known by what stands around them as well (`for user bo`, `namespace=shop`), and so is the column of a header that
//!    says where the line was written. Of structured lines, the keys, the level and the message are kept.
//! 2. Lines with the same tokens have the same template. That is one look-up, and nearly all lines end here.
//! 3. Where a template is new, its neighbours are looked up: templates of the same length that differ from it in one word, or in
//!    two. When a place has shown enough different words, they are a variable too, and the templates become one. How many are
//!    enough depends on the place: few after `=` and for words that look like identifiers, more for plain words, and many where
//!    little else is left to tell the template by. So `session opened` and `session closed` stay apart, and user names do not.
//!
//! Grouping by length and comparing position by position is that of Drain (He, Zhu, Zheng, Lyu: Drain, ICWS 2017). Drain joins
//! two lines as soon as half of their words agree, which needs a threshold for each system; counting the words that a place has
//! shown needs none. Ids of templates that were joined stay valid: see [`Miner::resolve`].

mod addresses;
mod headers;
mod joiner;
mod json;
mod names;
mod quotes;
mod scan;
mod sizes;
mod symbol;
mod variety;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use scan::Token;
use symbol::{Symbol, fits, fold_repeat, hash, opened};
use variety::{Class, class_of};

/// Most different token sequences that are remembered; further ones go to templates that they fit, or to the last resort.
const MAX_SEQUENCES: usize = 200_000;
/// Most templates before joining.
const MAX_TEMPLATES: usize = 50_000;
/// Most different words.
const MAX_WORDS: usize = 1_000_000;
/// Pairs of places are looked at in templates of at most so many words, while there are at most so many templates.
const PAIRS_WORDS: usize = 12;
const PAIRS_TEMPLATES: usize = 10_000;
/// How much of the first line of a template is kept.
const EXAMPLE: usize = 300;
/// How a variable part is shown.
const WILDCARD: &str = "<*>";

/// Identifies a template within its miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TemplateId(u32);

impl TemplateId {
    /// The number, from 0 on, in the order in which templates were found.
    pub fn index(self) -> u32 {
        self.0
    }
}

/// What a group of lines has in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// The text, with `<*>` for what varies.
    pub text: String,
    /// How many lines it has.
    pub count: u64,
    /// The first line, cut to a readable length.
    pub example: String,
}

#[derive(Debug)]
struct Known {
    symbols: Vec<Symbol>,
    count: u64,
    example: String,
    /// The template that this one has become part of.
    joined: Option<u32>,
}

/// Mines templates from lines.
#[derive(Debug, Default)]
pub struct Miner {
    numbers: HashMap<Box<str>, u32>,
    words: Vec<(Box<str>, Class)>,
    known: Vec<Known>,
    /// Templates by the hash of a sequence of symbols.
    sequences: HashMap<u64, u32>,
    /// Templates that others were joined into, by length.
    wide: HashMap<usize, Vec<u32>>,
    /// Templates by the hash of their symbols with one or two places left open.
    open: HashMap<u64, Vec<u32>>,
    unfitting: Option<u32>,
    lines: u64,
    line: Vec<Symbol>,
}

impl Miner {
    /// A miner without templates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line and tells its template. Later lines may show that the template is part of a wider one:
    /// [`resolve`](Self::resolve) the id when all lines are in.
    pub fn insert(&mut self, line: &str) -> TemplateId {
        self.lines = self.lines.saturating_add(1);
        let mut symbols = std::mem::take(&mut self.line);
        symbols.clear();
        scan::tokens(line, &mut |token, spaced| {
            let number = match token {
                Token::Variable => 0,
                Token::Word(word) => self.number(word, class_of),
                Token::Mark(fixed) | Token::Key(fixed) => self.number(fixed, |_| Class::Fixed),
            };
            symbols.push(Symbol::new(number, spaced && !symbols.is_empty()));
            fold_repeat(&mut symbols);
        });
        let hash = hash(&symbols);
        let index = match self.sequences.get(&hash) {
            Some(index) => self.root(*index),
            None => self.find_or_add(&symbols, hash, line),
        };
        if let Some(known) = self.get_mut(index) {
            known.count = known.count.saturating_add(1);
        }
        self.line = symbols;
        TemplateId(index)
    }

    /// The template that an earlier one has become part of, or itself.
    pub fn resolve(&self, id: TemplateId) -> TemplateId {
        TemplateId(self.root(id.0))
    }

    /// A template by its id.
    pub fn template(&self, id: TemplateId) -> Option<Template> {
        let index = self.root(id.0);
        let known = self.get(index)?;
        Some(Template {
            id: TemplateId(index),
            text: self.text(&known.symbols),
            count: known.count,
            example: known.example.clone(),
        })
    }

    /// The templates that are not part of others, by id.
    pub fn templates(&self) -> Vec<Template> {
        (0u32..)
            .zip(&self.known)
            .filter(|(_, known)| known.joined.is_none())
            .filter_map(|(index, _)| self.template(TemplateId(index)))
            .collect()
    }

    /// How many lines were taken.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many lines came after the limit of templates was reached and fitted none. They share one template.
    pub fn unfitting(&self) -> u64 {
        self.unfitting
            .and_then(|index| self.get(index))
            .map_or(0, |known| known.count)
    }

    fn get(&self, index: u32) -> Option<&Known> {
        self.known.get(usize::try_from(index).ok()?)
    }

    fn get_mut(&mut self, index: u32) -> Option<&mut Known> {
        self.known.get_mut(usize::try_from(index).ok()?)
    }

    fn root(&self, mut index: u32) -> u32 {
        while let Some(Known {
            joined: Some(wider), ..
        }) = self.get(index)
        {
            index = *wider;
        }
        index
    }

    /// The number of a word. Its class is looked for only when it is new.
    fn number(&mut self, word: &str, class: impl Fn(&str) -> Class) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        if self.words.len() >= MAX_WORDS {
            return 0;
        }
        self.words.push((word.into(), class(word)));
        let number = u32::try_from(self.words.len()).unwrap_or(0);
        self.numbers.insert(word.into(), number);
        number
    }

    fn word(&self, symbol: Symbol) -> Option<&(Box<str>, Class)> {
        let number = usize::try_from(symbol.number()).ok()?;
        self.words.get(number.checked_sub(1)?)
    }

    fn text(&self, symbols: &[Symbol]) -> String {
        let mut text = String::new();
        for symbol in symbols {
            if symbol.spaced() {
                text.push(' ');
            }
            text.push_str(self.word(*symbol).map_or(WILDCARD, |(word, _)| word));
        }
        text
    }

    /// The template for a sequence that has not been seen: one that it fits, or a new one.
    fn find_or_add(&mut self, symbols: &[Symbol], hash: u64, line: &str) -> u32 {
        let index = match self.fitting(symbols, hash) {
            Some(index) => index,
            None if self.known.len() >= MAX_TEMPLATES => return self.last_resort(line),
            None => {
                let index = self.add(symbols.to_vec(), line);
                self.remember(hash, index);
                self.join_around(index);
                return self.root(index);
            }
        };
        self.remember(hash, index);
        index
    }

    fn remember(&mut self, hash: u64, index: u32) {
        if self.sequences.len() < MAX_SEQUENCES {
            self.sequences.insert(hash, index);
        }
    }

    /// A template with a variable part where `symbols` has a word.
    fn fitting(&self, symbols: &[Symbol], whole: u64) -> Option<u32> {
        let masked = symbols
            .iter()
            .enumerate()
            .filter(|(place, _)| self.may_vary(symbols, *place))
            .find_map(|(place, symbol)| {
                self.sequences
                    .get(&opened(whole, place, *symbol))
                    .map(|index| self.root(*index))
            });
        masked
            .filter(|index| {
                self.get(*index)
                    .is_some_and(|known| fits(&known.symbols, symbols))
            })
            .or_else(|| {
                let candidates = self.wide.get(&symbols.len())?;
                candidates.iter().copied().find(|index| {
                    self.get(*index)
                        .is_some_and(|known| known.joined.is_none() && fits(&known.symbols, symbols))
                })
            })
    }

    fn add(&mut self, symbols: Vec<Symbol>, line: &str) -> u32 {
        let index = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let example = line
            .get(..line.floor_char_boundary(EXAMPLE))
            .unwrap_or(line)
            .to_owned();
        self.known.push(Known {
            symbols,
            count: 0,
            example,
            joined: None,
        });
        index
    }

    fn last_resort(&mut self, line: &str) -> u32 {
        if let Some(index) = self.unfitting {
            return index;
        }
        let index = self.add(vec![Symbol::new(0, false)], line);
        self.unfitting = Some(index);
        index
    }

    /// Registers a new template under all its forms with one or two places open, and joins those that have become variables.
    fn join_around(&mut self, index: u32) {
        let mut next = Some(index);
        while let Some(index) = next.take() {
            let Some(symbols) = self.get(index).map(|known| known.symbols.clone()) else {
                return;
            };
            let places: Vec<usize> = (0..symbols.len())
                .filter(|place| self.may_vary(&symbols, *place))
                .collect();
            let words = places.len();
            let whole = hash(&symbols);
            for place in &places {
                if next.is_none() {
                    next = self.join_if_variable(index, &symbols, whole, &[*place], words);
                }
            }
            if words <= PAIRS_WORDS && self.known.len() <= PAIRS_TEMPLATES {
                for (position, first) in places.iter().enumerate() {
                    for second in places.iter().skip(position + 1) {
                        if next.is_none() {
                            next = self.join_if_variable(index, &symbols, whole, &[*first, *second], words);
                        }
                    }
                }
            }
        }
    }

    fn may_vary(&self, symbols: &[Symbol], place: usize) -> bool {
        symbols
            .get(place)
            .and_then(|symbol| self.word(*symbol))
            .is_some_and(|(_, class)| *class != Class::Fixed)
    }

    /// Registers `index` as a template with `places` open. If the templates there are enough, they become one, whose index is
    /// returned.
    fn join_if_variable(
        &mut self,
        index: u32,
        symbols: &[Symbol],
        whole: u64,
        places: &[usize],
        words: usize,
    ) -> Option<u32> {
        let open_hash = places
            .iter()
            .fold(whole, |hash, place| match symbols.get(*place) {
                Some(symbol) => opened(hash, *place, *symbol),
                None => hash,
            });
        let members = self.open.entry(open_hash).or_default();
        members.push(index);
        let needed = places
            .iter()
            .map(|place| self.needed(symbols, *place, words - places.len()))
            .max()?;
        // Two open places at once are a bolder guess.
        let needed = if places.len() > 1 {
            needed.saturating_mul(2)
        } else {
            needed
        };
        let members = self.open.get(&open_hash)?;
        if members.len() < needed {
            return None;
        }
        let mut wide = symbols.to_vec();
        for place in places {
            if let Some(symbol) = wide.get_mut(*place) {
                *symbol = symbol.made_variable();
            }
        }
        let apart: Vec<u32> = members
            .iter()
            .copied()
            .filter(|member| {
                self.get(*member)
                    .is_some_and(|known| known.joined.is_none() && fits(&wide, &known.symbols))
            })
            .collect();
        let varied = places.iter().all(|place| {
            let mut shown: Vec<Symbol> = apart
                .iter()
                .filter_map(|member| self.get(*member)?.symbols.get(*place).copied())
                .collect();
            shown.sort_by_key(|symbol| symbol.0);
            shown.dedup();
            shown.len() >= needed.min(if places.len() > 1 { needed / 2 } else { needed })
        });
        if apart.len() < needed || !varied {
            return None;
        }
        self.join(wide, open_hash, apart)
    }

    /// Joins `parts`, and whatever has become part of the same, into one template.
    fn join(&mut self, wide: Vec<Symbol>, hash: u64, mut parts: Vec<u32>) -> Option<u32> {
        // One that was masked there from the begin, and joined ones that are narrower.
        parts.extend(self.sequences.get(&hash).map(|index| self.root(*index)));
        let narrower = self.wide.remove(&wide.len()).unwrap_or_default();
        parts.extend(&narrower);
        parts.retain(|index| {
            self.get(*index)
                .is_some_and(|known| known.joined.is_none() && fits(&wide, &known.symbols))
        });
        parts.sort_unstable();
        parts.dedup();
        // The oldest part keeps its id and example.
        let first = *parts.first()?;
        let count = parts
            .iter()
            .filter_map(|part| self.get(*part))
            .map(|known| known.count)
            .sum();
        for part in parts.iter().skip(1) {
            if let Some(known) = self.get_mut(*part) {
                known.joined = Some(first);
            }
        }
        let mut wides: Vec<u32> = narrower;
        wides.push(first);
        wides.retain(|index| self.get(*index).is_some_and(|known| known.joined.is_none()));
        wides.sort_unstable();
        wides.dedup();
        self.wide.insert(wide.len(), wides);
        self.sequences.insert(hash, first);
        if let Some(known) = self.get_mut(first) {
            known.symbols = wide;
            known.count = count;
        }
        Some(first)
    }

    /// How many different words must have stood at `place`.
    fn needed(&self, symbols: &[Symbol], place: usize, others: usize) -> usize {
        let word = |place: usize| symbols.get(place).and_then(|symbol| self.word(*symbol));
        let class = word(place).map_or(Class::Fixed, |(_, class)| *class);
        let before = place.checked_sub(1).and_then(word).map_or("", |(word, _)| word);
        variety::needed(class, before, others)
    }
}

#[cfg(test)]
mod tests;
