//! A heap in a fixed region that is full now and then.
#![no_main]

#[path = "../../crates/gort-heap/tests/machine/body.rs"]
#[allow(dead_code, reason = "the body has another driver")]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run_fixed(bytes));
