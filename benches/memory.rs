//! The allocator's workloads on gort's heap: `gort-bench-memory WORKLOAD`.
//!
//! A program of its own, because a process has one global allocator, and gort's other
//! workloads are measured on the one that programs have by default.
//!
//! # Does not know
//! The bench that runs it and the other systems.
//!
//! # Invariants
//! None of its own.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! This page → `gort-bench-allocators`.
//!
//! An example of its use alone:
//!
//! ```text
//! $ gort-bench-memory malloc_free_64
//! metric malloc_free_64 4.2103 ns/pair
//! ```

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: gort_heap::GortAlloc = gort_heap::GortAlloc::new();

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
