//! Tests that need the inside of the crate.

mod simulation;
mod torture;
