//! The graph, and the paths through it.

use super::*;

const DIAMOND: [(&str, &str, &str); 5] =
    [("a", "", ""), ("b", "", "a"), ("c", "", "a b"), ("d", "", "b c"), ("e", "", "d")];

fn graph(goals: &[&str]) -> Graph {
    Graph::of(&recipes(&DIAMOND), &goals.iter().map(|it| name(it)).collect::<Vec<_>>()).unwrap()
}

fn shown(graph: &Graph, way: &[usize]) -> String {
    way.iter().map(|number| graph.recipes()[*number].name.as_str()).collect()
}

#[test]
fn the_graph_has_only_dependencies_of_the_goals_each_before_its_dependents() {
    let all = graph(&["e"]);
    assert_eq!(shown(&all, &[0, 1, 2, 3, 4]), "abcde");
    assert_eq!(all.levels(), [0, 1, 2, 3, 4]);
    assert_eq!(graph(&["b"]).recipes().len(), 2);
    // The order of the goals does not matter.
    let names = |graph: &Graph| graph.recipes().iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&graph(&["c", "b", "e"])), names(&graph(&["e", "c", "b"])));
    assert!(Graph::of(&recipes(&DIAMOND), &[name("z")]).is_err());
}

#[test]
fn the_shortest_path_and_all_paths_are_found() {
    let graph = graph(&["e"]);
    let number = |text: &str| graph.number(&name(text)).unwrap();
    let (e, a) = (number("e"), number("a"));
    assert_eq!(shown(&graph, &graph.shortest(e, a).unwrap()), "edba");
    assert_eq!(graph.shortest(a, e), None);
    assert_eq!(graph.shortest(a, a).unwrap(), [a]);
    let (ways, more) = graph.ways(e, a, 10);
    assert_eq!(ways.iter().map(|way| shown(&graph, way)).collect::<Vec<_>>(), ["edba", "edca", "edcba"]);
    assert!(!more);
    let (ways, more) = graph.ways(e, a, 2);
    assert!(ways.len() == 2 && more);
    assert_eq!(graph.ways(a, e, 9), (vec![], false));
}

#[test]
fn paths_are_not_counted_by_walking_all_of_them() {
    // 40 diamonds in a row: 2^40 paths.
    let mut all = vec![("x0".to_owned(), String::new())];
    for n in 1..=40 {
        let before = format!("x{}", n - 1);
        all.push((format!("l{n}"), before.clone()));
        all.push((format!("r{n}"), before));
        all.push((format!("x{n}"), format!("l{n} r{n}")));
    }
    let all: Vec<_> = all.iter().map(|(name, needs)| (name.as_str(), "", needs.as_str())).collect();
    let graph = Graph::of(&recipes(&all), &[name("x40")]).unwrap();
    let number = |text: &str| graph.number(&name(text)).unwrap();
    let (ways, more) = graph.ways(number("x40"), number("x0"), 100);
    assert!(ways.len() == 100 && more && ways.iter().all(|way| way.len() == 81));
}
