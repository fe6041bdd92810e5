//! The workloads on tokio.
//!
//! With one processor the runtime is the faster of the two for each workload (both
//! were measured); with more, the multi-threaded one with as many workers.

mod blocking_calls;
mod chan_pingpong;
mod chan_spsc;
mod hog_latency;
mod mutex_contended;
mod parked;
mod prime_sieve;
mod runtime;
mod select2;
mod skynet;
mod spawn_join;
mod tcp_echo;
mod timers;
mod yield_now;

use std::process::ExitCode;

use gort_bench_kit::parameters::parked::{HUNDRED_THOUSAND, MILLION};

fn main() -> ExitCode {
    // No `chan_mpmc`: tokio has no channel with several consumers that share the items.
    gort_bench_kit::run(&[
        ("spawn_join", spawn_join::run),
        ("yield", yield_now::run),
        ("chan_pingpong", chan_pingpong::run),
        ("chan_spsc", chan_spsc::run),
        ("select2", select2::run),
        ("skynet", skynet::run),
        ("parked_1m", || parked::run("parked_1m", MILLION.get())),
        ("parked_100k", || parked::run("parked_100k", HUNDRED_THOUSAND.get())),
        ("mutex_contended", mutex_contended::run),
        ("prime_sieve", prime_sieve::run),
        ("timers", timers::run),
        ("hog_latency", hog_latency::run),
        ("blocking_calls", blocking_calls::said),
        ("blocking_unsaid", blocking_calls::unsaid),
        ("tcp_echo", tcp_echo::run),
    ])
}
