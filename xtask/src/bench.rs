//! `cargo xtask bench`: gort and its peers on the same workloads, in one run.
//!
//! ```text
//! options → plan of workloads × processors
//!            │
//!            ├ gort, peer: build or find the programs      → System
//!            └ schedule: A B A B .., one process at a time → runs per metric
//!                         │
//!                         ├ record: medians, spread, ratios → JSON
//!                         └ table                           → standard output
//! ```
//!
//! Every workload is one process per run. The programs are equals: each is told
//! the workload by its argument and the number of processors by `GOMAXPROCS`,
//! verifies its own result, and prints lines `metric NAME VALUE UNIT`; what is
//! measured from outside (wall time, peak memory) is measured here, the same way
//! for all. `docs/bench.md` is the user's page.

mod child;
mod gort;
mod machine;
mod measure;
mod memory;
mod options;
mod peer;
mod record;
mod schedule;
mod spread;
mod system;
mod table;
mod workload;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::Path;

use crate::failure::Failure;
use crate::metadata;
pub(crate) use memory::{TOUCH_MEMORY, touch_memory};
use options::Options;
use record::Record;
use system::System;

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let Some(options) = options::parse(args)? else { return Ok(()) };
    // Before the long work: a result that cannot be kept is not worth it.
    if let Some(file) = &options.json {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|error| cannot_write(file, &error))?;
    }
    let systems = systems(&options)?;
    println!("{}", machine::describe());
    for system in &systems {
        println!("{:<5} {}", system.name, system.version);
    }
    if let Some(warning) = machine::load_warning() {
        println!("warning: {warning}");
    }

    let outcome = schedule::run(&options, &systems);
    let records = record::all(&outcome.series);
    println!("\n{}", table::render(&records));
    if let Some(file) = &options.json {
        write_json(file, &records)?;
    }
    if outcome.failures.is_empty() {
        return Ok(());
    }
    Err(Failure::Found(format!(
        "bench: {} failed:\n{}",
        outcome.failures.len(),
        outcome.failures.join("\n")
    )))
}

/// gort first, then the peers that can be had; the others are named.
fn systems(options: &Options) -> Result<Vec<System>, Failure> {
    let root = metadata::root();
    let mut systems = vec![gort::build(&root)?];
    for peer in &options.peers {
        match (peer.prepare)(&root) {
            Ok(system) => systems.push(system),
            Err(reason) => println!("{}: skipped, {reason}", peer.name),
        }
    }
    Ok(systems)
}

fn write_json(file: &Path, records: &[Record]) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(records)
        .map_err(|error| Failure::File(format!("bench: the results are no JSON: {error}")))?;
    text.push('\n');
    fs::write(file, text).map_err(|error| cannot_write(file, &error))
}

fn cannot_write(file: &Path, error: &std::io::Error) -> Failure {
    Failure::File(format!("bench: {} cannot be written: {error}", file.display()))
}
