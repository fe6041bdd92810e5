//! `cargo xtask bench experiment NAME`: questions about gort alone, each with a drawing.
//!
//! ```text
//! for each setting: gort-experiment NAME full SETTING → point.., figure..
//!    figures → a table on standard output
//!    points  → plot → target/experiments/NAME.html
//! ```

mod list;
mod plot;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::ValueExt;

use crate::bench::machine;
use crate::bench::reports::{date, table};
use crate::bench::systems::programs::Programs;
use crate::failure::Failure;
use crate::metadata;
use list::{EXPERIMENTS, Experiment, Setting};

/// What one setting gave.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// Series, x, y.
    points: Vec<(String, f64, f64)>,
    /// Name, value, unit.
    figures: Vec<(String, f64, String)>,
}

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let (mut name, mut quick, mut html) = (None, false, None);
    let mut svg = None;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("quick") => quick = true,
            lexopt::Arg::Long("html") => html = Some(PathBuf::from(parser.value()?)),
            lexopt::Arg::Long("svg") => svg = Some(PathBuf::from(parser.value()?)),
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{}", help());
                return Ok(());
            }
            lexopt::Arg::Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let name = name.ok_or_else(|| Failure::Usage(format!("no experiment named\n\n{}", help())))?;
    let all = name == "all";
    let chosen: Vec<&Experiment> =
        EXPERIMENTS.iter().filter(|experiment| all || experiment.name == name).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        let names = names.join(", ");
        return Err(Failure::Usage(format!(
            "unknown experiment '{name}', there are: {names}, all"
        )));
    }
    let root = metadata::root();
    let built = Programs::build(&root, &["gort-bench"], "bench", None);
    let program = built.and_then(|built| built.get("gort-experiment")).map_err(Failure::Tool)?;
    for experiment in chosen {
        let file = html.clone().unwrap_or_else(|| {
            root.join("target").join("experiments").join(format!("{}.html", experiment.name))
        });
        one(experiment, &program, quick, &file, svg.as_deref())?;
    }
    Ok(())
}

fn one(
    experiment: &Experiment,
    program: &Path,
    quick: bool,
    file: &Path,
    svg: Option<&Path>,
) -> Result<(), Failure> {
    println!("{} ({}): {}", experiment.name, experiment.row, experiment.about);
    let mut outcomes = Vec::new();
    for setting in experiment.settings {
        outcomes.push((setting, measure(experiment, setting, program, quick)?));
    }
    let text = render(&outcomes);
    println!("{text}");
    let points: Vec<_> = outcomes.iter().flat_map(|(_, outcome)| &outcome.points).collect();
    let machine = format!("{}, {}", date::today(), machine::describe());
    let page = plot::page(experiment, &points, &text, &machine);
    let write = || {
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        fs::write(file, page)
    };
    write().map_err(|error| Failure::File(format!("{}: {error}", file.display())))?;
    println!("drawing: {}\n", file.display());
    if let Some(svg) = svg {
        fs::write(svg, plot::picture(experiment, &points))
            .map_err(|error| Failure::File(format!("{}: {error}", svg.display())))?;
    }
    Ok(())
}

fn measure(
    experiment: &Experiment,
    setting: &Setting,
    program: &Path,
    quick: bool,
) -> Result<Outcome, Failure> {
    let output = Command::new(program)
        .args([experiment.name, if quick { "quick" } else { "full" }, setting.argument])
        .env("GOMAXPROCS", setting.procs.to_string())
        // Only the background's own setting has it.
        .env("GORT_SCAVENGER", if setting.argument == "background" { "on" } else { "off" })
        .output()
        .map_err(|error| Failure::Tool(format!("{}: {error}", program.display())))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Found(format!(
            "experiment {} {}: {}; it said: {}",
            experiment.name,
            setting.argument,
            output.status,
            said.trim_end()
        )));
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads the lines `point SERIES X Y` and `figure NAME VALUE UNIT`.
fn read(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["point", series, x, y] => {
                if let (Ok(x), Ok(y)) = (x.parse(), y.parse()) {
                    outcome.points.push((series.into(), x, y));
                }
            }
            ["figure", name, value, unit] => {
                if let Ok(value) = value.parse() {
                    outcome.figures.push((name.into(), value, unit.into()));
                }
            }
            _ => {}
        }
    }
    outcome
}

/// One row per figure, one column per setting.
fn render(outcomes: &[(&Setting, Outcome)]) -> String {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for (name, _, unit) in outcomes.iter().flat_map(|(_, outcome)| &outcome.figures) {
        if !rows.iter().any(|(known, _)| known == name) {
            rows.push((name, unit));
        }
    }
    let mut text = format!("{:<28}{:<12}", "", "");
    for (setting, _) in outcomes {
        let _ = write!(text, "{:>16}", setting.title());
    }
    text.push('\n');
    for (name, unit) in rows {
        let _ = write!(text, "{name:<28}{unit:<12}");
        for (_, outcome) in outcomes {
            let values: BTreeMap<&str, f64> =
                outcome.figures.iter().map(|(name, value, _)| (name.as_str(), *value)).collect();
            let value = values.get(name).map_or("-".into(), |value| match value.is_finite() {
                true => table::number(*value),
                false => "never".into(),
            });
            let _ = write!(text, "{value:>16}");
        }
        text.push('\n');
    }
    text
}

fn help() -> String {
    let mut text = String::from(
        "\
Measures gort alone at different settings, and draws what comes out.

Usage: cargo xtask bench experiment NAME [OPTIONS]

Options:
  --quick      a small piece of each: whether it works
  --html FILE  where to draw (default: target/experiments/NAME.html)
  --svg FILE   the drawing alone, too
  -h, --help   this text

Experiments, and 'all':
",
    );
    for experiment in EXPERIMENTS {
        let _ =
            writeln!(text, "  {:<14} {}: {}", experiment.name, experiment.row, experiment.about);
    }
    text.push_str(
        "
Exit status: 0 measured, 1 an experiment failed, 2 wrong usage, 3 cargo failed,
4 a file could not be written.
",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_lines_only() {
        let outcome = read("noise\npoint a 1 2.5\nfigure alloc 3 ns\npoint b x 1\npoint c 1\n");
        assert_eq!(outcome.points, [("a".into(), 1.0, 2.5)]);
        assert_eq!(outcome.figures, [("alloc".into(), 3.0, "ns".into())]);
    }

    #[test]
    fn a_row_per_figure_and_a_column_per_setting() {
        let settings = [Setting::new(1, "a"), Setting::new(2, "a")];
        let outcome = |value| read(&format!("figure alloc {value} ns\n"));
        let text = render(&[(&settings[0], outcome("3")), (&settings[1], outcome("inf"))]);
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.contains("P=1 a") && text.contains("3.00") && text.ends_with("never\n"),
            "{text}"
        );
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EXPERIMENTS.len());
        assert!(EXPERIMENTS.iter().all(|experiment| !experiment.settings.is_empty()));
    }
}
