//! Slips of the pen: a name that is almost that of something else has to stay so.

/// Letters that a name has at least in which a slip is looked for.
const LONG_ENOUGH: usize = 5;

/// How one word becomes another.
enum Edit {
    /// The letter at that place of the first word.
    Keep(usize),
    /// Another letter in the place of one.
    Change(usize),
    /// One letter more.
    Insert,
    /// The two letters from that place on, the other way round.
    Swap(usize),
}

/// Whether `word` is `meant` with a slip or two, and no other word.
pub(super) fn is_slip(meant: &str, word: &str) -> bool {
    let length = meant.chars().count();
    if meant == word || length < LONG_ENOUGH || word.chars().count() < LONG_ENOUGH {
        return false;
    }
    let slips = edits(meant, word)
        .iter()
        .filter(|edit| !matches!(edit, Edit::Keep(_)))
        .count()
        .saturating_add(dropped(meant, word));
    slips <= (length / 4).clamp(1, 2)
}

/// `other` with the slip that makes `word` of `meant`. `other` has as many letters as `meant`.
pub(super) fn same_slip(meant: &str, word: &str, other: &str) -> String {
    let letters: Vec<char> = other.chars().collect();
    let at = |place: usize| letters.get(place).copied();
    let mut out = String::new();
    for edit in edits(meant, word) {
        match edit {
            Edit::Keep(place) => out.extend(at(place)),
            Edit::Change(place) => out.extend(at(place).map(another)),
            Edit::Insert => {
                let last = out.chars().next_back().unwrap_or('n');
                out.push(another(last));
            }
            Edit::Swap(place) => {
                out.extend(at(place.saturating_add(1)));
                out.extend(at(place));
            }
        }
    }
    out
}

fn another(letter: char) -> char {
    match letter {
        'a' => 'e',
        'e' | 'i' | 'o' | 'u' => 'a',
        'n' => 'm',
        _ => 'n',
    }
}

/// How many letters of `meant` are missing: what no edit uses.
fn dropped(meant: &str, word: &str) -> usize {
    let used: usize = edits(meant, word)
        .iter()
        .map(|edit| match edit {
            Edit::Keep(_) | Edit::Change(_) => 1,
            Edit::Insert => 0,
            Edit::Swap(_) => 2,
        })
        .sum();
    meant.chars().count().saturating_sub(used)
}

/// The fewest edits that make `word` of `meant`, in order; letters that are dropped are in none of them.
fn edits(meant: &str, word: &str) -> Vec<Edit> {
    let from: Vec<char> = meant.chars().collect();
    let to: Vec<char> = word.chars().collect();
    let width = to.len().saturating_add(1);
    let index = |i: usize, j: usize| i.saturating_mul(width).saturating_add(j);
    let mut costs = vec![usize::MAX; from.len().saturating_add(1).saturating_mul(width)];
    let swapped = |i: usize, j: usize| {
        i > 1 && j > 1 && from.get(i - 1) == to.get(j - 2) && from.get(i - 2) == to.get(j - 1)
    };
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            let cost = |i: usize, j: usize| costs.get(index(i, j)).copied().unwrap_or(usize::MAX);
            let mut best = usize::MAX;
            if i == 0 && j == 0 {
                best = 0;
            }
            if i > 0 {
                best = best.min(cost(i - 1, j).saturating_add(1));
            }
            if j > 0 {
                best = best.min(cost(i, j - 1).saturating_add(1));
            }
            if i > 0 && j > 0 {
                let differs = usize::from(from.get(i - 1) != to.get(j - 1));
                best = best.min(cost(i - 1, j - 1).saturating_add(differs));
            }
            if swapped(i, j) {
                best = best.min(cost(i - 2, j - 2).saturating_add(1));
            }
            if let Some(slot) = costs.get_mut(index(i, j)) {
                *slot = best;
            }
        }
    }
    let cost = |i: usize, j: usize| costs.get(index(i, j)).copied().unwrap_or(usize::MAX);
    let (mut i, mut j) = (from.len(), to.len());
    let mut found = Vec::new();
    while i > 0 || j > 0 {
        let here = cost(i, j);
        if i > 0 && j > 0 && from.get(i - 1) == to.get(j - 1) && cost(i - 1, j - 1) == here {
            found.push(Edit::Keep(i - 1));
            (i, j) = (i - 1, j - 1);
        } else if swapped(i, j) && cost(i - 2, j - 2).saturating_add(1) == here {
            found.push(Edit::Swap(i - 2));
            (i, j) = (i - 2, j - 2);
        } else if i > 0 && j > 0 && cost(i - 1, j - 1).saturating_add(1) == here {
            found.push(Edit::Change(i - 1));
            (i, j) = (i - 1, j - 1);
        } else if j > 0 && cost(i, j - 1).saturating_add(1) == here {
            found.push(Edit::Insert);
            j -= 1;
        } else {
            // A letter that is dropped.
            i = i.saturating_sub(1);
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_made_again() {
        for (meant, word, other, slip) in [
            ("payment", "paymnet", "rokumas", "rokuams"),
            ("payment", "payement", "rokumas", "rokunmas"),
            ("payment", "pament", "rokumas", "roumas"),
            ("orders", "ordets", "mitolk", "mitonk"),
        ] {
            assert!(is_slip(meant, word), "{meant} {word}");
            let made = same_slip(meant, word, other);
            assert!(is_slip(other, &made), "{other} {made}");
            assert_eq!(made.len(), slip.len(), "{made}");
        }
        assert_eq!(same_slip("payment", "paymnet", "rokumas"), "rokuams");
        for (one, other) in [
            ("cart", "card"),
            ("payment", "payment"),
            ("orders", "ledger"),
            ("search", "reach"),
        ] {
            assert!(!is_slip(one, other), "{one} {other}");
        }
    }
}
