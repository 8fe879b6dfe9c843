//! Sequences of words as numbers.

/// Longest item of a list, in tokens.
const MAX_PERIOD: usize = 12;

/// A word or separator by its number, and whether white space stands before it. Number 0 is the variable part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Symbol(pub(super) u32);

impl Symbol {
    pub(super) fn new(number: u32, spaced: bool) -> Self {
        Self(number << 1 | u32::from(spaced))
    }

    pub(super) fn number(self) -> u32 {
        self.0 >> 1
    }

    pub(super) fn is_variable(self) -> bool {
        self.number() == 0
    }

    pub(super) fn spaced(self) -> bool {
        self.0 & 1 == 1
    }

    pub(super) fn made_variable(self) -> Self {
        Self::new(0, self.spaced())
    }
}

/// Takes the end off if it repeats what stands before it and varies: items of a list, `id:<*> size:<*> id:<*> size:<*>`.
pub(super) fn fold_repeat(symbols: &mut Vec<Symbol>) {
    let length = symbols.len();
    for period in 2..=MAX_PERIOD {
        let Some(start) = length.checked_sub(2 * period) else {
            return;
        };
        let (Some(earlier), Some(later)) =
            (symbols.get(start..start + period), symbols.get(start + period..))
        else {
            return;
        };
        let same = earlier
            .iter()
            .rev()
            .zip(later.iter().rev())
            .all(|(a, b)| a.number() == b.number());
        if same && later.iter().any(|symbol| symbol.is_variable()) {
            symbols.truncate(start + period);
            return;
        }
    }
}

/// Whether `wide` is the same as `symbols` but for its variable parts.
pub(super) fn fits(wide: &[Symbol], symbols: &[Symbol]) -> bool {
    wide.len() == symbols.len()
        && wide
            .iter()
            .zip(symbols)
            .all(|(wide, symbol)| wide == symbol || wide.is_variable())
}

/// The hash of a sequence with the symbol at `place` made variable.
pub(super) fn opened(hash: u64, place: usize, symbol: Symbol) -> u64 {
    hash.wrapping_sub(mix(place, symbol))
        .wrapping_add(mix(place, symbol.made_variable()))
}

/// A sum over places, so that one place can be exchanged without reading the others again.
pub(super) fn hash(symbols: &[Symbol]) -> u64 {
    let length = mix(
        usize::MAX,
        Symbol(u32::try_from(symbols.len()).unwrap_or(u32::MAX)),
    );
    symbols.iter().enumerate().fold(length, |sum, (place, symbol)| {
        sum.wrapping_add(mix(place, *symbol))
    })
}

/// SplitMix64 (Steele, Lea, Flood: OOPSLA 2014) over place and symbol.
pub(super) fn mix(place: usize, symbol: Symbol) -> u64 {
    let mut z = (place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ u64::from(symbol.0).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
