//! The project's own commands: `cargo xtask COMMAND`.
//!
//! What a developer types and what continuous integration runs are the same
//! lines: [`layers`] keeps the architecture, [`tidy`] keeps the written rules
//! that no compiler checks, [`bench`](mod@bench) compares gort with its peers.
//!
//! # Does not know
//! Any crate of gort: it reads their manifests and sources and runs their
//! programs, so it builds and works while they do not compile.
//!
//! # Invariants
//! - CHILD-1 A child's process id is not reaped before its watchdog has ended.
//! - CHILD-2 Between fork and exec a child only makes system calls.
//! - CHILD-3 What the C library is given lives over the call; what it returns as a constant string lives as long as it.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! [`failure`] → [`metadata`] → [`layers`] → [`tidy`] → [`bench`](mod@bench) → [`boot_trace`] → [`frag`] → [`heap_map`]
//!
//! An example of its use alone:
//!
//! ```text
//! $ cargo xtask layers
//! layers: 12 packages, 41 arrows, all permitted
//! ```

mod bench;
mod boot_trace;
mod failure;
mod frag;
mod heap_map;
mod layers;
mod metadata;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask COMMAND [OPTIONS]

Commands:
  layers   compare the crates' dependencies with the permitted arrows
  tidy     check the written rules that no compiler checks
  bench    measure gort and its peers on the same workloads
  boot-trace  show what each stage of a boot took
  frag     say what a program's heap loses to holes and free pages
  heap-map  draw a program's heap, span by span

Options of every command:
  -h, --help   say what the command does, and its options

Exit status:
  0  all is well
  1  findings: an arrow that is not permitted, an untidy line, a failed workload
  2  wrong usage
  3  a tool that the command needs (cargo) failed
  4  a file could not be read or written
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let command = args.next().unwrap_or_default();
    match run(&command.to_string_lossy(), args.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn run(command: &str, args: Vec<OsString>) -> Result<(), Failure> {
    match command {
        "layers" => layers::run(args),
        "tidy" => tidy::run(args),
        "bench" => bench::run(args),
        "boot-trace" => boot_trace::run(args),
        "frag" => frag::run(args),
        "heap-map" => heap_map::run(args),
        // Not for people: the bench starts them as processes of their own.
        bench::TOUCH_MEMORY => bench::touch_memory(args),
        bench::SPIN => bench::spin(),
        "-h" | "--help" | "help" => {
            print!("{HELP}");
            Ok(())
        }
        "" => Err(Failure::Usage(format!("no command given\n\n{HELP}"))),
        unknown => Err(Failure::Usage(format!(
            "unknown command '{unknown}', the commands are: layers, tidy, bench, boot-trace, frag, heap-map"
        ))),
    }
}
