//! Agreement under attack: each test is a way in which a quorum was or could be forged, and each has its control.

mod attacks;
mod cast;
mod properties;
mod verdicts;
