//! The height at which each box stands.

use super::Slot;

const PASSES: usize = 10;

/// The vertical middle of each slot: near the middle of what it is connected to, in the given order, without overlap.
/// The topmost box begins at 0.
pub(super) fn middles(slots: &[Slot], rows: &[Vec<usize>], space: f64) -> Vec<f64> {
    let mut middles = vec![0.0; slots.len()];
    for row in rows {
        let wanted = vec![0.0; row.len()];
        settle(slots, row, &wanted, space, &mut middles);
    }
    for pass in 0..PASSES {
        let last = pass.saturating_add(2) >= PASSES;
        let rightwards = pass.is_multiple_of(2);
        let order: Box<dyn Iterator<Item = &Vec<usize>>> = if rightwards {
            Box::new(rows.iter())
        } else {
            Box::new(rows.iter().rev())
        };
        for row in order {
            let wanted: Vec<_> = row
                .iter()
                .map(|slot| wanted(slots, &middles, *slot, rightwards, last))
                .collect();
            settle(slots, row, &wanted, space, &mut middles);
        }
    }
    let top = slots
        .iter()
        .zip(&middles)
        .map(|(slot, middle)| middle - slot.height / 2.0)
        .fold(f64::INFINITY, f64::min);
    if top.is_finite() {
        for middle in &mut middles {
            *middle -= top;
        }
    }
    middles
}

/// Mean of the neighbours: on one side while things move, on both in the end.
fn wanted(slots: &[Slot], middles: &[f64], slot: usize, rightwards: bool, both: bool) -> f64 {
    let own = middles.get(slot).copied().unwrap_or_default();
    let Some(slot) = slots.get(slot) else { return own };
    let (left, right): (&[usize], &[usize]) = match (both, rightwards) {
        (true, _) => (&slot.left, &slot.right),
        (false, true) => (&slot.left, &[]),
        (false, false) => (&[], &slot.right),
    };
    let neighbours: Vec<_> = left
        .iter()
        .chain(right)
        .filter_map(|slot| middles.get(*slot))
        .collect();
    if neighbours.is_empty() {
        own
    } else {
        neighbours.iter().copied().sum::<f64>() / neighbours.len() as f64
    }
}

/// Puts a layer's slots as near to the wanted heights as their order and sizes allow (least squares: slots that would
/// overlap move together to their common mean).
fn settle(slots: &[Slot], row: &[usize], wanted: &[f64], space: f64, middles: &mut [f64]) {
    // Measured from where the slot would be if all were packed, the heights only have to be in order.
    let mut packed = Vec::with_capacity(row.len());
    let mut bottom = 0.0;
    for slot in row {
        let height = slots.get(*slot).map_or(0.0, |slot| slot.height);
        packed.push(bottom + height / 2.0);
        bottom += height + space;
    }
    // Pools of neighbours that share a height: sum and number.
    let mut pools: Vec<(f64, f64)> = Vec::new();
    for (wanted, packed) in wanted.iter().zip(&packed) {
        let mut pool = (wanted - packed, 1.0);
        while let Some(above) = pools.last().copied() {
            if above.0 / above.1 <= pool.0 / pool.1 {
                break;
            }
            pools.pop();
            pool = (above.0 + pool.0, above.1 + pool.1);
        }
        pools.push(pool);
    }
    let heights = pools
        .iter()
        .flat_map(|(sum, number)| std::iter::repeat_n(sum / number, *number as usize));
    for ((slot, packed), height) in row.iter().zip(&packed).zip(heights) {
        if let Some(middle) = middles.get_mut(*slot) {
            *middle = height + packed;
        }
    }
}
