//! The C interface.
#![no_main]

#[path = "../../crates/gort-malloc/tests/calls/body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
