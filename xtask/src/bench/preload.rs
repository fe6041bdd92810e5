//! `cargo xtask bench programs`: programs of others, with allocators preloaded.
//!
//! ```text
//! for each program, for each round: without anything, gort, the libraries named, one after the other
//!    → wall time and peak memory, each divided by the plain run's of the same round
//!    → medians, as a table for a page of the book
//! ```
//!
//! Division within a round: a machine that changes its speed from one minute to the next changes it for all of them.

mod list;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lexopt::ValueExt;

use super::machine;
use super::runs::child::{self, Ended};
use crate::failure::Failure;
use crate::metadata;
use list::{PROGRAMS, Program};

/// The longest that one process may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What is preloaded; `None`: nothing, the C library's own.
#[derive(Debug, Clone)]
struct Library {
    name: String,
    path: Option<PathBuf>,
}

/// One process's figures.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    seconds: f64,
    mib: f64,
}

fn help() -> String {
    let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    format!(
        "\
Runs programs of others with gort's allocator preloaded, and others' allocators beside it.

Usage: cargo xtask bench programs [OPTIONS]

Options:
  --runs N              rounds, 5 by default
  --only NAME[,NAME]    some of: {}
  --library NAME=FILE   a shared library to preload as well; may be said more than once
  -h, --help            this text

A program that is not installed is left out. Exit status: 0 measured, 1 a program failed, 2 wrong usage,
3 cargo failed, 4 a file could not be written.
",
        names.join(", ")
    )
}

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let (mut rounds, mut only, mut others) = (5, Vec::new(), Vec::new());
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("runs") => rounds = parser.value()?.parse::<usize>()?.max(1),
            lexopt::Arg::Long("only") => {
                only.extend(parser.value()?.string()?.split(',').map(str::to_owned));
            }
            lexopt::Arg::Long("library") => others.push(named(&parser.value()?.string()?)?),
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{}", help());
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if let Some(unknown) = only.iter().find(|name| PROGRAMS.iter().all(|p| p.name != **name)) {
        return Err(Failure::Usage(format!("no program named '{unknown}'\n\n{}", help())));
    }
    let root = metadata::root();
    let mut libraries = vec![Library { name: "glibc".into(), path: None }];
    libraries.push(Library { name: "gort".into(), path: Some(build(&root)?) });
    libraries.extend(others);
    println!("{}\n", machine::describe());
    if let Some(warning) = machine::load_warning() {
        println!("warning: {warning}\n");
    }
    println!("{}", heading(&libraries));
    let mut failures = Vec::new();
    for program in PROGRAMS.iter().filter(|p| only.is_empty() || only.iter().any(|n| n == p.name)) {
        if !program.is_there() {
            continue;
        }
        match measure(program, &libraries, rounds, &root) {
            Ok(runs) => println!("{}", row(program.name, &runs)),
            Err(why) => failures.push(format!("{}: {why}", program.name)),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::Found(failures.join("\n"))) }
}

