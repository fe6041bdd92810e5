//! The picture: SVG, alone or in a page. Small spans are blue (the collector's green), the darker the fuller.

use std::fmt::Write;

use super::cells::{Grid, ROW, Run, What};

/// Pixels of a page, and of a row.
const CELL: u64 = 2;
const HEIGHT: u64 = 14;
/// Room for the address.
const LEFT: u64 = 130;
const TOP: u64 = 40;

fn colour(what: &What) -> String {
    match what {
        What::Small { used, gc, .. } => {
            let light = 88.0 - 50.0 * used;
            format!("hsl({},55%,{light:.0}%)", if *gc { 150 } else { 215 })
        }
        What::Large { gc: false, .. } => "hsl(25,70%,55%)".into(),
        What::Large { gc: true, .. } => "hsl(95,45%,45%)".into(),
        What::Free => "#f2dd8f".into(),
        What::Released => "#ebebeb".into(),
    }
}

/// What a run is, in words.
fn title(run: &Run, page: u64) -> String {
    let owner = |gc: bool| if gc { "collector" } else { "explicit" };
    match run.what {
        What::Small { size, used, gc } => {
            format!(
                "{} pages, slots of {size} bytes, {:.0} % in use, {}",
                run.pages,
                used * 100.0,
                owner(gc)
            )
        }
        What::Large { pages, gc } => {
            format!("large object of {} KiB, {}", pages * page / 1024, owner(gc))
        }
        What::Free => format!("{} free pages with memory behind them", run.pages),
        What::Released => format!("{} free pages with nothing behind them", run.pages),
    }
}

const LEGEND: [(&str, &str); 7] = [
    ("hsl(215,55%,84%)", "few slots in use"),
    ("hsl(215,55%,38%)", "full"),
    ("hsl(150,55%,60%)", "collector's"),
    ("hsl(25,70%,55%)", "large"),
    ("hsl(95,45%,45%)", "collector's large"),
    ("#f2dd8f", "free"),
    ("#ebebeb", "released"),
];

pub(super) fn svg(grid: &Grid) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut out, grid);
    out
}

fn write(out: &mut String, grid: &Grid) -> std::fmt::Result {
    let (width, height) = (LEFT + ROW * CELL + 10, TOP + grid.rows.len() as u64 * HEIGHT + 10);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="monospace" font-size="11">"#
    )?;
    writeln!(out, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
    for (i, (colour, word)) in LEGEND.iter().enumerate() {
        let x = LEFT + i as u64 * 146;
        writeln!(
            out,
            r#"<rect x="{x}" y="12" width="12" height="12" fill="{colour}"/><text x="{}" y="22">{word}</text>"#,
            x + 17
        )?;
    }
    for (i, (addr, runs)) in grid.rows.iter().enumerate() {
        let y = TOP + i as u64 * HEIGHT;
        writeln!(out, r#"<text x="4" y="{}">{addr:#014x}</text>"#, y + HEIGHT - 4)?;
        for run in runs {
            writeln!(
                out,
                r#"<rect x="{}" y="{y}" width="{}" height="{}" fill="{}"><title>{}</title></rect>"#,
                LEFT + run.first * CELL,
                run.pages * CELL,
                HEIGHT - 2,
                colour(&run.what),
                title(run, grid.page)
            )?;
        }
    }
    writeln!(out, "</svg>")
}

pub(super) fn html(grid: &Grid) -> String {
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>heap map</title>\n\
         <style>body {{ font-family: sans-serif; margin: 1em }} div {{ overflow: auto }}</style>\n\
         <h1>Heap map</h1>\n<p>A row is 4 MiB, a cell a page of {} KiB. Point at a span to see what it is.</p>\n<div>\n{}</div>\n",
        grid.page / 1024,
        svg(grid)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frag::report::Report;

    #[test]
    fn every_run_is_drawn() {
        let report = Report::parse(include_str!("../frag/testdata/cheese.jsonl")).unwrap();
        let grid = Grid::of(&report);
        let runs: usize = grid.rows.values().map(Vec::len).sum();
        let picture = svg(&grid);
        assert_eq!(picture.matches("<title>").count(), runs);
        assert!(runs > 10 && picture.ends_with("</svg>\n"));
        assert!(html(&grid).contains("slots of 512 bytes"));
    }
}
