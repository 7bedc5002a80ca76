//! The command line's grammar.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    agreement, build, bundle, check, config, copy, daemon, diff, doctor, exec, explain, graph, image, info,
    init, key, lineage, log, mount, page, pages, policy, recipe, report, sandbox, search, seed, serve,
    source, store, trace, umount,
};
use crate::render::manner::{Colour, Volume};

/// Build from a readable seed, agree on every bit, ship the digest.
///
/// Today: a content-addressed store and its mount; sources, fetched and checked; recipes, evaluated, planned, and
/// built in sandboxes that see nothing but what they declare.
#[derive(Parser, Debug)]
#[command(name = "stele", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
REF is a digest, 8 or more of its first digits, `sha256:` and a SHA-256, or a root's name; a path may follow: \
gcc/bin/cc.\n\
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 not found, or not unique; 4 corrupt; 5 no space; 130 cancelled.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Debug, Clone)]
pub struct Global {
    /// The store's folder [default: /var/lib/stele for root, ~/.local/share/stele for a user]
    #[arg(long, global = true, env = "STELE_STORE", value_name = "DIR", hide_env_values = true)]
    pub store: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to write in colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: Colour,
    /// Tell only failures and notes
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell each step
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

impl Global {
    /// How much is told.
    pub fn volume(&self) -> Volume {
        match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Import, inspect and keep content
    #[command(subcommand)]
    Store(store::Command),
    /// Fetch, keep and export sources: files from outside the store
    #[command(subcommand)]
    Source(source::Command),
    /// The process that owns the store: started on demand, ends when idle
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Mount the store as a read-only filesystem, with a path for each digest
    Mount(mount::Mount),
    /// Unmount the store
    Umount(umount::Umount),
    Init(init::Init),
    Build(build::Build),
    /// Make OCI images from build outputs; export, push and import them
    #[command(subcommand)]
    Image(image::Command),
    Copy(copy::Copy),
    /// Write content to one file and read it on another machine, without a network between them
    #[command(subcommand)]
    Bundle(bundle::Command),
    Undo(store::root::Undo),
    Check(check::Check),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Report(report::Report),
    Page(page::Page),
    /// Show a recipe, whether it is built, and how much opaque (prebuilt) input it depends on
    Info(info::Info),
    Lineage(lineage::Lineage),
    Log(log::Log),
    Run(exec::Run),
    Shell(exec::Shell),
    Trace(trace::Trace),
    Seed(seed::Seed),
    Serve(serve::Serve),
    /// Show the dependency graph of recipes
    Graph(graph::GraphOf),
    /// Show why a recipe depends on another
    Why(graph::Why),
    Search(search::Search),
    Doctor(doctor::Doctor),
    /// Show, check and format recipes
    #[command(subcommand)]
    Recipe(recipe::Command),
    /// Show what every build sees
    #[command(subcommand)]
    Sandbox(sandbox::Command),
    /// Make and show keys that sign attestations
    #[command(subcommand)]
    Key(key::Command),
    /// Write, check and explain policies, and decide by one
    #[command(subcommand)]
    Policy(policy::Command),
    Approve(agreement::approve::Approve),
    Attest(agreement::attest::Attest),
    Audit(agreement::audit::Audit),
    /// Keep, list, exchange and remove signed statements about outputs
    #[command(subcommand)]
    Evidence(agreement::evidence::Command),
    Verify(agreement::verify::Verify),
    /// Show and change the configuration: where sources are fetched from, and how
    #[command(subcommand)]
    Config(config::Command),
    /// Print a completion script for a shell
    Completions(pages::Completions),
    /// Write the manual pages to a folder
    Man(pages::Man),
}

/// A REF.
#[derive(Args, Debug)]
pub struct Ref {
    /// Digest, 8 or more of its digits, sha256:…, or a root's name; a path may follow
    #[arg(value_name = "REF")]
    pub reference: OsString,
}
