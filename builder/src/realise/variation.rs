//! What a check varies from round to round. Pure, but for the load.
//!
//! The first round leaves all as builds find it, but for load: it shows what the sandbox does not control. Further
//! rounds also vary what the profile fixes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

use stele_recipes::action::Special;

use crate::machine::Machine;
use crate::profile;
use crate::sandbox::Job;
use crate::sandbox::ops::{BUILD, SetupOp};

/// The umask of the profile.
const UMASK: u32 = 0o022;

/// What is different in a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Variation {
    /// The machine.
    machine: Machine,
    /// Environment variables that the recipe does not set.
    env: BTreeMap<&'static str, String>,
    umask: u32,
    /// Where its own folder is, if not at `/build`, where it always is, too.
    folder: Option<String>,
    /// Whether addresses are random, as the kernel makes them.
    random_addresses: bool,
    /// So many seconds later its clock begins.
    later: i64,
    /// Which other random numbers it has; 0 for the usual ones.
    random_numbers: u32,
    /// Threads that keep processors busy.
    load: usize,
}

/// A vector that was varied, as it is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Varied {
    /// Its name.
    pub vector: String,
    /// The profile's value.
    pub from: String,
    /// That of the round.
    pub to: String,
}

impl Variation {
    /// That of a build as it usually is.
    pub fn usual() -> Self {
        let machine = Machine::default();
        Self {
            machine,
            env: BTreeMap::new(),
            umask: UMASK,
            folder: None,
            random_addresses: false,
            later: 0,
            random_numbers: 0,
            load: 0,
        }
    }

    /// This, with only the vectors of these names varied; the others are as usual.
    pub fn only(&self, names: &[String]) -> Self {
        let has = |vector: &str| names.iter().any(|name| name == vector);
        let Self { machine, env, umask, folder, random_addresses, later, random_numbers, load } =
            self.clone();
        let usual = Machine::default();
        let env = env.into_iter().filter(|(name, _)| has(&format!("environment {name}")));
        Self {
            env: env.collect(),
            umask: if has("umask") { umask } else { UMASK },
            folder: folder.filter(|_| has("build folder")),
            random_addresses: has("addresses") && random_addresses,
            later: if has("date") { later } else { 0 },
            random_numbers: if has("random numbers") { random_numbers } else { 0 },
            load: if has("load") { load } else { 0 },
            machine: Machine {
                host: if has("host name") { machine.host } else { usual.host },
                domain: if has("domain name") { machine.domain } else { usual.domain },
                user: if has("user and group") { machine.user } else { usual.user },
                release: if has("kernel release") { machine.release } else { usual.release },
                processors: if has("processors") { machine.processors } else { usual.processors },
                memory: if has("memory") { machine.memory } else { usual.memory },
                uptime: if has("uptime") { machine.uptime } else { usual.uptime },
                backwards: if has("directory order") { machine.backwards } else { usual.backwards },
                modified: if has("times of inputs") { machine.modified } else { usual.modified },
            },
        }
    }

