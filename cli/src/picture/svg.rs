//! The text of a picture.

use std::fmt::{self, Write as _};

use stele::{UntrustedLines, escape_markup};

use super::{Kind, Point, Shape, order, place, rows};

/// In pixels, like all lengths here: of a character of 12 pixels in a typewriter's font.
const CHARACTER: f64 = 7.3;
const HEIGHT: f64 = 38.0;
const BETWEEN_ROWS: f64 = 44.0;
const GAP: f64 = 18.0;
/// The width of a line's column.
const COLUMN: f64 = 8.0;
const MARGIN: f64 = 16.0;
const LEGEND: f64 = 30.0;

/// Colours are by class, so that a page that shows the picture, and a dark screen, can choose others.
const STYLE: &str = "\
text{font:12px ui-monospace,monospace;text-anchor:middle;fill:#1c1c1c}\
.below{fill:#5a5a5a}\
.line{fill:none;stroke:#8a8a8a;stroke-width:1.2}\
.head{fill:#8a8a8a}\
rect{stroke-width:1.2}\
.seed{fill:#ffe9a8;stroke:#b58900}\
.source{fill:#e3f0e4;stroke:#4a8a4f}\
.prebuilt{fill:#f9d9d4;stroke:#b5443a}\
.absent{fill:#f2f2f2;stroke:#8a8a8a;stroke-dasharray:4 3}\
g:hover>rect{stroke-width:2.4}\
@media(prefers-color-scheme:dark){\
text{fill:#e8e8e8}.below{fill:#a8a8a8}.line{stroke:#7a7a7a}.head{fill:#7a7a7a}\
.seed{fill:#4a3c10}.source{fill:#1e3a22}.prebuilt{fill:#4a1f1b}.absent{fill:#2a2a2a}}";

/// Draws boxes, the lines between them, and a legend of the kinds that there are.
///
/// # Errors
/// Never: it writes to a string.
pub fn draw(shapes: &[Shape]) -> Result<String, fmt::Error> {
    let needs: Vec<Vec<usize>> = shapes.iter().map(|shape| shape.needs.clone()).collect();
    let mut rows = rows::rows(&rows::reduced(&needs));
    order::order(&mut rows);
    let width: Vec<f64> = rows
        .places
        .iter()
        .map(|place| match place {
            rows::Spot::Box(number) => shapes[*number].width(),
            rows::Spot::Line => COLUMN,
        })
        .collect();
    let middle = place::place(&rows, &width, GAP);
    let mut at = vec![Point::default(); middle.len()];
    for (row, places) in rows.rows.iter().enumerate() {
        for &place in places {
            let y = MARGIN + row as f64 * (HEIGHT + BETWEEN_ROWS);
            at[place] = Point { x: MARGIN + middle[place], y };
        }
    }
    let right = at.iter().zip(&width).map(|(at, width)| at.x + width / 2.0).fold(0.0, f64::max);
    let legend = legend(shapes);
    let legend_width = legend.iter().map(|(_, text)| text.len() as f64 * CHARACTER + 40.0).sum::<f64>();
    let (wide, high) = (
        (right + MARGIN).max(legend_width + MARGIN),
        2.0 * MARGIN + rows.rows.len() as f64 * (HEIGHT + BETWEEN_ROWS) - BETWEEN_ROWS + LEGEND,
    );

    let mut text = String::new();
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide:.0}\" height=\"{high:.0}\" \
         viewBox=\"0 0 {wide:.0} {high:.0}\" style=\"max-width:100%;height:auto\">"
    )?;
    writeln!(text, "<style>{STYLE}</style>")?;
    writeln!(
        text,
        "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><polygon class=\"head\" points=\"0,0 8,4 0,8\"/></marker></defs>"
    )?;
    for line in &rows.lines {
        writeln!(text, "<path class=\"line\" marker-end=\"url(#head)\" d=\"{}\"/>", path(line, &at)?)?;
    }
    for (number, shape) in shapes.iter().enumerate() {
        let (at, width) = (at[number], width[number]);
        writeln!(
            text,
            "<g><title>{}</title><rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
             height=\"{HEIGHT}\" rx=\"5\"/>",
            xml(&shape.title),
            shape.kind.class(),
            at.x - width / 2.0,
            at.y
        )?;
        writeln!(text, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", at.x, at.y + 16.0, xml(&shape.label))?;
        let y = at.y + 31.0;
        writeln!(
            text,
            "<text class=\"below\" x=\"{:.1}\" y=\"{y:.1}\">{}</text></g>",
            at.x,
            xml(&shape.below)
        )?;
    }
    let mut x = MARGIN;
    for (kind, meaning) in legend {
        let (y, wide) = (high - LEGEND, meaning.len() as f64 * CHARACTER);
        writeln!(
            text,
            "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"14\" height=\"14\" rx=\"3\"/>",
            kind.class()
        )?;
        writeln!(text, "<text x=\"{:.1}\" y=\"{:.1}\">{meaning}</text>", x + 20.0 + wide / 2.0, y + 11.0)?;
        x += wide + 40.0;
    }
    text.push_str("</svg>\n");
    Ok(text)
}

impl Shape {
    fn width(&self) -> f64 {
        let characters = self.label.chars().count().max(self.below.chars().count());
        characters as f64 * CHARACTER + 18.0
    }
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Source => "source",
            Self::Prebuilt => "prebuilt",
            Self::Absent => "absent",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Seed => "hand-written",
            Self::Source => "built from source",
            Self::Prebuilt => "names prebuilt packages",
            Self::Absent => "not built here",
        }
    }
}

/// The kinds that occur, with their meanings.
fn legend(shapes: &[Shape]) -> Vec<(Kind, &'static str)> {
    let mut kinds: Vec<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(|kind| (kind, kind.meaning())).collect()
}

/// Text within XML, which holds no control characters but newlines.
fn xml(text: &str) -> String {
    escape_markup(&UntrustedLines(text).to_string())
}

/// A line that leaves a box at its bottom, runs straight through each row that it passes, and ends at the top of a box.
fn path(line: &[usize], at: &[Point]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for (index, pair) in line.windows(2).enumerate() {
        let (from, to) = (at[pair[0]], at[pair[1]]);
        let (begin, end) = (from.y + HEIGHT, to.y);
        let half = (end - begin) / 2.0;
        if index == 0 {
            write!(text, "M{:.1} {begin:.1}", from.x)?;
        } else {
            write!(text, "L{:.1} {begin:.1}", from.x)?;
        }
        write!(
            text,
            "C{:.1} {:.1} {:.1} {:.1} {:.1} {end:.1}",
            from.x,
            begin + half,
            to.x,
            end - half,
            to.x
        )?;
    }
    Ok(text)
}
