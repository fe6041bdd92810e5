//! One run of one case on one system: its processes, read and verified.

use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::bench::reports::spread;
use crate::bench::runs::child::{self, Ended};
use crate::bench::workload::{Case, Metric, Origin, Program, Workload};

/// The longest that one process may take. The slowest takes a minute.
const LIMIT: Duration = Duration::from_secs(300);
/// The same beside competing processes, where some designs fall apart: that one of them does
/// not end is what is to be found out, and no failure.
const HOGGED_LIMIT: Duration = Duration::from_secs(30);

/// The figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// One value per metric of the case, in its order.
    pub(crate) values: Vec<f64>,
    pub(crate) histograms: Vec<Histogram>,
}

/// A distribution that a program printed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) name: String,
    /// Value and count.
    pub(crate) counts: Vec<(f64, u64)>,
}

/// Why there are no figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Why {
    /// The system cannot do it within its limits, and said so (status 3).
    Limit(String),
    /// A wrong result, a crash, a time-out, a figure that is missing.
    Failed(String),
}

impl Why {
    pub(crate) fn is_limit(&self) -> bool {
        matches!(self, Self::Limit(_))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Limit(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

/// The exit status that says so.
const LIMIT_STATUS: i32 = 3;

/// Starts `repeat` processes of one run; its figures, or why there are none.
pub(crate) fn run(
    command: impl Fn() -> Command,
    workload: &Workload,
    case: &Case,
    repeat: usize,
    folder: &Path,
) -> Result<Run, Why> {
    let mut per_process = Vec::with_capacity(repeat);
    for _ in 0..repeat {
        let limit = if workload.hogs { HOGGED_LIMIT } else { LIMIT };
        let ended = child::run(command(), folder, limit)
            .map_err(|error| Why::Failed(format!("cannot be started: {error}")))?;
        per_process.push(read(workload, case, &ended)?);
    }
    let median_of = |metric: usize| {
        let values: Vec<f64> = per_process.iter().map(|run| run.values[metric]).collect();
        spread::of(&values).map_or(f64::NAN, |spread| spread.median)
    };
    Ok(Run {
        values: (0..case.metrics.len()).map(median_of).collect(),
        histograms: per_process.pop().map(|run| run.histograms).unwrap_or_default(),
    })
}

/// The figures of an ended process.
fn read(workload: &Workload, case: &Case, ended: &Ended) -> Result<Run, Why> {
    if ended.status.code() == Some(LIMIT_STATUS) {
        let said = ended.stderr.trim_end();
        return Err(Why::Limit(said.trim_start_matches("bench: ").into()));
    }
    if ended.timed_out && workload.hogs {
        let limit = HOGGED_LIMIT.as_secs();
        return Err(Why::Limit(format!("did not end within {limit} s beside competing processes")));
    }
    figures(workload, case, ended).map_err(Why::Failed)
}

fn figures(workload: &Workload, case: &Case, ended: &Ended) -> Result<Run, String> {
    if ended.timed_out {
        return Err(format!("took longer than {} s and was ended", LIMIT.as_secs()));
    }
    if !ended.status.success() {
        let said = ended.stderr.trim_end();
        let said = said.get(said.len().saturating_sub(600)..).unwrap_or(said);
        return Err(format!("ended with {}; it said: {said}", ended.status));
    }
    if workload.program == Program::Hello && ended.stdout != "hello\n" {
        return Err(format!("said {:?}, must say \"hello\\n\"", ended.stdout));
    }
    let values =
        case.metrics.iter().map(|metric| value(metric, ended)).collect::<Result<_, _>>()?;
    Ok(Run { values, histograms: ended.stdout.lines().filter_map(histogram).collect() })
}

fn value(metric: &Metric, ended: &Ended) -> Result<f64, String> {
    // A server is weighed by its client, which prints what it saw.
    let weighed = || printed(metric.name, metric, &ended.stdout);
    // A peak is far below 2^53 KiB, so that the conversion loses nothing.
    let kib = ended.peak_kib as f64;
    match metric.origin {
        Origin::Printed(name) => printed(name, metric, &ended.stdout),
        Origin::Wall => Ok(ended.wall.as_secs_f64() * 1e3),
        Origin::Cpu => Ok(weighed().unwrap_or(ended.cpu.as_secs_f64() * 1e3)),
        Origin::PeakKib => Ok(kib),
        Origin::PeakMib => Ok(weighed().unwrap_or(kib / 1024.0)),
    }
}

/// Finds the line `metric NAME VALUE UNIT`.
fn printed(name: &str, metric: &Metric, stdout: &str) -> Result<f64, String> {
    let Some(rest) = stdout
        .lines()
        .find_map(|line| line.strip_prefix("metric ")?.strip_prefix(name)?.strip_prefix(' '))
    else {
        return Err(format!("printed no metric {name}"));
    };
    let (value, unit) = rest.split_once(' ').unwrap_or((rest, ""));
    if unit != metric.unit {
        return Err(format!("printed {name} in '{unit}', not {}", metric.unit));
    }
    match value.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err(format!("printed {name} as '{value}'")),
    }
}

/// Reads a line `histogram NAME UNIT VALUE:COUNT ..`.
fn histogram(line: &str) -> Option<Histogram> {
    let mut words = line.strip_prefix("histogram ")?.split(' ');
    let (name, _unit) = (words.next()?, words.next()?);
    let count = |word: &str| {
        let (value, count) = word.split_once(':')?;
        Some((value.parse().ok()?, count.parse().ok()?))
    };
    Some(Histogram { name: name.into(), counts: words.map(count).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::workload::{Better, WORKLOADS};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn ended(code: i32, stdout: &str) -> Ended {
        Ended {
            status: ExitStatus::from_raw(code << 8),
            timed_out: false,
            wall: Duration::from_micros(1500),
            cpu: Duration::from_micros(2500),
            peak_kib: 2048,
            stdout: stdout.into(),
            stderr: "why".into(),
        }
    }

    fn values(name: &str, ended: &Ended) -> Result<Vec<f64>, String> {
        let workload = WORKLOADS.iter().find(|workload| workload.name == name).unwrap();
        let run = read(workload, &workload.cases[0], ended);
        run.map(|run| run.values).map_err(|why| format!("{why:?}"))
    }

    #[test]
    fn reads_printed_and_taken_figures() {
        let text = "noise\nmetric binary_trees 12.5 ms\n";
        assert_eq!(values("binary_trees", &ended(0, text)), Ok(vec![12.5, 2.0, 2.5]));
        assert_eq!(values("hello", &ended(0, "hello\n")), Ok(vec![1.5, 2048.0, 2.5]));
        let text = "metric tcp_echo 9 requests/s\nmetric tcp_echo_cpu 7 ms\n";
        assert_eq!(values("tcp_echo", &ended(0, text)), Ok(vec![9.0, 7.0, 2.0]));
    }

    #[test]
    fn a_bad_line_is_no_figure() {
        let metric = Metric {
            name: "a",
            unit: "ms",
            better: Better::Lower,
            origin: Origin::Printed("a"),
            main: true,
        };
        let wrong =
            ["", "metric ab 1 ms", "metric a 1 ns", "metric a x ms", "metric a -1 ms", "metric a"];
        for line in wrong {
            assert!(printed("a", &metric, line).is_err(), "{line}");
        }
        assert_eq!(printed("a", &metric, "metric ab 2 ms\nmetric a 1 ms"), Ok(1.0));
    }

    #[test]
    fn reads_histograms() {
        let read = histogram("histogram late us 1.5:3 9:1").unwrap();
        assert_eq!(read, Histogram { name: "late".into(), counts: vec![(1.5, 3), (9.0, 1)] });
        for line in ["", "metric late 1 us", "histogram late", "histogram late us 1.5"] {
            assert!(histogram(line).is_none(), "{line}");
        }
    }

    #[test]
    fn wrong_result_fails() {
        let text = "metric skynet 1 ms\n";
        let why = values("skynet", &ended(1, text)).unwrap_err();
        assert!(why.contains("exit status: 1") && why.contains("why"), "{why}");
        assert!(values("hello", &ended(0, "hullo\n")).is_err());
        assert!(why.starts_with("Failed"), "{why}");
        assert_eq!(values("skynet", &ended(3, "")), Err("Limit(\"why\")".into()));
        let late = Ended { timed_out: true, ..ended(0, text) };
        assert!(values("skynet", &late).unwrap_err().contains("longer than"));
    }
}
