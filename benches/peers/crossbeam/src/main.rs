//! The channel workloads on crossbeam-channel and std's threads, kept on as many
//! processors as the bench asks for.

mod chan_mpmc;
mod chan_pingpong;
mod chan_spsc;
mod prime_sieve;
mod select2;

use std::process::ExitCode;

fn main() -> ExitCode {
    gort_bench_kit::run(&[
        ("chan_pingpong", chan_pingpong::run),
        ("chan_spsc", chan_spsc::run),
        ("chan_mpmc", chan_mpmc::run),
        ("select2", select2::run),
        ("prime_sieve", prime_sieve::run),
    ])
}
