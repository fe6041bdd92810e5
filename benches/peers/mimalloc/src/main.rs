//! The allocator workloads on mimalloc 3, which is what the crate builds by default, without its secure mode.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
