//! Realising a plan: what runs, what is skipped, and what remains.

mod damaged;
mod failures;
mod hostile_builder;
mod hostile_peer;
mod kept;
mod lying_store;
mod schedule;
mod substitutes;
