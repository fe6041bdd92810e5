//! `cargo xtask boot-trace`: what each stage of a boot took, as a table or as a drawing.
//!
//! The example `boot_report` boots and prints its own report; this command runs it and draws.

use std::ffi::OsString;
use std::fmt::Write;
use std::process::Stdio;

use crate::failure::Failure;
use crate::metadata;

const HELP: &str = "\
What each stage of a boot took: wall time, address space, memory, memory calls.

Usage: cargo xtask boot-trace [--svg FILE]

Options:
  --svg FILE   draw the stages on a line of time, into FILE
  -h, --help   say this

Exit status: as of every command of xtask, see `cargo xtask --help`.
";

/// One stage of the report.
#[derive(Debug, PartialEq)]
struct Stage {
    number: u32,
    name: String,
    us: f64,
}

pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut svg = None;
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            lexopt::Arg::Long("svg") => svg = Some(parser.value()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let output = metadata::cargo()
        .args(["run", "--quiet", "--release", "--package", "gort", "--example", "boot_report"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::Tool(format!("boot-trace: cargo cannot be run: {error}")))?;
    let report = String::from_utf8_lossy(&output.stdout);
    let stages = parse(&report);
    if !output.status.success() || stages.is_empty() {
        return Err(Failure::Tool("boot-trace: the example boot_report gave no report".into()));
    }
    match svg {
        None => print!("{report}"),
        Some(path) => std::fs::write(&path, draw(&stages)).map_err(|error| {
            Failure::File(format!("boot-trace: {}: {error}", path.to_string_lossy()))
        })?,
    }
    Ok(())
}

/// The lines of the report that are stages.
fn parse(report: &str) -> Vec<Stage> {
    report
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(Stage {
                number: words.next()?.parse().ok()?,
                name: words.next()?.into(),
                us: words.next()?.parse().ok()?,
            })
        })
        .collect()
}

/// A bar for each stage, where it begins and as long as it took; the text stands beside it.
fn draw(stages: &[Stage]) -> String {
    const LEFT: f64 = 130.0;
    const WIDTH: f64 = 620.0;
    let total: f64 = stages.iter().map(|s| s.us).sum::<f64>().max(0.1);
    let height = 24 * stages.len() + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">boot: {total:.0} µs</text>\n"
    );
    let mut start = 0.0;
    for (i, stage) in stages.iter().enumerate() {
        let y = 36 + 24 * i;
        let x = LEFT + start / total * WIDTH;
        let width = (stage.us / total * WIDTH).max(1.0);
        // Beside the bar, or before it where there is no room.
        let (at, anchor) =
            if x + width < 740.0 { (x + width + 4.0, "start") } else { (x - 4.0, "end") };
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{}\">{} {}</text>\
             <rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" fill=\"#3572a5\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"{anchor}\" fill=\"#555\">{:.1}</text>",
            y + 13,
            stage.number,
            stage.name,
            y + 13,
            stage.us
        );
        start += stage.us;
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = " #  stage                us         reserved      committed  calls\n \
                          1  Rt0                 0.2                0              0      0\n \
                          7  MallocInit        121.6     292336259072         872448     28\n    \
                          total               121.8\n";

    #[test]
    fn reads_the_stages_and_nothing_else() {
        let stages = parse(REPORT);
        let names: Vec<(u32, &str)> = stages.iter().map(|s| (s.number, s.name.as_str())).collect();
        assert_eq!(names, [(1, "Rt0"), (7, "MallocInit")]);
    }

    #[test]
    fn draws_a_bar_for_each() {
        let svg = draw(&parse(REPORT));
        assert_eq!(svg.matches("<rect x").count(), 2);
        assert!(svg.contains("7 MallocInit") && svg.contains("boot: 122 µs"), "{svg}");
    }
}
