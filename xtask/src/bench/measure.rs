//! One run of one workload on one system: its processes, read and verified.

use std::path::Path;
use std::time::Duration;

use super::child::{self, Ended};
use super::spread;
use super::system::System;
use super::workload::{Metric, Origin, Program, Workload};

/// The longest that one process may take. The slowest takes seconds.
const LIMIT: Duration = Duration::from_secs(180);

/// Starts the processes of one run; one value per metric of the workload, in
/// its order, or why there is none.
pub(crate) fn run(
    system: &System,
    workload: &Workload,
    procs: usize,
    folder: &Path,
) -> Result<Vec<f64>, String> {
    let mut per_process = Vec::with_capacity(workload.repeat);
    for _ in 0..workload.repeat {
        let command = system.command(workload, procs);
        let ended = child::run(command, folder, LIMIT)
            .map_err(|error| format!("cannot be started: {error}"))?;
        per_process.push(values(workload, &ended)?);
    }
    let median_of = |metric: usize| {
        let values: Vec<f64> = per_process.iter().map(|values| values[metric]).collect();
        spread::of(&values).map_or(f64::NAN, |spread| spread.median)
    };
    Ok((0..workload.metrics.len()).map(median_of).collect())
}

/// The figures of an ended process.
fn values(workload: &Workload, ended: &Ended) -> Result<Vec<f64>, String> {
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
    workload.metrics.iter().map(|metric| value(metric, ended)).collect()
}

fn value(metric: &Metric, ended: &Ended) -> Result<f64, String> {
    // A peak is far below 2^53 KiB, so that the conversion loses nothing.
    let kib = ended.peak_kib as f64;
    match metric.origin {
        Origin::Printed => printed(metric, &ended.stdout),
        Origin::Wall => Ok(ended.wall.as_secs_f64() * 1e3),
        Origin::PeakKib => Ok(kib),
        Origin::PeakMib => Ok(kib / 1024.0),
    }
}

/// Finds the line `metric NAME VALUE UNIT`.
fn printed(metric: &Metric, stdout: &str) -> Result<f64, String> {
    let Some(rest) = stdout.lines().find_map(|line| {
        line.strip_prefix("metric ")?.strip_prefix(metric.name)?.strip_prefix(' ')
    }) else {
        return Err(format!("printed no metric {}", metric.name));
    };
    let (value, unit) = rest.split_once(' ').unwrap_or((rest, ""));
    if unit != metric.unit {
        return Err(format!("printed {} in '{unit}', not {}", metric.name, metric.unit));
    }
    match value.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("printed {} as '{value}'", metric.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::workload::{Better, WORKLOADS};
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn ended(code: i32, stdout: &str) -> Ended {
        Ended {
            status: ExitStatus::from_raw(code << 8),
            timed_out: false,
            wall: Duration::from_micros(1500),
            peak_kib: 2048,
            stdout: stdout.into(),
            stderr: "why".into(),
        }
    }

    fn workload(name: &str) -> &'static Workload {
        WORKLOADS.iter().find(|workload| workload.name == name).unwrap()
    }

    #[test]
    fn reads_printed_and_taken_figures() {
        let text = "noise\nmetric binary_trees 12.5 ms\n";
        assert_eq!(values(workload("binary_trees"), &ended(0, text)), Ok(vec![12.5, 2.0]));
        assert_eq!(values(workload("hello"), &ended(0, "hello\n")), Ok(vec![1.5, 2048.0]));
    }

    #[test]
    fn a_bad_line_is_no_figure() {
        let metric =
            Metric { name: "a", unit: "ms", better: Better::Lower, origin: Origin::Printed };
        let wrong =
            ["", "metric ab 1 ms", "metric a 1 ns", "metric a x ms", "metric a 0 ms", "metric a"];
        for line in wrong {
            assert!(printed(&metric, line).is_err(), "{line}");
        }
        assert_eq!(printed(&metric, "metric ab 2 ms\nmetric a 1 ms"), Ok(1.0));
    }

    #[test]
    fn wrong_result_fails() {
        let text = "metric skynet 1 ms\n";
        let why = values(workload("skynet"), &ended(1, text)).unwrap_err();
        assert!(why.contains("exit status: 1") && why.contains("why"), "{why}");
        assert!(values(workload("hello"), &ended(0, "hullo\n")).is_err());
        let late = Ended { timed_out: true, ..ended(0, text) };
        assert!(values(workload("skynet"), &late).unwrap_err().contains("longer than"));
    }
}
