//! The workloads on may.
//!
//! Left out, because may has nothing that fits: `blocking_calls` (nothing to say).

mod blocking_unsaid;
mod chan_mpmc;
mod chan_pingpong;
mod chan_spsc;
mod hog_latency;
mod mutex_contended;
mod parked;
mod prime_sieve;
mod room;
mod select2;
mod skynet;
mod spawn_join;
mod stacks;
mod tcp_echo;
mod timers;
mod yield_now;

use std::process::ExitCode;

use gort_bench_kit::parameters::parked::{HUNDRED_THOUSAND, MILLION};
use gort_bench_kit::processors;
use may::go;

fn main() -> ExitCode {
    // The stack is counted in words: 16 KiB. By default a thousand wait in a pool, as many
    // as a batch of `spawn_join` needs; a larger pool was no faster.
    may::config().set_workers(processors()).set_stack_size(2048);
    // A worker that is bound to a processor waits there for whoever else runs on it.
    may::config().set_worker_pin(false);
    // The first coroutine starts the workers and fills the pool, which belongs to no
    // workload.
    let _ = go!(|| ()).join();
    gort_bench_kit::run(&[
        ("spawn_join", spawn_join::run),
        ("yield", yield_now::run),
        ("chan_pingpong", chan_pingpong::run),
        ("chan_spsc", chan_spsc::run),
        ("chan_mpmc", chan_mpmc::run),
        ("select2", select2::run),
        ("skynet", skynet::run),
        ("parked_1m", || parked::run("parked_1m", MILLION.get())),
        ("parked_100k", || parked::run("parked_100k", HUNDRED_THOUSAND.get())),
        ("mutex_contended", mutex_contended::run),
        ("prime_sieve", prime_sieve::run),
        ("timers", timers::run),
        ("hog_latency", hog_latency::run),
        ("blocking_unsaid", blocking_unsaid::run),
        ("tcp_echo", tcp_echo::run),
    ])
}
