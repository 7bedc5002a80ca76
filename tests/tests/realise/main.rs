//! Realising a plan: what runs, what does not have to, and what stays.

mod damaged;
mod failures;
mod hostile_peer;
mod kept;
mod lying_store;
mod schedule;
mod substitutes;