    /// That of a round, counted from 1, of an action with these variables, which has this otherwise than most, on a
    /// machine with so many processors.
    pub fn of_round(
        round: u32,
        env: &BTreeMap<String, String>,
        special: &BTreeSet<Special>,
        processors: usize,
    ) -> Self {
        if round <= 1 {
            return Self { load: processors, ..Self::usual() };
        }
        let is_even = round.is_multiple_of(2);
        let either = |even: &'static str, odd: &'static str| if is_even { even } else { odd }.to_owned();
        let mut varied = BTreeMap::from([
            // Both exist, and can be written.
            ("HOME", either("/tmp", "/dev/shm")),
            ("LANG", either("tr_TR.UTF-8", "de_DE")),
            ("LANGUAGE", either("tr:en", "de")),
            ("LC_ALL", either("tr_TR.UTF-8", "de_DE")),
            ("PATH", either("/usr/bin:/bin:/check-2", "/usr/bin:/bin:/check-3/bin")),
            // Variables that nobody knows also move the stack.
            ("STELE_CHECK_NOISE", "x".repeat(usize::try_from(round % 1000).unwrap_or(0) * 37)),
            ("TERM", either("xterm-256color", "vt100")),
            ("TZ", either("CHECK-14", "CHECK+12")),
        ]);
        // What a recipe sets is its own.
        varied.retain(|name, _| !env.contains_key(*name));
        let machine = Machine {
            host: format!("check-{round}"),
            domain: format!("check-{round}.test"),
            user: 2000 + 31 * round,
            release: either("6.18.2-check", "5.4.0-check"),
            processors: if is_even { 1 } else { 13 },
            memory: if is_even { 3 << 30 } else { 96 << 30 },
            uptime: 100_000 * u64::from(round),
            backwards: is_even,
            // Earlier, so that nothing is newer than what is made of it, and in no time zone before 1980.
            modified: profile::MODIFIED - 3600 * if is_even { 7 } else { 11 },
        };
        let umask = if is_even { 0o077 } else { 0o002 };
        Self {
            machine,
            env: varied,
            umask,
            folder: Some(either("/dev/check-2", "/dev/check-3/in/a/deeper/place")),
            random_addresses: true,
            // More than a year, and not the same time of day.
            later: if !special.contains(&Special::FixedClock) {
                0
            } else {
                40_000_000 + 1_234_567 * i64::from(round)
            },
            random_numbers: if special.contains(&Special::RealRandom) { 0 } else { round },
            load: if is_even { 0 } else { processors },
        }
    }

    /// The machine of the round.
    pub fn machine(&self) -> Machine {
        self.machine.clone()
    }

    /// The modification time of inputs, in seconds since 1970.
    pub fn modified(&self) -> u64 {
        self.machine.modified
    }

    /// Applies the rest to a job.
    pub fn apply(&self, job: &mut Job) {
        if let Some(folder) = &self.folder {
            job.move_to(folder);
        }
        for (name, value) in &self.env {
            match job.env.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => old.clone_from(value),
                None => job.env.push(((*name).to_owned(), value.clone())),
            }
        }
        job.env.sort();
        job.date = job.date.map(|date| date.saturating_add(self.later));
        if self.random_numbers > 0
            && let Some(seed) = &mut job.seed
        {
            seed.push_str(&format!(" {}", self.random_numbers));
        }
        if self.random_addresses {
            job.ops.retain(|op| !matches!(op, SetupOp::FixedAddresses {}));
        }
        for op in &mut job.ops {
            if let SetupOp::Umask { mask } = op {
                *mask = self.umask;
            }
        }
    }

    /// What is varied, for the record.
    pub fn varied(&self) -> Vec<Varied> {
        let usual = Machine::default();
        let of_profile = |name: &str| {
            profile::ENVIRONMENT
                .iter()
                .find(|it| it.0 == name)
                .map_or("unset", |(_, value)| *value)
                .to_owned()
        };
        let mut all: Vec<(String, String, String)> = self
            .env
            .iter()
            .map(|(name, value)| (format!("environment {name}"), of_profile(name), value.clone()))
            .collect();
        let Machine { host, domain, user, release, processors, memory, uptime, backwards, modified } =
            &self.machine;
        let order = |backwards: bool| if backwards { "descending" } else { "ascending" }.to_owned();
        let addresses = |random: bool| if random { "random" } else { "fixed" }.to_owned();
        let mut add = |vector: &str, from: String, to: String| all.push((vector.to_owned(), from, to));
        add("addresses", addresses(false), addresses(self.random_addresses));
        add("build folder", BUILD.to_owned(), self.folder.clone().unwrap_or_else(|| BUILD.to_owned()));
        add(
            "date",
            "SOURCE_DATE_EPOCH".to_owned(),
            match self.later {
                0 => "SOURCE_DATE_EPOCH".to_owned(),
                later => format!("{later} s later"),
            },
        );
        add("directory order", order(usual.backwards), order(*backwards));
        add("domain name", usual.domain, domain.clone());
        add("host name", usual.host, host.clone());
        add("kernel release", usual.release, release.clone());
        add("load", "0 busy threads".to_owned(), format!("{} busy threads", self.load));
        add("memory", format!("{} MiB", usual.memory >> 20), format!("{} MiB", memory >> 20));
        add("processors", usual.processors.to_string(), processors.to_string());
        add("random numbers", "0".to_owned(), self.random_numbers.to_string());
        add("times of inputs", usual.modified.to_string(), modified.to_string());
        add("umask", format!("{UMASK:03o}"), format!("{:03o}", self.umask));
        add("uptime", format!("{} s", usual.uptime), format!("{uptime} s"));
        add("user and group", usual.user.to_string(), user.to_string());
        let varied = all.into_iter().filter(|(_, from, to)| from != to);
        varied.map(|(vector, from, to)| Varied { vector, from, to }).collect()
    }

    /// Keeps processors busy until it is dropped.
    pub fn begin_load(&self) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let busy = |_| {
            let stop = Arc::clone(&stop);
            let spin = move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            };
            // Less load is no reason to fail.
            thread::Builder::new().name("load".to_owned()).spawn(spin).ok()
        };
        let threads = (0..self.load).filter_map(busy).collect();
        Load { stop, threads }
    }
}

