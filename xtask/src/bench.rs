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
//! Every case of a workload is one process per run. The programs are equals: each
//! is told the case by its argument and the number of processors by `GOMAXPROCS`,
//! verifies its own result, and prints lines `metric NAME VALUE UNIT`; what is
//! measured from outside (wall time, processor time, peak memory) is measured
//! here, the same way for all. `docs/bench.md` is the user's page.

mod experiment;
mod machine;
mod micro;
mod options;
mod preload;
mod reports;
mod runs;
mod systems;
mod workload;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::metadata;
use options::Options;
use reports::record::Record;
use reports::{compare, date, page, readme, record, table, targets};
pub(crate) use runs::memory::{TOUCH_MEMORY, touch_memory};
use runs::schedule;
pub(crate) use runs::spin::{SPIN, spin};
use systems::gort;
use systems::system::{How, System};
use workload::Workload;

/// The command.
pub(crate) fn run(mut args: Vec<OsString>) -> Result<(), Failure> {
    match args.first().and_then(|first| first.to_str()) {
        Some("micro") => return micro::run(args.split_off(1)),
        Some("programs") => return preload::run(args.split_off(1)),
        Some("experiment") => return experiment::run(args.split_off(1)),
        _ => {}
    }
    let Some(options) = options::parse(args)? else { return Ok(()) };
    // Before the long work: a result that cannot be kept or compared is not worth it.
    let before = options.compare.as_deref().map(compare::read).transpose()?;
    let readme = options.update_readme.then(|| metadata::root().join("README.md"));
    readme.as_deref().map_or(Ok(()), readme::check)?;
    for file in [&options.json, &options.html].into_iter().flatten() {
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|error| cannot_write(file, &error))?;
    }
    let Systems { systems, echo_client, skipped } = prepare(&options)?;
    println!("{}", machine::describe());
    for system in &systems {
        println!("{:<12} {}", system.name, system.version);
    }
    if let Some(warning) = machine::load_warning() {
        println!("warning: {warning}");
    }

    let how = How { echo_client: &echo_client, quick: options.quick };
    let watch = machine::Watch::start();
    let outcome = schedule::run(&options, &systems, &how).map_err(Failure::File)?;
    let warning = watch.warning();
    if let Some(warning) = &warning {
        println!("warning: {warning}");
    }
    let records = record::all(&outcome.series);
    println!("\n{}", table::render(&records));
    if let (Some(before), Some(file)) = (&before, &options.compare) {
        println!("{}", compare::render(before, &records, &file.display()));
    }
    if options.targets {
        println!("{}", targets::render(&records));
    }
    if let Some(file) = &options.json {
        write_json(file, &records)?;
    }
    if let Some(file) = &options.html {
        let missing = outcome.failures.iter().map(ToString::to_string);
        let about = page::About {
            date: date::today(),
            machine: machine::describe(),
            settings: page::settings::describe(),
            warning: warning.clone(),
            runs: options.runs,
            quick: options.quick,
            systems: systems.iter().map(|s| (s.name.into(), s.version.clone())).collect(),
            missing: skipped.into_iter().chain(missing).collect(),
        };
        fs::write(file, page::render(&records, &about))
            .map_err(|error| cannot_write(file, &error))?;
    }
    if let Some(file) = &readme {
        let about = readme::About {
            date: &date::today(),
            machine: &machine::describe(),
            warning: warning.as_deref(),
            runs: options.runs,
            command: &readme::command(&options),
        };
        readme::update(file, &records, &about)?;
    }
    // What a system cannot do by its nature is a result; what it does wrongly is none.
    let (cannot, wrong): (Vec<_>, Vec<_>) =
        outcome.failures.iter().partition(|failed| failed.why.is_limit());
    for failed in cannot {
        println!("not measured: {failed}");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = wrong.iter().map(|failed| format!("  {failed}")).collect();
    Err(Failure::Found(format!("bench: {} failed:\n{}", lines.len(), lines.join("\n"))))
}

/// What is there to be measured.
struct Systems {
    /// gort first, then the peers that can be had.
    systems: Vec<System>,
    /// The client of the echo servers.
    echo_client: PathBuf,
    /// The peers that cannot, with the reason.
    skipped: Vec<String>,
}

/// Builds gort and the peers that a workload was asked for.
fn prepare(options: &Options) -> Result<Systems, Failure> {
    let root = metadata::root();
    let (gort, echo_client) = gort::build(&root)?;
    let (mut systems, mut skipped) = (vec![gort], Vec::new());
    for peer in &options.peers {
        let wanted = |workload: &Workload| peer.groups.contains(&workload.group);
        if !options.workloads.iter().any(|workload| wanted(workload)) {
            continue;
        }
        match peer.prepare(&root) {
            Ok(system) => systems.push(system),
            Err(reason) => {
                let line = format!("{}: skipped, {reason}", peer.name);
                println!("{line}");
                skipped.push(line);
            }
        }
    }
    Ok(Systems { systems, echo_client, skipped })
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
