//! A problem with its source lines.

use std::path::Path;

use stele_recipes::language::{Problem, Shown};

/// The maximum number of characters shown of a line: a line may be as long as a file.
const MAX_WIDTH: usize = 200;

/// The message, and below it each place with its lines.
pub fn excerpt(problem: &Problem, tree: &Path) -> String {
    let mut text = match &problem.recipe {
        Some(recipe) if !problem.message.contains(&format!("`{recipe}`")) => {
            format!("recipe `{recipe}`: {}", problem.message)
        }
        _ => problem.message.clone(),
    };
    let digits = problem.places.iter().map(|it| it.span.end.0.to_string().len()).max().unwrap_or(1);
    for place in &problem.places {
        text.push_str(&shown(place, tree, digits));
    }
    for call in &problem.called_from {
        text.push_str(&format!("\n  called from {}/{call}", tree.display()));
    }
    text
}

fn shown(place: &Shown, tree: &Path, digits: usize) -> String {
    let Shown { span, label, lines } = place;
    let mut text = format!("\n{:digits$}--> {}/{span}", "", tree.display());
    if lines.is_empty() {
        return if label.is_empty() { text } else { format!("{text}: {label}") };
    }
    text.push_str(&format!("\n{:digits$} |", ""));
    for (at, line) in lines.iter().enumerate() {
        let number = span.begin.0 + at;
        let visible: String = line.replace('\t', " ").chars().take(MAX_WIDTH).collect();
        text.push_str(&format!("\n{number:digits$} | {}", visible.trim_end()));
        if at == 0 {
            // To the end of the span, or of the line when the span continues.
            let from = (span.begin.1 - 1).min(MAX_WIDTH);
            let length = visible.trim_end().chars().count();
            let to = if span.end.0 == span.begin.0 { (span.end.1 - 1).min(length) } else { length };
            let marks = "^".repeat(to.saturating_sub(from).max(1));
            let space = if label.is_empty() { "" } else { " " };
            text.push_str(&format!("\n{:digits$} | {:from$}{marks}{space}{label}", "", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use stele_recipes::recipe::Span;

    use super::*;

    fn place(begin: (usize, usize), end: (usize, usize), label: &str, lines: &[&str]) -> Shown {
        let span = Span { file: "pkgs/a/recipe.star".into(), begin, end };
        Shown { span, label: label.to_owned(), lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    fn problem(places: Vec<Shown>) -> Problem {
        let message = "it will not do".to_owned();
        Problem {
            message,
            recipe: Some("a".to_owned()),
            places,
            called_from: vec![],
            hint: None,
            not_found: false,
        }
    }

    #[test]
    fn the_place_is_marked_below_its_line() {
        let text =
            excerpt(&problem(vec![place((9, 7), (9, 10), "here", &["abcdef\u{e4}xy z"])]), Path::new("r"));
        let place = "recipe `a`: it will not do\n --> r/pkgs/a/recipe.star:9:7\n  |\n";
        let expected = format!("{place}9 | abcdef\u{e4}xy z\n  |       ^^^ here");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_place_of_several_lines_is_marked_to_the_end_of_the_first() {
        let text = excerpt(&problem(vec![place((9, 3), (10, 2), "", &["x(abc", ")"])]), Path::new("r"));
        assert!(text.ends_with("\n 9 | x(abc\n   |   ^^^\n10 | )"), "{text}");
    }

    #[test]
    fn a_place_beyond_its_line_is_marked_all_the_same() {
        for (begin, end, lines) in
            [((1, 9), (1, 9), vec!["x"]), ((1, 1), (1, 1), vec![]), ((1, 5), (1, 2), vec![""])]
        {
            assert!(excerpt(&problem(vec![place(begin, end, "", &lines)]), Path::new("r")).contains(":1:"));
        }
        let long = "x".repeat(100_000);
        assert!(
            excerpt(&problem(vec![place((1, 90_000), (1, 90_009), "", &[&long])]), Path::new("r")).len()
                < 1000
        );
    }
}
