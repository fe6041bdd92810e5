//! The channel workloads on flume's channels and tokio's tasks.
//!
//! With one processor the runtime is the faster of the two for each workload (both
//! were measured); with more, the multi-threaded one with as many workers.

mod chan_mpmc;
mod chan_pingpong;
mod chan_spsc;
mod prime_sieve;
mod runtime;
mod select2;
mod skynet;

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(&[
        ("chan_pingpong", chan_pingpong::run),
        ("chan_spsc", chan_spsc::run),
        ("chan_mpmc", chan_mpmc::run),
        ("select2", select2::run),
        ("skynet", skynet::run),
        ("prime_sieve", prime_sieve::run),
    ])
}
