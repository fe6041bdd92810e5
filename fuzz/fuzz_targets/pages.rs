//! The page allocator.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gort_heap::fuzz_pages(bytes));
