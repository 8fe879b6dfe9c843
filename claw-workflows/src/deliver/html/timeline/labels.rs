//! Which marks get a label, and in which row below the marks it stands.

/// A label that wants a place.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// Where its mark is; a line leads down from there.
    pub(super) x: f64,
    /// What it covers in its row.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) anchor: &'static str,
    /// The smaller, the graver.
    pub(super) grade: u8,
    pub(super) text: String,
}

/// The row of each label, from 0; `None` for those that find no room. No label meets another, nor the line that leads
/// to one. Wishes are in the order of their marks.
///
/// The first of the gravest marks always has a label: it is where the story begins. The others follow by gravity, and
/// from the right, because the line to a label passes to the left of what stands to the right of it.
pub(super) fn place(wishes: &[Wish], rows: usize) -> Vec<Option<usize>> {
    let mut placed: Vec<Option<usize>> = vec![None; wishes.len()];
    let mut order: Vec<_> = (0..wishes.len()).rev().collect();
    order.sort_by_key(|index| wishes.get(*index).map_or(u8::MAX, |wish| wish.grade));
    let first = (0..wishes.len()).min_by_key(|index| wishes.get(*index).map_or(u8::MAX, |wish| wish.grade));
    if let Some(slot) = first.and_then(|first| placed.get_mut(first)) {
        *slot = rows.checked_sub(1);
    }
    fill(wishes, &mut placed, &order, rows);
    // The one at the bottom, and those that had to make room for it, may move up; then others may fit.
    for index in 0..wishes.len() {
        let Some(current) = placed.get(index).copied().flatten() else {
            continue;
        };
        let better = (0..current).find(|row| fits(wishes, &placed, index, *row));
        if let (Some(slot), Some(_)) = (placed.get_mut(index), better) {
            *slot = better;
        }
    }
    fill(wishes, &mut placed, &order, rows);
    placed
}

/// Gives every label that has no place the highest row that is free, in the given order.
fn fill(wishes: &[Wish], placed: &mut [Option<usize>], order: &[usize], rows: usize) {
    for index in order {
        if placed.get(*index).is_some_and(Option::is_none) {
            let row = (0..rows).find(|row| fits(wishes, placed, *index, *row));
            if let Some(slot) = placed.get_mut(*index) {
                *slot = row;
            }
        }
    }
}

/// Whether the label could stand in that row, given where the others are.
fn fits(wishes: &[Wish], placed: &[Option<usize>], index: usize, row: usize) -> bool {
    const LINE: f64 = 3.0;
    let Some(wish) = wishes.get(index) else {
        return false;
    };
    let others = wishes
        .iter()
        .zip(placed)
        .enumerate()
        .filter(|(other, _)| *other != index);
    others.into_iter().all(|(_, (other, other_row))| match other_row {
        None => true,
        Some(other_row) if *other_row == row => wish.to < other.from || wish.from > other.to,
        // Its line passes the rows above it.
        Some(other_row) if *other_row > row => other.x + LINE < wish.from || other.x - LINE > wish.to,
        Some(_) => wish.x + LINE < other.from || wish.x - LINE > other.to,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(x: f64, length: f64, grade: u8) -> Wish {
        Wish {
            x,
            from: x,
            to: x + length,
            anchor: "start",
            grade,
            text: String::new(),
        }
    }

    #[test]
    fn close_marks_become_a_staircase() {
        let wishes = [
            wish(100.0, 200.0, 0),
            wish(130.0, 200.0, 0),
            wish(160.0, 200.0, 0),
        ];
        assert_eq!(place(&wishes, 5), [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn marks_far_apart_share_the_first_row() {
        let wishes = [wish(100.0, 50.0, 0), wish(200.0, 50.0, 1), wish(300.0, 50.0, 2)];
        assert_eq!(place(&wishes, 5), [Some(0), Some(0), Some(0)]);
    }

    #[test]
    fn the_first_of_the_gravest_has_a_label_however_many_there_are() {
        let wishes: Vec<_> = (0..30)
            .map(|index| wish(100.0 + f64::from(index) * 17.0, 300.0, u8::from(index < 4)))
            .collect();
        let placed = place(&wishes, 5);
        assert!(placed[4].is_some());
        assert!(placed.iter().flatten().count() >= 5);
    }
}
