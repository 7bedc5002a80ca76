//! Realising a plan: what runs, what does not have to, and what stays.

mod failures;
mod kept;
mod schedule;
mod substitutes;
