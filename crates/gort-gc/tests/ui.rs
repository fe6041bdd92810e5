//! The claims of this crate's interface that the compiler holds.
#![cfg(not(loom))]

#[path = "../../../tests/kit/ui.rs"]
mod programs;
