//! From requests to answers: pure, so that every path and header can be tested without a network.

mod answer;
mod error;
mod page;
mod range;
mod route;

pub use answer::{Answer, Asked, Body, Unavailable, World, answer};
pub use error::{Code, Refusal};
pub use range::{Range, parse as parse_range};
pub use route::{Route, parse as parse_route};