/// Busy threads.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that the date can be varied, too.
    fn fixed() -> BTreeSet<Special> {
        [Special::FixedClock].into()
    }

    fn vectors(variation: &Variation) -> Vec<String> {
        variation.varied().into_iter().map(|it| it.vector).collect()
    }

    #[test]
    fn the_first_round_varies_nothing_that_the_profile_fixes() {
        let variation = Variation::of_round(1, &BTreeMap::new(), &fixed(), 4);
        assert_eq!(vectors(&variation), ["load"]);
        assert!(variation.machine().is_usual());
    }

    #[test]
    fn each_vector_can_be_varied_alone() {
        let all = [2, 3].map(|round| Variation::of_round(round, &BTreeMap::new(), &fixed(), 4));
        assert_eq!(vectors(&all[0].only(&[])), Vec::<String>::new());
        for variation in &all {
            for vector in variation.varied() {
                let alone = variation.only(std::slice::from_ref(&vector.vector));
                assert_eq!(alone.varied(), [vector]);
            }
            assert_eq!(variation.only(&vectors(variation)), *variation);
        }
    }

    #[test]
    fn what_a_recipe_sets_is_not_varied() {
        let env = BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]);
        let all = vectors(&Variation::of_round(2, &env, &fixed(), 4));
        assert!(!all.contains(&"environment TZ".to_owned()), "{all:?}");
        assert!(all.contains(&"environment LC_ALL".to_owned()), "{all:?}");
    }

    #[test]
    fn what_a_recipe_has_of_the_machine_is_not_varied() {
        let all = vectors(&Variation::of_round(2, &BTreeMap::new(), &[Special::RealRandom].into(), 4));
        assert!(!all.iter().any(|it| it == "date" || it == "random numbers"), "{all:?}");
    }

    #[test]
    fn two_further_rounds_vary_every_vector_to_different_values() {
        let [second, third] =
            [2, 3].map(|round| Variation::of_round(round, &BTreeMap::new(), &fixed(), 4).varied());
        let expected = [
            "environment HOME",
            "environment LANG",
            "environment LANGUAGE",
            "environment LC_ALL",
            "environment PATH",
            "environment STELE_CHECK_NOISE",
            "environment TERM",
            "environment TZ",
            "addresses",
            "build folder",
            "date",
            "domain name",
            "host name",
            "kernel release",
            "memory",
            "processors",
            "random numbers",
            "times of inputs",
            "umask",
            "uptime",
            "user and group",
        ];
        for vector in expected {
            let of = |round: &[Varied]| round.iter().find(|it| it.vector == vector).cloned();
            let (one, other) = (of(&second).expect(vector), of(&third).expect(vector));
            assert!(vector == "addresses" || one.to != other.to, "{vector}");
        }
        assert!(second.iter().any(|it| it.vector == "directory order"));
        assert!(third.iter().any(|it| it.vector == "load"));
    }
}
