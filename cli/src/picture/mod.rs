//! Pictures of dependencies as SVG: what needs nothing is at the top, and lines run down to what is built with it.
//!
//! The way of Sugiyama, Tagawa and Toda (1981): rows, an order within each that crosses few lines, then positions. A
//! line passes other rows in a column of its own, so it never runs behind a box.

mod order;
mod place;
mod rows;
mod svg;
#[cfg(test)]
mod tests;

pub use svg::draw;

/// What a box shows.
pub struct Shape {
    /// Its first line.
    pub label: String,
    /// Its second line.
    pub below: String,
    /// What a pointer that rests on it is told.
    pub title: String,
    /// Its colour.
    pub kind: Kind,
    /// The boxes that it needs, by their numbers, which are smaller than its own.
    pub needs: Vec<usize>,
}

/// What a box stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Bytes that a person wrote as digits.
    Seed,
    /// Built from readable sources.
    Source,
    /// Built with, or from, prebuilt packages that it names itself.
    Prebuilt,
    /// Not built in this store.
    Absent,
}

/// A position in pixels.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Point {
    x: f64,
    y: f64,
}
