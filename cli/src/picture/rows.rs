//! Which row each box is in, and what passes the rows between.

use std::collections::BTreeSet;

/// A place in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spot {
    /// A box, by its number.
    Box(usize),
    /// Where a line passes.
    Line,
}

/// The rows from the top, and the lines between neighbouring rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// Places by their numbers.
    pub places: Vec<Spot>,
    /// The places of each row.
    pub rows: Vec<Vec<usize>>,
    /// For each place, those above it that a line joins it with.
    pub above: Vec<Vec<usize>>,
    /// The same downwards.
    pub below: Vec<Vec<usize>>,
    /// Each line: the places that it joins, from a box above to one below.
    pub lines: Vec<Vec<usize>>,
}

/// The lines to draw: a need that another need has, too, is left out.
pub(super) fn reduced(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut all: Vec<BTreeSet<usize>> = Vec::with_capacity(needs.len());
    let mut reduced = Vec::with_capacity(needs.len());
    for own in needs {
        let own: BTreeSet<usize> = own.iter().copied().collect();
        let implied: BTreeSet<usize> = own.iter().flat_map(|need| all[*need].iter().copied()).collect();
        reduced.push(own.iter().copied().filter(|need| !implied.contains(need)).collect());
        all.push(implied.into_iter().chain(own).collect());
    }
    reduced
}

/// Puts boxes into rows, each below all that it needs.
pub(super) fn rows(needs: &[Vec<usize>]) -> Rows {
    let levels = levels(needs);
    let count = levels.iter().max().map_or(0, |level| level + 1);
    let mut made = Rows {
        places: (0..needs.len()).map(Spot::Box).collect(),
        rows: vec![Vec::new(); count],
        above: vec![Vec::new(); needs.len()],
        below: vec![Vec::new(); needs.len()],
        lines: Vec::new(),
    };
    for (number, level) in levels.iter().enumerate() {
        made.rows[*level].push(number);
    }
    // The lines below one box share their column as far as the last of them goes.
    let mut columns: Vec<Vec<usize>> = (0..needs.len()).map(|number| vec![number]).collect();
    for (number, own) in needs.iter().enumerate() {
        for &need in own {
            let passed = levels[number] - levels[need];
            while columns[need].len() < passed {
                let place = made.places.len();
                made.places.push(Spot::Line);
                made.above.push(Vec::new());
                made.below.push(Vec::new());
                made.rows[levels[need] + columns[need].len()].push(place);
                let last = columns[need][columns[need].len() - 1];
                made.join(last, place);
                columns[need].push(place);
            }
            made.join(columns[need][passed - 1], number);
            made.lines.push(columns[need][..passed].iter().copied().chain([number]).collect());
        }
    }
    made
}

/// The length of the longest way down to each; what needs nothing is moved to the row above its first user.
fn levels(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut levels = vec![0; needs.len()];
    for number in 0..needs.len() {
        levels[number] = needs[number].iter().map(|need| levels[*need] + 1).max().unwrap_or(0);
    }
    for number in 0..needs.len() {
        if !needs[number].is_empty() {
            continue;
        }
        let users = (0..needs.len()).filter(|user| needs[*user].contains(&number));
        if let Some(first) = users.map(|user| levels[user]).min() {
            levels[number] = first - 1;
        }
    }
    levels
}

impl Rows {
    fn join(&mut self, above: usize, below: usize) {
        self.below[above].push(below);
        self.above[below].push(above);
    }
}
