//! Who needs whom: recipes as a graph without circles, in an order in which each comes after what it needs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::language::Recipes;
use crate::recipe::{Recipe, RecipeName};

/// Some recipes and all that they need. Numbers are places in that order.
#[derive(Clone, Debug)]
pub struct Graph {
    recipes: Vec<Arc<Recipe>>,
    /// For each, what it needs, in the order of the names.
    needs: Vec<Vec<usize>>,
    numbers: HashMap<RecipeName, usize>,
}

/// A recipe, and what it needs that was not looked at yet.
type Begun = (Arc<Recipe>, Vec<RecipeName>);

/// A recipe is not among those that were evaluated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no recipe `{name}`")]
pub struct Unknown {
    /// Its name.
    pub name: RecipeName,
}

impl Graph {
    /// The graph of `goals`: they, and what they need. Its order depends on the names alone.
    ///
    /// # Errors
    /// When a recipe is not there. Recipes name each other by value, so a circle cannot be.
    pub fn of(recipes: &Recipes, goals: &[RecipeName]) -> Result<Self, Unknown> {
        let mut graph = Self { recipes: Vec::new(), needs: Vec::new(), numbers: HashMap::new() };
        let mut goals: Vec<_> = goals.iter().collect();
        goals.sort_unstable();
        // Recipes that are begun, each with what it needs that was not looked at yet. A loop: a chain may be longer
        // than a stack.
        let mut begun: Vec<Begun> = Vec::new();
        for goal in goals {
            begun.extend(graph.begin(recipes, goal)?);
            while let Some((_, left)) = begun.last_mut() {
                match left.pop() {
                    Some(next) => begun.extend(graph.begin(recipes, &next)?),
                    None => {
                        if let Some((recipe, _)) = begun.pop() {
                            graph.end(recipe);
                        }
                    }
                }
            }
        }
        Ok(graph)
    }

    fn begin(&self, recipes: &Recipes, name: &RecipeName) -> Result<Option<Begun>, Unknown> {
        if self.numbers.contains_key(name) {
            return Ok(None);
        }
        let recipe = recipes.by_name.get(name).ok_or_else(|| Unknown { name: name.clone() })?;
        // Taken from the back, so that they come in the order of the names.
        let needs = recipe.needs().into_iter().rev().cloned().collect();
        Ok(Some((Arc::clone(recipe), needs)))
    }

    fn end(&mut self, recipe: Arc<Recipe>) {
        if self.numbers.contains_key(&recipe.name) {
            return;
        }
        let needs = recipe.needs().into_iter().filter_map(|name| self.numbers.get(name).copied()).collect();
        self.numbers.insert(recipe.name.clone(), self.recipes.len());
        self.needs.push(needs);
        self.recipes.push(recipe);
    }

    /// The recipes; each comes after what it needs.
    pub fn recipes(&self) -> &[Arc<Recipe>] {
        &self.recipes
    }

    /// What the recipe of that number needs.
    pub fn needs(&self, number: usize) -> &[usize] {
        &self.needs[number]
    }

    /// The number of a recipe.
    pub fn number(&self, name: &RecipeName) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// How many recipes each has below it on the longest way down; 0 for one that needs none.
    pub fn levels(&self) -> Vec<usize> {
        let mut levels = vec![0; self.recipes.len()];
        for number in 0..self.recipes.len() {
            levels[number] = self.needs[number].iter().map(|need| levels[*need] + 1).max().unwrap_or(0);
        }
        levels
    }

    /// A shortest way from `from` to `to` by what is needed, both included; the first by the names, of several.
    pub fn shortest(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut before: HashMap<usize, usize> = HashMap::new();
        let mut row = vec![from];
        while !row.is_empty() && from != to && !before.contains_key(&to) {
            let mut next = Vec::new();
            for number in row {
                for &need in &self.needs[number] {
                    if need != from && !before.contains_key(&need) {
                        before.insert(need, number);
                        next.push(need);
                    }
                }
            }
            row = next;
        }
        let mut way = vec![to];
        while way[way.len() - 1] != from {
            way.push(*before.get(&way[way.len() - 1])?);
        }
        way.reverse();
        Some(way)
    }

    /// Every way from `from` to `to`, at most `max`, in the order of the names; and whether there are more.
    pub fn ways(&self, from: usize, to: usize, max: usize) -> (Vec<Vec<usize>>, bool) {
        // Only recipes that lead to `to` are walked, so every step is part of a way that is given.
        let mut leads = vec![false; self.recipes.len()];
        for number in 0..self.recipes.len() {
            leads[number] = number == to || self.needs[number].iter().any(|need| leads[*need]);
        }
        let mut ways = Vec::new();
        if !leads[from] {
            return (ways, false);
        }
        let mut way = vec![from];
        let mut next = vec![0];
        while let (Some(&here), Some(at)) = (way.last(), next.last_mut()) {
            let step = (here != to).then(|| self.needs[here].get(*at)).flatten();
            *at += 1;
            match step {
                Some(&step) if leads[step] => {
                    way.push(step);
                    next.push(0);
                }
                Some(_) => {}
                None => {
                    if here == to {
                        if ways.len() == max {
                            return (ways, true);
                        }
                        ways.push(way.clone());
                    }
                    way.pop();
                    next.pop();
                }
            }
        }
        (ways, false)
    }
}
