//! The collector workloads on dumpster's counted pointers, of the thread-local kind.
//!
//! There is no `gc_mark`: what is forced is a search for cycles among the objects that
//! lost a pointer, and where nothing did, it does nothing.

mod binary_trees;
mod gc_alloc;
mod gc_latency;

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(&[
        ("gc_alloc_16", gc_alloc::of_16),
        ("gc_alloc_64", gc_alloc::of_64),
        ("gc_alloc_256", gc_alloc::of_256),
        ("gc_alloc_1024", gc_alloc::of_1024),
        ("gc_alloc_8192", gc_alloc::of_8192),
        ("binary_trees", binary_trees::run),
        ("gc_latency", gc_latency::run),
    ])
}
