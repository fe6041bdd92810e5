//! The order of the runs: within a workload the systems alternate.
//!
//! A machine's speed drifts by much more than the differences that matter, so a
//! system's runs must not stand in one block: the run of A and the run of B that
//! stand next to each other are a pair, and the ratio is taken from pairs.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::{env, fs, io, process};

use super::options::Options;
use super::system::System;
use super::workload::Workload;
use super::{measure, memory};

/// All counted runs of one system on one workload with one number of processors.
#[derive(Debug)]
pub(crate) struct Series<'a> {
    pub(crate) workload: &'static Workload,
    pub(crate) procs: usize,
    pub(crate) system: &'a System,
    /// One row per run, one value per metric.
    pub(crate) runs: Vec<Vec<f64>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    pub(crate) series: Vec<Series<'a>>,
    /// One line per system and workload that failed.
    pub(crate) failures: Vec<String>,
}

/// Runs everything that was asked for, one process at a time.
pub(crate) fn run<'a>(options: &Options, systems: &'a [System]) -> Outcome<'a> {
    let folder = env::temp_dir().join(format!("gort-bench-{}", process::id()));
    let mut outcome = Outcome::default();
    if let Err(error) = fs::create_dir_all(&folder) {
        outcome.failures.push(format!("  {} cannot be made: {error}", folder.display()));
        return outcome;
    }
    let mut progress = Progress::new();
    for workload in &options.workloads {
        let all_procs = workload.procs_of(&options.procs);
        if all_procs.is_empty() {
            progress.note(&format!("{}: defined for one processor, skipped", workload.name));
        }
        if workload.touch_mib > 0 && !all_procs.is_empty() {
            progress.step(&format!("{}: touching memory", workload.name));
            memory::touch(workload.touch_mib);
        }
        for procs in all_procs {
            let mut measure = |system: &System, round: usize| {
                let (name, of) = (workload.name, options.runs);
                let round = match (round + 1).checked_sub(options.warm_ups) {
                    None | Some(0) => "warm-up".to_string(),
                    Some(counted) => format!("run {counted} of {of}"),
                };
                progress.step(&format!("{name} P={procs}: {}, {round}", system.name));
                measure::run(system, workload, procs, &folder)
            };
            let (runs, failed) = alternate(systems, options.warm_ups, options.runs, &mut measure);
            for (system, why) in failed {
                let failure = format!("  {} P={procs}, {}: {why}", workload.name, system.name);
                progress.note(failure.trim_start());
                outcome.failures.push(failure);
            }
            outcome.series.extend(runs.into_iter().map(|(system, runs)| Series {
                workload,
                procs,
                system,
                runs,
            }));
        }
    }
    progress.clear();
    remove(&folder);
    outcome
}

fn remove(folder: &Path) {
    // It holds two small files; leaving them behind harms nobody.
    drop(fs::remove_dir_all(folder));
}

type Runs<'a> = Vec<(&'a System, Vec<Vec<f64>>)>;

/// A B A B ..: the counted runs of every system that did not fail, and the
/// failures. A system that failed once is not run again.
fn alternate<'a>(
    systems: &'a [System],
    warm_ups: usize,
    runs: usize,
    measure: &mut impl FnMut(&System, usize) -> Result<Vec<f64>, String>,
) -> (Runs<'a>, Vec<(&'a System, String)>) {
    let mut good: Runs<'a> = systems.iter().map(|system| (system, Vec::new())).collect();
    let mut failed = Vec::new();
    for round in 0..warm_ups + runs {
        good.retain_mut(|(system, rows)| match measure(system, round) {
            Ok(row) => {
                if round >= warm_ups {
                    rows.push(row);
                }
                true
            }
            Err(why) => {
                failed.push((*system, why));
                false
            }
        });
    }
    (good, failed)
}

/// The line that tells a waiting person what is going on. On a terminal it is
/// overwritten; elsewhere only notes are printed.
struct Progress {
    terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal() }
    }

    fn step(&mut self, text: &str) {
        if self.terminal {
            self.write(&format!("\r\x1b[K{text}"));
        }
    }

    fn note(&mut self, text: &str) {
        self.clear();
        self.write(&format!("bench: {text}\n"));
    }

    fn clear(&mut self) {
        if self.terminal {
            self.write("\r\x1b[K");
        }
    }

    fn write(&mut self, text: &str) {
        let mut stderr = io::stderr();
        // Nobody may be listening; that is no reason to stop measuring.
        drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn systems() -> [System; 2] {
        ["a", "b"].map(|name| System {
            name,
            version: "1".into(),
            bench: PathBuf::new(),
            hello: PathBuf::new(),
        })
    }

    #[test]
    fn systems_alternate_and_warm_up_is_not_counted() {
        let systems = systems();
        let mut order = Vec::new();
        let (runs, failed) = alternate(&systems, 1, 2, &mut |system, round| {
            order.push((system.name, round));
            Ok(vec![order.len() as f64])
        });
        assert_eq!(order, [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]);
        assert!(failed.is_empty());
        assert_eq!(runs[0].1, [[3.0], [5.0]]);
        assert_eq!(runs[1].1, [[4.0], [6.0]]);
    }

    #[test]
    fn a_failed_system_is_not_run_again() {
        let systems = systems();
        let mut started = 0;
        let (runs, failed) = alternate(&systems, 0, 3, &mut |system, round| {
            started += 1;
            if system.name == "a" && round == 1 { Err("wrong".into()) } else { Ok(vec![1.0]) }
        });
        assert_eq!(started, 5);
        assert_eq!((runs.len(), runs[0].0.name, runs[0].1.len()), (1, "b", 3));
        assert_eq!((failed[0].0.name, failed[0].1.as_str()), ("a", "wrong"));
    }
}
