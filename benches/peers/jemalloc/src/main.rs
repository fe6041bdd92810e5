//! The allocator workloads on jemalloc as its crate configures it: without background threads, which would count as more
//! processors.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
