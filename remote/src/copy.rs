//! Sends what one store has and another lacks.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, BufReader, PipeReader};
use std::thread;

use stele_store::model::{Digest, MAX_DEPTH, Node, Tree};

use crate::bundle::{ReadError, Reader, Record};
use crate::end::{End, Item, Keeping, Received, Wanted};

/// How many items are asked about at once. A question of so many has some 5 MB.
const AT_ONCE: usize = 60_000;
/// How many trees and blobs a copy has at most.
const MAX_ITEMS: usize = 50_000_000;

/// Why two stores that answer cannot copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is no pipe between them.
    #[error("no pipe could be made: {0}")]
    Pipe(#[source] io::Error),
    /// One sent directories that cannot be read.
    #[error(transparent)]
    Bundle(#[from] ReadError),
    /// One says that it lacks what it was not asked about.
    #[error("it says that it lacks what it was not asked about")]
    Unasked,
    /// One names directories without end.
    #[error(
        "its directories are nested deeper than {MAX_DEPTH} levels, or name more than {MAX_ITEMS} others"
    )]
    Endless,
    /// One sent other directories than it was asked for.
    #[error("it sent other directories than it was asked for")]
    Others,
}

/// What a copy has to send.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// What was asked for, and the other store lacks in whole or in part.
    pub items: Vec<Item>,
    /// What it has of that: it is not sent.
    pub but: Vec<Item>,
    /// The trees and blobs to send.
    pub count: u64,
    /// Their bytes, as far as they are known: not of blobs that are asked for by themselves.
    pub bytes: u64,
}

impl Plan {
    /// How many bytes a sender may send for this plan; unlimited when a blob is asked for by itself.
    pub fn max_bytes(&self) -> Option<u64> {
        let all_stated = self.items.iter().all(|item| matches!(item, Item::Tree(_)));
        // A file that is executable in one place and not in another comes twice.
        all_stated.then(|| self.bytes.saturating_mul(2))
    }
}

/// Finds out what `to` lacks of `items` and all that they reach: a question for each level of directories that it
/// lacks. What it has is not looked into.
///
/// # Errors
/// Those of the two stores.
pub fn plan<E: From<CopyError> + Send>(
    items: &[Item],
    from: &mut dyn End<E>,
    to: &mut dyn End<E>,
) -> Result<Plan, E> {
    let mut plan = Plan { items: lacking(to, items)?, ..Plan::default() };
    plan.count = plan.items.len() as u64;
    let mut level: Vec<Item> = plan.items.iter().copied().filter(|it| matches!(it, Item::Tree(_))).collect();
    let mut seen: HashSet<Item> = level.iter().copied().collect();
    let mut blobs: HashMap<Digest, u64> = HashMap::new();
    let mut is_top = true;
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        if depth > MAX_DEPTH || seen.len().saturating_add(blobs.len()) > MAX_ITEMS {
            return Err(CopyError::Endless.into());
        }
        let mut below: HashMap<Digest, u64> = HashMap::new();
        for part in level.chunks(AT_ONCE) {
            for tree in trees(from, part)? {
                if is_top {
                    plan.bytes += tree.encode().len() as u64;
                }
                for (_, node) in tree.entries() {
                    match node {
                        Node::Directory { tree, size } => {
                            below.insert(tree.0, *size);
                        }
                        Node::File { blob, size, .. } => {
                            blobs.insert(blob.0, *size);
                        }
                        Node::Symlink { .. } => {}
                    }
                }
            }
        }
        is_top = false;
        below.retain(|tree, _| seen.insert(Item::Tree(*tree)));
        level = plan.ask(&below, Item::Tree, to)?;
    }
    plan.items.iter().for_each(|item| {
        if let Item::Blob(blob) = item {
            blobs.remove(blob);
        }
    });
    plan.ask(&blobs, Item::Blob, to)?;
    Ok(plan)
}

