//! A heap with both of its sides.
#![no_main]

#[path = "../../crates/gort-heap/tests/machine/body.rs"]
#[allow(dead_code, reason = "the body has another driver")]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(gort_heap::Linux, bytes));
