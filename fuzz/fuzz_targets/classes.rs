//! Size classes.
#![no_main]

#[path = "../../crates/gort-heap/tests/classes/body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::run(bytes));
