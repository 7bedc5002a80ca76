//! The order within each row, so that few lines cross.

use super::rows::Rows;

/// How often all rows are gone through. More changes little.
const SWEEPS: usize = 24;

/// Orders each row by the mean position of the neighbours, downwards and upwards in turn, and keeps the best.
pub(super) fn order(rows: &mut Rows) {
    let mut best = rows.rows.clone();
    let mut fewest = crossings(rows);
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for step in 1..rows.rows.len() {
            let row = if down { step } else { rows.rows.len() - 1 - step };
            let beside = if down { row - 1 } else { row + 1 };
            let at = positions(rows, beside);
            let joined = if down { &rows.above } else { &rows.below };
            let mut keyed: Vec<(f64, usize, usize)> = Vec::new();
            for (index, &place) in rows.rows[row].iter().enumerate() {
                let near: Vec<f64> = joined[place].iter().map(|it| at[*it]).collect();
                // What has no neighbour there stays where it is.
                let mean =
                    if near.is_empty() { index as f64 } else { near.iter().sum::<f64>() / near.len() as f64 };
                keyed.push((mean, index, place));
            }
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            rows.rows[row] = keyed.into_iter().map(|(_, _, place)| place).collect();
        }
        let now = crossings(rows);
        if now < fewest {
            (fewest, best) = (now, rows.rows.clone());
        }
    }
    rows.rows = best;
}

/// The position of each place of a row; 0 for others.
fn positions(rows: &Rows, row: usize) -> Vec<f64> {
    let mut at = vec![0.0; rows.places.len()];
    for (index, &place) in rows.rows[row].iter().enumerate() {
        at[place] = index as f64;
    }
    at
}

/// How many pairs of lines cross.
pub(super) fn crossings(rows: &Rows) -> usize {
    let mut count = 0;
    for (row, places) in rows.rows.iter().enumerate().skip(1) {
        let at = positions(rows, row - 1);
        let ends: Vec<Vec<f64>> =
            places.iter().map(|place| rows.above[*place].iter().map(|it| at[*it]).collect()).collect();
        for (index, left) in ends.iter().enumerate() {
            for right in &ends[index + 1..] {
                count +=
                    left.iter().map(|it| right.iter().filter(|other| it > *other).count()).sum::<usize>();
            }
        }
    }
    count
}
