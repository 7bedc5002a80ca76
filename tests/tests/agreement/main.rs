//! Agreement, as users meet it: builders state what they built, and others decide by a policy.

mod auditing;
mod builders;
mod compiler;
mod consensus;
mod engines;
mod evidence;
mod policies;
mod seed;
mod substituting;
