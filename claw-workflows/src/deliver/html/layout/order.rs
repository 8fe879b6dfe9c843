//! The order of boxes within their layers, so that few lines cross.

use super::Slot;

/// Walks over all layers, to the right and to the left in turn.
const SWEEPS: usize = 12;

/// The slots of each layer from top to bottom.
pub(super) fn ordered(slots: &[Slot]) -> Vec<Vec<usize>> {
    let count = slots
        .iter()
        .map(|slot| slot.layer.saturating_add(1))
        .max()
        .unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, slot) in slots.iter().enumerate() {
        if let Some(row) = rows.get_mut(slot.layer) {
            row.push(index);
        }
    }
    let mut best = rows.clone();
    let mut fewest = crossings(slots, &rows);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let rightwards = sweep.is_multiple_of(2);
        let mut position = positions(slots, &rows);
        let order: Box<dyn Iterator<Item = usize>> = if rightwards {
            Box::new(0..count)
        } else {
            Box::new((0..count).rev())
        };
        for layer in order {
            let Some(row) = rows.get_mut(layer) else { continue };
            let mut weighed: Vec<_> = row
                .iter()
                .map(|slot| (weight(slots, &position, *slot, rightwards), *slot))
                .collect();
            // Stable: slots of the same weight keep their order.
            weighed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = weighed.into_iter().map(|(_, slot)| slot).collect();
            for (place, slot) in row.iter().enumerate() {
                if let Some(position) = position.get_mut(*slot) {
                    *position = place;
                }
            }
        }
        let now = crossings(slots, &rows);
        if now < fewest {
            fewest = now;
            best.clone_from(&rows);
        }
    }
    best
}

/// Mean position of the neighbours on one side; its own where there are none.
fn weight(slots: &[Slot], position: &[usize], slot: usize, rightwards: bool) -> f64 {
    let own = position.get(slot).copied().unwrap_or_default() as f64;
    let Some(slot) = slots.get(slot) else { return own };
    let neighbours = if rightwards { &slot.left } else { &slot.right };
    if neighbours.is_empty() {
        return own;
    }
    let sum: usize = neighbours.iter().filter_map(|slot| position.get(*slot)).sum();
    sum as f64 / neighbours.len() as f64
}

fn positions(slots: &[Slot], rows: &[Vec<usize>]) -> Vec<usize> {
    let mut positions = vec![0; slots.len()];
    for row in rows {
        for (place, slot) in row.iter().enumerate() {
            if let Some(position) = positions.get_mut(*slot) {
                *position = place;
            }
        }
    }
    positions
}

/// How many pairs of lines cross.
pub(super) fn crossings(slots: &[Slot], rows: &[Vec<usize>]) -> usize {
    let positions = positions(slots, rows);
    let at = |slot: &usize| positions.get(*slot).copied().unwrap_or_default();
    let mut crossings = 0_usize;
    for row in rows {
        let mut ends = Vec::new();
        for slot in row {
            let mut targets: Vec<_> = slots
                .get(*slot)
                .into_iter()
                .flat_map(|slot| &slot.right)
                .map(at)
                .collect();
            targets.sort_unstable();
            for target in targets {
                // Of the lines that begin above, those cross that end below.
                crossings = crossings.saturating_add(ends.iter().filter(|end| **end > target).count());
                ends.push(target);
            }
        }
    }
    crossings
}
