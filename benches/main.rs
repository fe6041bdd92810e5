//! One workload of the bench on gort: `gort-bench WORKLOAD`.
//!
//! The same work as the programs of the peers (`benches/peers/`), with the same
//! parameters, written as a user of gort would write it: on the facade alone.
//! `GOMAXPROCS` chooses the number of processors. Standard output carries one
//! line per metric, `metric NAME VALUE UNIT`; a workload whose result is wrong
//! says so on standard error and ends with status 1; an unknown name ends with
//! status 2.
//!
//! # Does not know
//! The bench that runs it and the other systems; how the figures are compared.
//!
//! # Invariants
//! - WORKLOAD-1 No task of the bench parks while it holds anything that is tied to its
//!   thread: a borrow of a thread-local, a guard of a standard lock.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! [`report`] → one workload after the other, each alone in its file.
//!
//! An example of its use alone:
//!
//! ```text
//! $ GOMAXPROCS=1 gort-bench skynet
//! metric skynet 412.0331 ms
//! ```

mod binary_trees;
mod chan_pingpong;
mod parked;
mod report;
mod skynet;
mod spawn_join;
mod yield_now;

use std::process::ExitCode;

use report::Wrong;

/// The function that does a workload's work, verifies it and prints its metrics.
type Run = fn() -> Result<(), Wrong>;

/// By the names that the bench uses, in its order.
const WORKLOADS: &[(&str, Run)] = &[
    ("spawn_join", spawn_join::run),
    ("yield", yield_now::run),
    ("chan_pingpong", chan_pingpong::run),
    ("skynet", skynet::run),
    ("parked_1m", || parked::run("parked_1m", 1_000_000)),
    ("parked_100k", || parked::run("parked_100k", 100_000)),
    ("binary_trees", binary_trees::run),
];

// Tasks move between threads, as they do in the peers: WORKLOAD-1 is what makes it sound.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(name), None) = (args.next(), args.next()) else {
        eprintln!("usage: gort-bench WORKLOAD");
        return ExitCode::from(2);
    };
    let Some((_, run)) = WORKLOADS.iter().find(|(known, _)| *known == name) else {
        eprintln!("gort-bench: unknown workload '{name}'");
        return ExitCode::from(2);
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("gort-bench: {wrong}");
            ExitCode::FAILURE
        }
    }
}
