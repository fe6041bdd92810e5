//! The allocator workloads on snmalloc, built by the C++ compiler alone (no cmake).

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
