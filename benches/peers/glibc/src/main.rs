//! The allocator workloads on the C library's malloc, which is what Rust takes
//! where a program says nothing.

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(gort_bench_allocators::WORKLOADS)
}
