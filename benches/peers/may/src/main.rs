//! The workloads on may.
//!
//! Left out, because may has nothing that fits: `select2` (its selection starts a
//! coroutine for each case of each selection), `prime_sieve` (its channels are
//! unbounded, the generator would run away), `blocking_calls` (nothing to say).

mod blocking_unsaid;
mod chan_mpmc;
mod chan_pingpong;
mod chan_spsc;
mod hog_latency;
mod mutex_contended;
mod parked;
mod skynet;
mod spawn_join;
mod stacks;
mod tcp_echo;
mod timers;
mod yield_now;

use std::process::ExitCode;

use gort_bench_kit::parameters::parked::{HUNDRED_THOUSAND, MILLION};
use gort_bench_kit::processors;

fn main() -> ExitCode {
    // The stack is counted in words: 16 KiB.
    may::config().set_workers(processors()).set_stack_size(2048);
    gort_bench_kit::run(&[
        ("spawn_join", spawn_join::run),
        ("yield", yield_now::run),
        ("chan_pingpong", chan_pingpong::run),
        ("chan_spsc", chan_spsc::run),
        ("chan_mpmc", chan_mpmc::run),
        ("skynet", skynet::run),
        ("parked_1m", || parked::run("parked_1m", MILLION.get())),
        ("parked_100k", || parked::run("parked_100k", HUNDRED_THOUSAND.get())),
        ("mutex_contended", mutex_contended::run),
        ("timers", timers::run),
        ("hog_latency", hog_latency::run),
        ("blocking_unsaid", blocking_unsaid::run),
        ("tcp_echo", tcp_echo::run),
    ])
}
