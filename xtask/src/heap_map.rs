//! `cargo xtask heap-map`: a heap, drawn by addresses: spans by class and occupancy, free and released pages.
//!
//! The report comes from where [`crate::frag`] has it. A picture has a row for each 4 MiB and a cell for each page.

mod cells;
mod draw;

use std::ffi::OsString;

use crate::failure::Failure;
use crate::frag::source::{Source, save};
use cells::Grid;

const HELP: &str = "\
Draws a program's heap by addresses: a row for 4 MiB, a cell for a page of 8 KiB.

Usage: cargo xtask heap-map [OPTIONS] -- PROGRAM [ARGS]
       cargo xtask heap-map [OPTIONS] --read FILE

Without --svg and --html it prints letters, one for eight pages: a digit is the
occupancy of spans of small objects in tenths (9: full), L large objects, . free
pages, - pages that were given back, a space what was never used.

Options:
  --svg FILE    a picture, into FILE
  --html FILE   a page with the picture, where each span says what it is
  --own         the program has gort's allocator itself: nothing is preloaded
  --read FILE   no program: a report that was written before
  -h, --help    say this

Exit status: as of every command of xtask, see `cargo xtask --help`.
";

pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let (mut svg, mut html) = (None, None);
    let Some(source) = Source::parse("heap-map", HELP, args, |parser, name| {
        match name {
            "svg" => svg = Some(parser.value()?),
            "html" => html = Some(parser.value()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?
    else {
        return Ok(());
    };
    let grid = Grid::of(&source.report("heap-map")?);
    if let Some(path) = &svg {
        save("heap-map", path, &draw::svg(&grid))?;
    }
    if let Some(path) = &html {
        save("heap-map", path, &draw::html(&grid))?;
    }
    if svg.is_none() && html.is_none() {
        print!("{}", grid.text());
    }
    Ok(())
}