fn named(text: &str) -> Result<Library, Failure> {
    let wrong = || Failure::Usage(format!("'{text}' is not NAME=FILE"));
    let (name, path) = text.split_once('=').ok_or_else(wrong)?;
    let path =
        fs::canonicalize(path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    Ok(Library { name: name.into(), path: Some(path) })
}

/// gort's library, built now.
fn build(root: &Path) -> Result<PathBuf, Failure> {
    let mut command = metadata::cargo();
    command.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "bench",
        "--package",
        "gort-malloc",
    ]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let output = command.current_dir(root).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::Tool(format!("cargo cannot be run: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let files =
        said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut files = files.flat_map(|message| {
        let names = message["filenames"].as_array().cloned().unwrap_or_default();
        names.into_iter().filter_map(|name| name.as_str().map(PathBuf::from))
    });
    let found = files.find(|path| path.ends_with("libgort_malloc.so"));
    found.ok_or_else(|| Failure::Tool("cargo built no libgort_malloc.so".into()))
}

/// Rounds of one program: for each library its runs, in the order of the rounds.
fn measure(
    program: &Program,
    libraries: &[Library],
    rounds: usize,
    root: &Path,
) -> Result<Vec<Vec<Run>>, String> {
    let folder = std::env::temp_dir().join(format!("gort-programs-{}", std::process::id()));
    let mut all = vec![Vec::new(); libraries.len()];
    for round in 0..=rounds {
        for (library, runs) in libraries.iter().zip(&mut all) {
            fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let mut command = Command::new("sh");
            command.args(["-ec", program.script]).env("REPOSITORY", root).current_dir(&folder);
            if let Some(path) = &library.path {
                command.env("LD_PRELOAD", path);
            }
            let ended = child::run(command, &std::env::temp_dir(), LIMIT);
            let removed = fs::remove_dir_all(&folder);
            removed.map_err(|error| error.to_string())?;
            let run = judge(&ended.map_err(|error| error.to_string())?);
            match run {
                // The first round warms the files up.
                Ok(run) if round > 0 => runs.push(run),
                Ok(_) => {}
                // What others cannot do is a fact, and no failure of ours.
                Err(_) if !["glibc", "gort"].contains(&library.name.as_str()) => {}
                Err(why) => return Err(format!("with {}: {why}", library.name)),
            }
        }
    }
    Ok(all)
}

fn judge(ended: &Ended) -> Result<Run, String> {
    if ended.timed_out {
        return Err("took too long".into());
    }
    if !ended.status.success() {
        let last = ended.stderr.lines().last().unwrap_or_default();
        return Err(format!("{}: {last}", ended.status));
    }
    Ok(Run { seconds: ended.wall.as_secs_f64(), mib: ended.peak_kib as f64 / 1024.0 })
}

fn heading(libraries: &[Library]) -> String {
    let others = &libraries[1..];
    let cells = |what: &str| -> String {
        others.iter().map(|library| format!(" {} {what} |", library.name)).collect()
    };
    let lines = "---:|".repeat(2 + 2 * others.len());
    format!("| program | glibc s | MiB |{}{}\n|---|{lines}", cells("time"), cells("peak"))
}

/// The middle one; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Medians: the plain figures, then each library's ratios to them.
fn row(name: &str, all: &[Vec<Run>]) -> String {
    let Some((plain, others)) = all.split_first() else { return String::new() };
    let of = |runs: &[Run], what: fn(&Run) -> f64| median(runs.iter().map(what).collect());
    let ratio = |runs: &Vec<Run>, what: fn(&Run) -> f64| {
        if runs.len() < plain.len() {
            return " fails |".to_owned();
        }
        let pairs = runs.iter().zip(plain).map(|(run, plain)| what(run) / what(plain));
        format!(" {:.2} |", median(pairs.collect()))
    };
    let times: String = others.iter().map(|runs| ratio(runs, |run| run.seconds)).collect();
    let peaks: String = others.iter().map(|runs| ratio(runs, |run| run.mib)).collect();
    let (seconds, mib) = (of(plain, |run| run.seconds), of(plain, |run| run.mib));
    format!("| {name} | {seconds:.2} | {mib:.0} |{times}{peaks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let runs = |figures: &[(f64, f64)]| {
            figures.iter().map(|&(seconds, mib)| Run { seconds, mib }).collect::<Vec<_>>()
        };
        let plain = runs(&[(1.0, 10.0), (4.0, 10.0), (2.0, 20.0)]);
        let half = runs(&[(0.5, 20.0), (2.0, 20.0), (1.0, 40.0)]);
        assert_eq!(row("x", &[plain.clone(), half]), "| x | 2.00 | 10 | 0.50 | 2.00 |");
        assert_eq!(row("x", &[plain, Vec::new()]), "| x | 2.00 | 10 | fails | fails |");
    }

    #[test]
    fn a_failure_is_told_with_its_last_line() {
        let folder = std::env::temp_dir().join(format!("xtask-preload-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("sh");
        command.args(["-ec", "echo one >&2; echo two >&2; exit 3"]);
        let ended = child::run(command, &folder, LIMIT).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(judge(&ended), Err("exit status: 3: two".into()));
    }

    #[test]
    fn a_library_has_a_name_and_a_file() {
        assert_eq!(named("a=/dev/null").unwrap().name, "a");
        assert!(named("/dev/null").is_err() && named("a=/there/is/none").is_err());
    }
}
