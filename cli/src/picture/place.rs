//! Where each place of a row is, so that lines are short and, above all, straight.

use super::rows::{Rows, Spot};

/// How often positions are improved.
const ROUNDS: usize = 40;
/// A line that passes a row weighs more than a box: bends disturb more than a box that is not in the middle.
const LINE_WEIGHT: f64 = 6.0;

/// The middle of each place, in pixels, when its width is `width` and `gap` lies between two.
pub(super) fn place(rows: &Rows, width: &[f64], gap: f64) -> Vec<f64> {
    let mut x = vec![0.0; rows.places.len()];
    for row in &rows.rows {
        let total: f64 = row.iter().map(|it| width[*it] + gap).sum();
        let mut left = -total / 2.0;
        for &place in row {
            x[place] = left + width[place] / 2.0;
            left += width[place] + gap;
        }
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        for step in 0..rows.rows.len() {
            let row = if down { step } else { rows.rows.len() - 1 - step };
            let places = &rows.rows[row];
            let wish: Vec<(f64, f64)> = places.iter().map(|place| wish(rows, &x, *place)).collect();
            let apart = |at: usize| (width[places[at]] + width[places[at + 1]]) / 2.0 + gap;
            for (place, to) in places.iter().zip(separated(&wish, apart)) {
                x[*place] = to;
            }
        }
    }
    let left = rows.places.iter().enumerate().map(|(place, _)| x[place] - width[place] / 2.0);
    let left = left.fold(f64::INFINITY, f64::min);
    x.iter().map(|it| it - left).collect()
}

/// Where a place would be best for its neighbours in both rows, and how much that matters.
fn wish(rows: &Rows, x: &[f64], place: usize) -> (f64, f64) {
    let weight = |other: usize| match (rows.places[place], rows.places[other]) {
        (Spot::Line, Spot::Line) => LINE_WEIGHT,
        (Spot::Line, _) | (_, Spot::Line) => 2.0,
        (Spot::Box(_), Spot::Box(_)) => 1.0,
    };
    let (mut sum, mut weights) = (0.0, 0.0);
    for &other in rows.above[place].iter().chain(&rows.below[place]) {
        sum += weight(other) * x[other];
        weights += weight(other);
    }
    if weights == 0.0 { (x[place], 1.0) } else { (sum / weights, weights) }
}

/// The positions nearest to the wishes, by weighted squares, that are `apart` enough: isotonic regression by pooling
/// adjacent violators (Ayer and others, 1955).
fn separated(wish: &[(f64, f64)], apart: impl Fn(usize) -> f64) -> Vec<f64> {
    // Without the distances, positions only have to ascend.
    let mut offset = vec![0.0; wish.len()];
    for at in 1..wish.len() {
        offset[at] = offset[at - 1] + apart(at - 1);
    }
    // Pools of neighbours that touch: their mean, their weight, how many they are.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (at, (to, weight)) in wish.iter().enumerate() {
        pools.push((to - offset[at], *weight, 1));
        while let [.., one, other] = pools[..]
            && one.0 > other.0
        {
            let weight = one.1 + other.1;
            pools.truncate(pools.len() - 2);
            pools.push(((one.0 * one.1 + other.0 * other.1) / weight, weight, one.2 + other.2));
        }
    }
    let means = pools.iter().flat_map(|(mean, _, count)| std::iter::repeat_n(*mean, *count));
    means.zip(offset).map(|(mean, offset)| mean + offset).collect()
}
