//! Rows, positions and the text of pictures.

use super::rows::{self, Spot};
use super::*;
use super::{order, place};

fn shape(label: &str, needs: &[usize]) -> Shape {
    Shape {
        label: label.to_owned(),
        below: "1".to_owned(),
        title: label.to_owned(),
        kind: Kind::Source,
        needs: needs.to_vec(),
    }
}

/// A graph of `count` boxes, each with up to three needs, from a fixed sequence of numbers.
fn graph(count: usize) -> Vec<Vec<usize>> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let mut needs = vec![Vec::new()];
    for number in 1..count {
        let mut own: Vec<usize> = (0..next() % 4).map(|_| number - 1 - next() % number.min(20)).collect();
        own.sort_unstable();
        own.dedup();
        needs.push(own);
    }
    needs
}

#[test]
fn every_need_is_above_and_no_line_meets_a_box_between() {
    let needs = rows::reduced(&graph(300));
    let mut made = rows::rows(&needs);
    order::order(&mut made);
    let width: Vec<f64> =
        made.places.iter().map(|it| if matches!(it, Spot::Line) { 8.0 } else { 90.0 }).collect();
    let x = place::place(&made, &width, 10.0);
    let row_of = |place: usize| made.rows.iter().position(|row| row.contains(&place)).unwrap();
    for line in &made.lines {
        assert!(line.windows(2).all(|pair| row_of(pair[1]) == row_of(pair[0]) + 1), "{line:?}");
        let passes = &line[1..line.len() - 1];
        assert!(passes.iter().all(|it| made.places[*it] == Spot::Line), "{line:?}");
    }
    assert_eq!(made.lines.len(), needs.iter().map(Vec::len).sum::<usize>());
    // Neither boxes nor passing lines of a row overlap.
    for row in &made.rows {
        for pair in row.windows(2) {
            let apart = (width[pair[0]] + width[pair[1]]) / 2.0 + 10.0;
            assert!(x[pair[1]] - x[pair[0]] >= apart - 1e-6, "{pair:?}");
        }
    }
}

#[test]
fn an_order_crosses_no_more_lines_than_before() {
    let mut made = rows::rows(&rows::reduced(&graph(120)));
    let before = order::crossings(&made);
    order::order(&mut made);
    let after = order::crossings(&made);
    assert!(after * 3 < before, "{before} became {after}");
}

#[test]
fn what_follows_from_other_lines_is_not_drawn() {
    assert_eq!(
        rows::reduced(&[vec![], vec![0], vec![0, 1], vec![0, 2, 1]]),
        [vec![], vec![0], vec![1], vec![2]]
    );
    let svg = draw(&[shape("a", &[]), shape("b", &[0]), shape("c", &[0, 1])]).unwrap();
    assert_eq!(svg.matches("<path").count(), 2);
}

#[test]
fn a_straight_chain_is_straight() {
    let needs: Vec<Vec<usize>> = (0..9).map(|n: usize| n.checked_sub(1).into_iter().collect()).collect();
    let made = rows::rows(&needs);
    let x = place::place(&made, &[40.0, 90.0, 40.0, 40.0, 60.0, 40.0, 10.0, 40.0, 40.0], 10.0);
    assert!(x.iter().all(|it| (it - x[0]).abs() < 1e-6), "{x:?}");
}

#[test]
fn a_picture_is_the_same_every_time_and_nothing_in_it_is_markup() {
    let shapes = || vec![shape("a<b>&\u{202e}", &[]), shape("c", &[0])];
    let svg = draw(&shapes()).unwrap();
    assert_eq!(svg, draw(&shapes()).unwrap());
    assert!(svg.contains("a&lt;b&gt;&amp;\\u{202e}"), "{svg}");
    assert!(draw(&[]).unwrap().ends_with("</svg>\n"));
}
