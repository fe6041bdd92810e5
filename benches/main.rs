//! The bench's workloads on gort: `gort-bench WORKLOAD`.
//!
//! The same work as the programs of the peers (`benches/peers/`), with the same
//! parameters (`gort-bench-kit`), written as a user of gort would write it: on the
//! facade alone, but for the bare switch, which is a layer by itself. What is said
//! to the program, and what it says, is in the kit's front page. The allocator's
//! workloads are a program of their own, `memory.rs`, because a process has one.
//!
//! # Does not know
//! The bench that runs it and the other systems; how the figures are compared.
//!
//! # Invariants
//! - WORKLOAD-1 No task of the bench parks while it holds anything that is tied to its
//!   thread: a borrow of a thread-local, a guard of a standard lock.
//! - WORKLOAD-2 The context of `raw_switch` and its resumer take turns: each is resumed
//!   only while the other runs, from where its own last switch saved it.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! `spawn_join` → one workload after the other, each alone in its file.
//!
//! An example of its use alone:
//!
//! ```text
//! $ GOMAXPROCS=1 gort-bench skynet
//! metric skynet 412.0331 ms
//! ```

mod binary_trees;
mod blocking_calls;
mod chan_mpmc;
mod chan_pingpong;
mod chan_spsc;
mod gc_alloc;
mod gc_goroutines;
mod gc_latency;
mod gc_mark;
mod hog_latency;
mod mutex_contended;
mod parked;
mod prime_sieve;
mod raw_switch;
mod select2;
mod skynet;
mod spawn_join;
mod tcp_echo;
mod timers;
mod yield_now;

use std::process::ExitCode;

use gort_bench_kit::Run;
use gort_bench_kit::parameters::parked::{HUNDRED_THOUSAND, MILLION};

/// By the names that the bench uses, in its order.
const WORKLOADS: &[(&str, Run)] = &[
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
    ("blocking_calls", blocking_calls::said),
    ("blocking_unsaid", blocking_calls::unsaid),
    ("tcp_echo", tcp_echo::run),
    ("raw_switch", raw_switch::run),
    ("gc_alloc_16", gc_alloc::of_16),
    ("gc_alloc_64", gc_alloc::of_64),
    ("gc_alloc_256", gc_alloc::of_256),
    ("gc_alloc_1024", gc_alloc::of_1024),
    ("gc_alloc_8192", gc_alloc::of_8192),
    ("binary_trees", binary_trees::run),
    ("gc_mark", gc_mark::sparse),
    ("gc_mark_full", gc_mark::full),
    ("gc_latency", gc_latency::run),
    ("gc_goroutines", gc_goroutines::run),
];

// Tasks move between threads, as they do in the peers: WORKLOAD-1 is what makes it sound.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    gort_bench_kit::run(WORKLOADS)
}
