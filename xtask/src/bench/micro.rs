//! `cargo xtask bench micro`: instructions of the fast paths.
//!
//! Each operation of `gort-micro` runs under callgrind twice, with two numbers of times;
//! the difference of the counts, divided, is what one operation takes. A count does not
//! depend on what else the machine does, so that it can be compared with a table that is
//! kept with the sources (`benches/micro/counts.txt`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::systems::programs::Programs;
use crate::failure::Failure;
use crate::metadata;

const HELP: &str = "\
Counts the instructions of gort's fast paths, under callgrind.

Usage: cargo xtask bench micro [OPTIONS]

Options:
  --check     compare with benches/micro/counts.txt; more than 10 % and 3 instructions
              above it is a finding
  --update    write that table anew
  -h, --help  this text

Exit status: 0 counted, 1 findings, 2 wrong usage, 3 valgrind or cargo failed,
4 a file could not be read or written.
";

/// What one operation takes.
#[derive(Debug, PartialEq)]
struct Count {
    name: String,
    instructions: f64,
}

/// The command.
pub(crate) fn run(args: Vec<OsString>) -> Result<(), Failure> {
    let (mut check, mut update) = (false, false);
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("check") => check = true,
            lexopt::Arg::Long("update") => update = true,
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let root = metadata::root();
    let table = root.join("benches").join("micro").join("counts.txt");
    let counts = count(&root)?;
    let text = render(&counts);
    print!("{text}");
    if update {
        let written = fs::write(&table, &text);
        return written.map_err(|error| Failure::File(format!("{}: {error}", table.display())));
    }
    if check {
        let kept = fs::read_to_string(&table)
            .map_err(|error| Failure::File(format!("{}: {error}", table.display())))?;
        let findings = compare(&counts, &kept);
        if !findings.is_empty() {
            return Err(Failure::Found(format!(
                "micro: dearer than before:\n{}",
                findings.join("\n")
            )));
        }
    }
    Ok(())
}

fn count(root: &Path) -> Result<Vec<Count>, Failure> {
    let tool = Failure::Tool;
    let built = Programs::build(root, &["gort-bench"], "bench", None);
    let program = built.and_then(|built| built.get("gort-micro")).map_err(tool)?;
    let listed = Command::new(&program).arg("--list").output();
    let listed = listed.map_err(|error| tool(format!("{}: {error}", program.display())))?;
    let mut counts = Vec::new();
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, few, many] = words[..] else {
            return Err(tool(format!("gort-micro lists '{line}'")));
        };
        let times = |text: &str| text.parse::<f64>().map_err(|error| tool(error.to_string()));
        let (a, b) = (usual(&program, name, few)?, usual(&program, name, many)?);
        let instructions = (b - a) / (times(many)? - times(few)?);
        counts.push(Count { name: name.into(), instructions });
    }
    Ok(counts)
}

/// The same, the median of five where so few times are counted that what other threads of the process do meanwhile shows.
fn usual(program: &PathBuf, name: &str, times: &str) -> Result<f64, Failure> {
    let rounds = if times.len() < 4 { 5 } else { 1 };
    let counts: Result<Vec<f64>, Failure> =
        (0..rounds).map(|_| instructions(program, name, times)).collect();
    let mut counts = counts?;
    counts.sort_by(f64::total_cmp);
    Ok(counts[rounds / 2])
}

/// The instructions of the whole process.
fn instructions(program: &PathBuf, name: &str, times: &str) -> Result<f64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(program).args([name, times]).env("GOMAXPROCS", "1");
    let output = valgrind.output().map_err(|error| {
        Failure::Tool(format!(
            "micro: valgrind cannot be run ({error}); the package valgrind has it"
        ))
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    collected(&said).filter(|_| output.status.success()).ok_or_else(|| {
        Failure::Tool(format!("micro: {name} under valgrind ended with {}: {said}", output.status))
    })
}

fn collected(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

fn render(counts: &[Count]) -> String {
    let mut text = String::from(
        "# Instructions per operation; written by `cargo xtask bench micro --update`.\n",
    );
    for count in counts {
        let _ = writeln!(text, "{:<14} {:>7.1}", count.name, count.instructions);
    }
    text
}

/// What is more than a tenth, and than three instructions, above the table; and what the
/// table does not have.
fn compare(counts: &[Count], kept: &str) -> Vec<String> {
    let kept: BTreeMap<&str, f64> = kept
        .lines()
        .filter_map(|line| {
            let (name, count) = line.split_once(' ')?;
            Some((name, count.trim().parse().ok()?))
        })
        .collect();
    let mut findings = Vec::new();
    for count in counts {
        match kept.get(count.name.as_str()) {
            None => findings.push(format!("  {}: not in the table; --update", count.name)),
            Some(before) if count.instructions > before * 1.1 + 3.0 => findings.push(format!(
                "  {}: {:.1} instructions, {before:.1} in the table",
                count.name, count.instructions
            )),
            Some(_) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64)]) -> Vec<Count> {
        let count = |(name, instructions): &(&str, f64)| Count {
            name: (*name).into(),
            instructions: *instructions,
        };
        pairs.iter().map(count).collect()
    }

    #[test]
    fn reads_what_callgrind_says() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 42\n"), Some(42.0));
        assert_eq!(collected("nothing"), None);
    }

    #[test]
    fn its_own_table_has_no_findings() {
        let counts = counts(&[("spawn", 785.3), ("alloc_hit", 17.0)]);
        assert_eq!(compare(&counts, &render(&counts)), [""; 0]);
    }

    #[test]
    fn dearer_is_a_finding_and_noise_is_none() {
        let kept = render(&counts(&[("spawn", 800.0), ("alloc_hit", 17.0)]));
        assert_eq!(compare(&counts(&[("spawn", 870.0), ("alloc_hit", 20.0)]), &kept), [""; 0]);
        let found =
            compare(&counts(&[("spawn", 1200.0), ("alloc_hit", 25.0), ("new", 1.0)]), &kept);
        assert_eq!(found.len(), 3);
    }
}
