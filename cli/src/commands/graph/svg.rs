//! A graph as SVG: one row for each level, recipes without dependencies at the bottom.

use std::fmt::{self, Write as _};

use stele_recipes::plan::Graph;

/// In pixels, like all lengths here.
const CHARACTER: usize = 8;
const HEIGHT: usize = 40;
const GAP: usize = 24;
const BETWEEN_ROWS: usize = 60;

/// The position of a recipe's box.
#[derive(Clone, Copy, Default)]
struct Boxed {
    left: usize,
    top: usize,
    width: usize,
}

/// Draws the graph. Within a row, recipes are sorted by the mean position of their dependencies, so that few lines
/// cross.
pub fn draw(graph: &Graph) -> Result<String, fmt::Error> {
    let levels = graph.levels();
    let mut rows = vec![Vec::new(); levels.iter().max().map_or(0, |level| level + 1)];
    for (number, level) in levels.iter().enumerate() {
        rows[*level].push(number);
    }
    let mut boxes = vec![Boxed::default(); levels.len()];
    let mut width = 0;
    let row_count = rows.len();
    for (level, row) in rows.iter_mut().enumerate() {
        let middle = |number: usize, boxes: &[Boxed]| {
            let needs = graph.needs(number);
            let sum: usize = needs.iter().map(|need| boxes[*need].left + boxes[*need].width / 2).sum();
            sum / needs.len().max(1)
        };
        row.sort_by_key(|&number| (middle(number, &boxes), number));
        let mut left = GAP;
        for &number in &*row {
            let recipe = &graph.recipes()[number];
            let characters = recipe.name.as_str().len().max(recipe.version.as_str().len());
            let top = GAP + (row_count - 1 - level) * (HEIGHT + BETWEEN_ROWS);
            boxes[number] = Boxed { left, top, width: characters * CHARACTER + 16 };
            left += boxes[number].width + GAP;
        }
        width = width.max(left);
    }
    let height = 2 * GAP + row_count * (HEIGHT + BETWEEN_ROWS);
    let mut text = String::new();
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\">"
    )?;
    text.push_str("<g stroke=\"#888\" fill=\"none\">\n");
    for (number, above) in boxes.iter().enumerate() {
        for need in graph.needs(number) {
            let below = boxes[*need];
            let (x1, y1) = (above.left + above.width / 2, above.top + HEIGHT);
            let (x2, y2) = (below.left + below.width / 2, below.top);
            writeln!(
                text,
                "<path d=\"M{x1} {y1} C{x1} {} {x2} {} {x2} {y2}\"/>",
                y1 + 30,
                y2.saturating_sub(30)
            )?;
        }
    }
    text.push_str("</g>\n<g font-size=\"12\" text-anchor=\"middle\">\n");
    for (number, at) in boxes.iter().enumerate() {
        let recipe = &graph.recipes()[number];
        let (left, top, middle) = (at.left, at.top, at.left + at.width / 2);
        writeln!(
            text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{HEIGHT}\" rx=\"4\" fill=\"#fff\" stroke=\"#333\"/>",
            at.width
        )?;
        writeln!(text, "<text x=\"{middle}\" y=\"{}\">{}</text>", top + 17, recipe.name)?;
        writeln!(text, "<text x=\"{middle}\" y=\"{}\" fill=\"#666\">{}</text>", top + 32, recipe.version)?;
    }
    text.push_str("</g>\n</svg>\n");
    Ok(text)
}
