//! Tests that need the inside of the crate.

mod nested;
mod pacing;
mod rounds;
mod simulation;
mod tiny;
mod torture;
