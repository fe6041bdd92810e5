//! The command line of a program of the bench.

use std::process::ExitCode;
use std::sync::OnceLock;

use crate::report::Wrong;

/// Does a workload's work, verifies it and prints its metrics.
pub type Run = fn() -> Result<(), Wrong>;

static QUICK: OnceLock<bool> = OnceLock::new();

/// Only a small piece of the work is asked for.
pub(crate) fn is_quick() -> bool {
    *QUICK.get_or_init(|| false)
}

/// Says so for a program with a command line of its own; the first call decides.
pub fn set_quick(quick: bool) {
    QUICK.get_or_init(|| quick);
}

/// Runs the workload that the arguments name; the program's exit status.
#[must_use]
pub fn run(workloads: &[(&str, Run)]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, quick) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => {
            workloads.iter().for_each(|(name, _)| println!("{name}"));
            return ExitCode::SUCCESS;
        }
        [name] => (name, false),
        [name, "quick"] => (name, true),
        _ => {
            eprintln!("usage: PROGRAM WORKLOAD [quick] | PROGRAM --list");
            return ExitCode::from(2);
        }
    };
    let Some((_, run)) = workloads.iter().find(|(known, _)| *known == name) else {
        eprintln!("bench: unknown workload '{name}'");
        return ExitCode::from(2);
    };
    set_quick(quick);
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("bench: {wrong}");
            ExitCode::from(wrong.status())
        }
    }
}
