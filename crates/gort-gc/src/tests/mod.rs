//! Tests that need the inside of the crate.

mod nested;
mod simulation;
mod torture;
