//! Tests that need the inside of the crate.

mod counted;
mod foreign;
#[path = "../../tests/modes/mod.rs"]
mod modes;
mod nested;
mod pacing;
mod rounds;
mod simulation;
mod stacks;
mod tiny;
mod torture;
