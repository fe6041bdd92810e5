//! The collector workloads on gc-arena: an arena belongs to one thread, and collects
//! where its owner lets it, in proportion to what was allocated.
//!
//! # Invariants
//! - ARENA-1 A pointer that is written into an object without the library's own barrier
//!   has passed the forward barrier in the same entry into the arena.

mod binary_trees;
mod gc_alloc;
mod gc_latency;
mod gc_mark;

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(&[
        ("gc_alloc_16", gc_alloc::of_16),
        ("gc_alloc_64", gc_alloc::of_64),
        ("gc_alloc_256", gc_alloc::of_256),
        ("gc_alloc_1024", gc_alloc::of_1024),
        ("gc_alloc_8192", gc_alloc::of_8192),
        ("binary_trees", binary_trees::run),
        ("gc_mark", gc_mark::sparse),
        ("gc_mark_full", gc_mark::full),
        ("gc_latency", gc_latency::run),
    ])
}
