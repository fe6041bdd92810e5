//! The bench's experiments on gort: `gort-experiment NAME [quick]`.
//!
//! An experiment answers a question about gort alone and ends in a drawing. The program
//! does one setting of it (processors by `GOMAXPROCS`, the setting by a third argument) and
//! prints
//!
//! ```text
//! point SERIES X Y
//! figure NAME VALUE UNIT
//! ```
//!
//! which `cargo xtask bench experiment NAME` collects over all settings.
//!
//! # Does not know
//! Which settings there are, and how they are drawn.
//!
//! # Invariants
//! - EXPERIMENT-1 No task parks while it holds anything that is tied to its thread.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! `report` → one experiment after the other, each alone in its file.
//!
//! An example of its use alone:
//!
//! ```text
//! $ GOMAXPROCS=4 gort-experiment scaling quick 4
//! figure alloc 31.7 ns
//! ```

mod cache_depth;
mod giving_back;
mod idle_connections;
mod map;
mod pauses;
mod percent;
mod report;
mod scaling;
mod sharded;
mod stacks;
mod stealing;
mod trigger;

use std::process::ExitCode;

use gort_bench_kit::{Wrong, program};

/// Does one setting of an experiment.
type Experiment = fn(setting: &str) -> Result<(), Wrong>;

const EXPERIMENTS: &[(&str, Experiment)] = &[
    ("scaling", scaling::run),
    ("cache_depth", cache_depth::run),
    ("sharded", sharded::run),
    ("stealing", stealing::run),
    ("trigger", trigger::run),
    ("pauses", pauses::run),
    ("giving_back", giving_back::run),
    ("idle_connections", idle_connections::run),
    ("percent", percent::run),
    ("map", map::run),
    ("stacks", stacks::run),
];

// EXPERIMENT-1 makes it sound.
#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, size, setting] = args.as_slice() else {
        eprintln!("usage: gort-experiment NAME full|quick SETTING");
        return ExitCode::from(2);
    };
    let Some((_, run)) = EXPERIMENTS.iter().find(|(known, _)| known == name) else {
        eprintln!("gort-experiment: unknown experiment '{name}'");
        return ExitCode::from(2);
    };
    program::set_quick(size == "quick");
    match run(setting) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("gort-experiment: {wrong}");
            ExitCode::FAILURE
        }
    }
}
