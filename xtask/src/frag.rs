//! `cargo xtask frag`: how much of a heap is lost to holes, ends, caches and free pages, and what could be had back.
//!
//! The process says itself what it has, at its end, as lines of JSON ([`report`]); the kernel's account of the same
//! addresses is in them. Here the two are joined ([`ratios`]) and printed ([`table`]).

pub(crate) mod ratios;
pub(crate) mod report;
pub(crate) mod smaps;
pub(crate) mod source;
mod table;

use std::ffi::OsString;

use crate::failure::Failure;
use source::Source;

const HELP: &str = "\
How much of a program's heap is lost to holes, ends of spans, caches and free
pages, by size class, and what the scavenger could give back.

Usage: cargo xtask frag [OPTIONS] -- PROGRAM [ARGS]
       cargo xtask frag [OPTIONS] --read FILE

The program runs with gort's heap in the place of malloc, and writes a report of
it when it exits. A program that is killed, or leaves by _exit, writes none.

Options:
  --own         the program has gort's allocator itself: nothing is preloaded
  --read FILE   no program: a report that was written before, by GORT_HEAP_REPORT
                in the environment or by gort::debug::heap_report
  --json        numbers for programs instead of a table
  -h, --help    say this

Exit status: as of every command of xtask, see `cargo xtask --help`.
";

pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let mut json = false;
    let Some(source) = Source::parse("frag", HELP, args, |parser, name| {
        json |= name == "json";
        let _ = parser;
        Ok(name == "json")
    })?
    else {
        return Ok(());
    };
    let report = source.report("frag")?;
    let summary = ratios::Summary::of(&report);
    if json {
        let text = serde_json::to_string_pretty(&summary)
            .map_err(|error| Failure::Tool(format!("frag: {error}")))?;
        println!("{text}");
    } else {
        print!("{}", table::text(&summary));
    }
    Ok(())
}