impl Plan {
    /// Asks which of these are lacking, and plans to send those. Returns them.
    fn ask<E: From<CopyError>>(
        &mut self,
        sizes: &HashMap<Digest, u64>,
        kind: fn(Digest) -> Item,
        to: &mut dyn End<E>,
    ) -> Result<Vec<Item>, E> {
        // Sorted: a store finds neighbours faster.
        let sorted: BTreeSet<Digest> = sizes.keys().copied().collect();
        let all: Vec<Item> = sorted.into_iter().map(kind).collect();
        let lacking = lacking(to, &all)?;
        let lacks: HashSet<Item> = lacking.iter().copied().collect();
        for item in all {
            match lacks.contains(&item) {
                true => {
                    self.count += 1;
                    self.bytes = self.bytes.saturating_add(sizes[&item.digest()]);
                }
                false => self.but.push(item),
            }
        }
        Ok(lacking)
    }
}

fn lacking<E: From<CopyError>>(to: &mut dyn End<E>, items: &[Item]) -> Result<Vec<Item>, E> {
    let mut lacking = Vec::new();
    for part in items.chunks(AT_ONCE) {
        let answer = to.lacking(part)?;
        let mut asked = part.iter();
        // In the order of the question, and nothing else: what is sent is not for the other store to say.
        if !answer.iter().all(|item| asked.any(|it| it == item)) {
            return Err(CopyError::Unasked.into());
        }
        lacking.extend(answer);
    }
    Ok(lacking)
}

/// The directories with these digests, in their order.
fn trees<E: From<CopyError> + Send>(from: &mut dyn End<E>, items: &[Item]) -> Result<Vec<Tree>, E> {
    let wanted = Wanted { items: items.to_vec(), flat: true, ..Wanted::default() };
    let (reader, writer) = io::pipe().map_err(CopyError::Pipe)?;
    let (sent, read) = thread::scope(|scope| {
        let reading = scope.spawn(|| read_trees(items, reader));
        let sent = from.send(&wanted, writer);
        (sent, reading.join().unwrap_or(Err(CopyError::Others)))
    });
    match (sent, read) {
        // A store that failed leaves a bundle that was cut off.
        (Err(failure), Ok(_)) => Err(failure),
        (Err(failure), Err(CopyError::Bundle(error))) if error.is_cut() => Err(failure),
        (_, read) => Ok(read?),
    }
}

fn read_trees(items: &[Item], from: PipeReader) -> Result<Vec<Tree>, CopyError> {
    let mut reader = Reader::new(BufReader::new(from))?;
    let mut trees = Vec::new();
    while let Some(record) = reader.record()? {
        match record {
            Record::Tree(digest, tree) if items.get(trees.len()) == Some(&Item::Tree(digest)) => {
                trees.push(tree);
            }
            _ => return Err(CopyError::Others),
        }
    }
    if trees.len() == items.len() { Ok(trees) } else { Err(CopyError::Others) }
}

/// How a transfer ended.
#[derive(Debug)]
pub enum Transferred<E> {
    /// All of it arrived.
    Whole(Received),
    /// It was cut off. What arrived is kept for a while, and the next copy sends the rest.
    Cut {
        /// What arrived.
        received: Received,
        /// The sender's failure, if it told one.
        cause: Option<E>,
    },
}

/// Sends what is planned, and keeps it there as `keeping` says.
///
/// # Errors
/// Those of the receiving store.
pub fn transfer<E: From<CopyError> + Send>(
    plan: &Plan,
    from: &mut dyn End<E>,
    to: &mut dyn End<E>,
    keeping: &Keeping,
) -> Result<Transferred<E>, E> {
    let wanted = Wanted { items: plan.items.clone(), but: plan.but.clone(), ..Wanted::default() };
    let (reader, writer) = io::pipe().map_err(CopyError::Pipe)?;
    let (sent, received) = thread::scope(|scope| {
        let sending = scope.spawn(move || from.send(&wanted, writer));
        let received = to.receive(reader, keeping);
        (sending.join(), received)
    });
    // Its failure is the first: a sender only fails by it if it could not write.
    let received = received?;
    match received.cut {
        false => Ok(Transferred::Whole(received)),
        true => Ok(Transferred::Cut { received, cause: sent.ok().and_then(Result::err) }),
    }
}
