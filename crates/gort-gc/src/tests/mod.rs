//! Tests that need the inside of the crate.

mod foreign;
mod nested;
mod pacing;
mod rounds;
mod simulation;
mod stacks;
mod tiny;
mod torture;
