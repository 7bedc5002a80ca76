//! Options of all commands that build: where the recipes are, limits of a build, how sources are fetched.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use stele_recipes::recipe::RecipeName;
use stele_trust::policy::Policy;

use crate::args::Global;
use crate::commands::context::Context;
use crate::commands::source::fetch::{self, How};
use crate::commands::unexpected;
use crate::recipe_tree::{RecipeTreeArg, find_with, graph};
use crate::stores::{Location, Tunnel};
use stele::Request;
use stele::answers::Answer;
use stele::builds::{Built, Order};
use stele::failure::{Failure, Kind};
use stele::recipes::planned::Fetch;
use stele::reference::to_wire;

/// Options of all commands that build.
#[derive(Args, Debug)]
pub struct Inputs {
    /// End a build that takes longer
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// End a build that uses more memory [default: three quarters of the machine's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..1 << 40))]
    memory: Option<u64>,
    /// Substitute from this store first: its folder, its socket, or ssh://[USER@]HOST[:PORT][/DIR]; without --policy it
    /// is trusted. May be repeated
    #[arg(long = "substituter", value_name = "STORE", env = "STELE_SUBSTITUTERS", hide_env_values = true)]
    substituters: Vec<String>,
    /// Have this store build, and take the outputs from there: its folder, its socket, or
    /// ssh://[USER@]HOST[:PORT][/DIR]; what it cannot build is built here. Without --policy it is trusted
    #[arg(long, value_name = "STORE", env = "STELE_BUILDER", hide_env_values = true)]
    builder: Option<String>,
    /// The sockets that lead to stores on other machines.
    #[arg(skip)]
    tunnels: RefCell<Vec<Tunnel>>,
    /// Take from substituters only what this policy accepts, by their evidence and this store's; build the rest
    #[arg(long, value_name = "FILE", env = "STELE_POLICY", hide_env_values = true)]
    policy: Option<PathBuf>,
    /// Fetch nothing; list the missing sources
    #[arg(long)]
    offline: bool,
    /// Configuration file for fetching [default: ~/.config/stele/config.toml, or /etc/stele/config.toml]
    #[arg(long, value_name = "FILE", env = "STELE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Show the output of builds while they run, each line after the recipe's name
    #[arg(long, short = 'L')]
    pub print_build_logs: bool,
    #[command(flatten)]
    pub place: RecipeTreeArg,
}

/// The stores in a list: with a colon between folders, as in PATH, or with white space where one is on another machine.
fn names(list: &str) -> Vec<&str> {
    match list.contains("://") {
        true => list.split_whitespace().collect(),
        false => list.split(':').filter(|name| !name.is_empty()).collect(),
    }
}

/// The text of a policy, which is valid.
fn read_policy(file: &PathBuf) -> Result<String, Failure> {
    let named = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|e| Failure::io(&format!("{named} could not be read"), &e))?;
    match Policy::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::new(Kind::Usage, format!("{named} is not a valid policy: {error}"))
            .hint("docs/policy.md has the format")),
    }
}

impl Inputs {
    /// The build options given here; no root keeps what is built.
    ///
    /// # Errors
    /// When a substituter's folder cannot be made absolute.
    pub fn order(&self) -> Result<Order, Failure> {
        let absolute = |path: &Path| {
            let path = std::path::absolute(path);
            path.map(|path| to_wire(path.as_os_str())).map_err(|e| Failure::io("a substituter's path", &e))
        };
        let reached = |name: &str| match name.parse::<Location>() {
            Ok(Location::Ssh(far)) => {
                let tunnel = Tunnel::to(&far)?;
                let path = absolute(tunnel.socket());
                self.tunnels.borrow_mut().push(tunnel);
                path
            }
            Ok(Location::Folder(path) | Location::Socket(path)) => absolute(&path),
            Err(why) => Err(Failure::new(Kind::Usage, format!("`{name}` is not a store: {why}"))),
        };
        let named = self.substituters.iter().flat_map(|list| names(list));
        Ok(Order {
            timeout: self.timeout,
            memory: self.memory.map(|mib| mib << 20),
            no_root: true,
            substituters: named.map(reached).collect::<Result<_, _>>()?,
            builder: self.builder.as_deref().map(reached).transpose()?,
            policy: self.policy.as_ref().map(read_policy).transpose()?,
            ..Order::default()
        })
    }

    /// The recipe tree, with its modules.
    ///
    /// # Errors
    /// When there is none, or a module cannot be had.
    pub fn tree(&self, global: &Global) -> Result<PathBuf, Failure> {
        find_with(global, &self.place, &self.how())
    }

    fn how(&self) -> How {
        How { offline: self.offline, jobs: None, config: self.config.clone() }
    }

    /// Sends the request of a build, and sums up its result.
    ///
    /// # Errors
    /// As `ask`.
    pub fn build(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        context: &mut Context,
        request: &Request,
    ) -> Result<Built, Failure> {
        let mut fetched = 0;
        let answer = self.counted(global, tree, goals, context, request, &mut fetched);
        context.terminal.summarise(fetched);
        match answer? {
            Answer::Built(built) => Ok(built),
            _ => Err(unexpected()),
        }
    }

    /// Sends the request; when sources are missing, fetches them and sends it once more.
    ///
    /// # Errors
    /// The failure of the request, or when a source cannot be fetched.
    pub fn ask(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        context: &mut Context,
        request: &Request,
    ) -> Result<Answer, Failure> {
        self.counted(global, tree, goals, context, request, &mut 0)
    }

    fn counted(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        context: &mut Context,
        request: &Request,
        fetched: &mut usize,
    ) -> Result<Answer, Failure> {
        if self.print_build_logs {
            context.terminal.print_build_logs();
        }
        self.ask_by(global, tree, goals, fetched, || context.ask(request.clone()))
    }

    /// As [`Inputs::ask`], for a request that is sent by `ask`; counts in `fetched` the sources that were missing.
    ///
    /// # Errors
    /// As [`Inputs::ask`].
    pub fn ask_by(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        fetched: &mut usize,
        mut ask: impl FnMut() -> Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        loop {
            match ask()? {
                Answer::Built(built) if !built.fetch.is_empty() && *fetched == 0 => {
                    self.fetch(global, tree, goals, &built.fetch)?;
                    *fetched = built.fetch.len();
                }
                Answer::Built(built) if !built.fetch.is_empty() => {
                    // It was removed in between, or never kept.
                    let message = format!("source {} is not in the store", built.fetch[0].file);
                    return Err(Failure::new(Kind::NotFound, message)
                        .hint("run the command again: the source is fetched again"));
                }
                answer => return Ok(answer),
            }
        }
    }

    /// Fetches the missing sources.
    fn fetch(
        &self,
        global: &Global,
        tree: &Path,
        goals: &[RecipeName],
        missing: &[Fetch],
    ) -> Result<(), Failure> {
        let graph = graph(tree, goals)?;
        let sources = graph.recipes().iter().flat_map(|recipe| {
            recipe.sources.iter().map(|input| (Some(recipe.name.to_string()), input.source.clone()))
        });
        let mut missing: HashSet<&str> = missing.iter().map(|it| it.sha256.as_str()).collect();
        let wanted: Vec<_> =
            sources.filter(|(_, source)| missing.remove(source.sha256.to_string().as_str())).collect();
        // For who builds, a source that cannot be had is something that was not found.
        fetch::have(global, &self.how(), &wanted).map_err(|failure| match failure.kind {
            Kind::Failed => Failure { kind: Kind::NotFound, ..failure },
            _ => failure,
        })
    }
}
