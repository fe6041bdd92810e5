//! A concurrent code search: walks a tree with a goroutine per directory, builds a trigram index of
//! garbage-collected objects that all goroutines share, and prints every line that matches.
//!
//! `cargo run --release --example codesearch -- PATTERN DIR`
//!
//! The pattern is a regular expression of the regex crate; lines come as `path:line:text` in the order
//! of the paths, a report follows on standard error. Files with a NUL byte in their first 8 KiB count as
//! binary and are left out; symbolic links are not followed. `--sequential` does the same work without
//! gort, with one thread and plain collections.

#[path = "codesearch/index.rs"]
mod index;
#[path = "codesearch/query.rs"]
mod query;
#[path = "codesearch/report.rs"]
mod report;
#[path = "codesearch/scan.rs"]
mod scan;
#[path = "codesearch/search.rs"]
mod search;
#[path = "codesearch/sequential.rs"]
mod sequential;
#[path = "codesearch/walk.rs"]
mod walk;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: codesearch [--sequential] PATTERN DIR";

struct Task {
    pattern: regex::bytes::Regex,
    query: query::Query,
    dir: PathBuf,
    sequential: bool,
}

/// Reads the command line. Errors are for the person who typed it.
fn task() -> Result<Task, String> {
    let mut sequential = false;
    let mut words = Vec::new();
    for word in std::env::args_os().skip(1) {
        match word.to_str() {
            Some("--sequential") => sequential = true,
            Some(flag) if flag.starts_with("--") => {
                return Err(format!("no option {flag}\n{USAGE}"));
            }
            _ => words.push(word),
        }
    }
    let [pattern, dir] = words.as_slice() else { return Err(USAGE.into()) };
    let text = pattern.to_str().ok_or("PATTERN is not valid UTF-8")?;
    let pattern = regex::bytes::Regex::new(text).map_err(|e| format!("bad pattern: {e}"))?;
    let dir = PathBuf::from(dir);
    std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(Task { pattern, query: query::Query::of(text), dir, sequential })
}

#[gort::main(unsafe(migrate))]
fn main() -> ExitCode {
    let start = Instant::now();
    let task = match task() {
        Ok(task) => task,
        Err(message) => {
            eprintln!("codesearch: {message}");
            return ExitCode::from(2);
        }
    };
    let outcome = if task.sequential {
        sequential::run(&task.pattern, &task.query, &task.dir)
    } else {
        search::run(task.pattern, task.query, task.dir)
    };
    match outcome {
        Ok(counts) => {
            report::print(&counts, start.elapsed(), task.sequential);
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("codesearch: cannot write the result: {e}");
            ExitCode::from(2)
        }
    }
}
