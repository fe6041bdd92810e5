//! The order of the runs: within a case the systems alternate.
//!
//! A machine's speed drifts by much more than the differences that matter, so a
//! system's runs must not stand in one block: the run of A and the run of B that
//! stand next to each other are a pair, and the ratio is taken from pairs.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use crate::bench::options::Options;
use crate::bench::runs::measure::{self, Run, Why};
use crate::bench::runs::memory;
use crate::bench::runs::progress::Progress;
use crate::bench::runs::spin::Hogs;
use crate::bench::systems::system::{How, System};
use crate::bench::workload::{Case, Workload};

/// All counted runs of one system on one case with one number of processors.
#[derive(Debug)]
pub(crate) struct Series<'a> {
    pub(crate) workload: &'static Workload,
    pub(crate) case: &'static Case,
    pub(crate) procs: usize,
    pub(crate) system: &'a System,
    pub(crate) runs: Vec<Run>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome<'a> {
    pub(crate) series: Vec<Series<'a>>,
    pub(crate) failures: Vec<Failed>,
}

/// A system that did not get through a case.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) case: &'static str,
    pub(crate) procs: usize,
    pub(crate) system: &'static str,
    pub(crate) why: Why,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} P={}, {}: {}", self.case, self.procs, self.system, self.why)
    }
}

/// Runs everything that was asked for, one process at a time.
pub(crate) fn run<'a>(
    options: &Options,
    systems: &'a [System],
    how: &How<'_>,
) -> Result<Outcome<'a>, String> {
    let folder = env::temp_dir().join(format!("gort-bench-{}", process::id()));
    fs::create_dir_all(&folder)
        .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut bench = Bench {
        options,
        systems,
        how,
        folder: &folder,
        progress: Progress::new(count(options, systems, how)),
        outcome: Outcome::default(),
    };
    for workload in &options.workloads {
        bench.workload(workload);
    }
    bench.progress.clear();
    let outcome = bench.outcome;
    // It holds two small files; leaving them behind harms nobody.
    drop(fs::remove_dir_all(&folder));
    Ok(outcome)
}

/// The number of runs to come, so that the progress can say how far it is.
fn count(options: &Options, systems: &[System], how: &How<'_>) -> usize {
    let mut able = 0;
    for workload in &options.workloads {
        let procs = workload.procs_of(&options.procs).len();
        for case in workload.cases {
            let can = |system: &&System| system.command(workload, case, 1, how).is_some();
            able += procs * systems.iter().filter(can).count();
        }
    }
    able * (options.warm_ups + options.runs)
}

struct Bench<'a, 'o> {
    options: &'o Options,
    systems: &'a [System],
    how: &'o How<'o>,
    folder: &'o Path,
    progress: Progress,
    outcome: Outcome<'a>,
}

impl Bench<'_, '_> {
    fn workload(&mut self, workload: &'static Workload) {
        let all_procs = workload.procs_of(&self.options.procs);
        if all_procs.is_empty() {
            self.progress.note(&format!("{}: not defined for these processors", workload.name));
            return;
        }
        if workload.touch_mib > 0 && !self.how.quick {
            self.progress.say(&format!("{}: touching memory", workload.name));
            memory::touch(workload.touch_mib);
        }
        for procs in all_procs {
            for case in workload.cases {
                self.case(workload, case, procs);
            }
        }
    }

    fn case(&mut self, workload: &'static Workload, case: &'static Case, procs: usize) {
        let (options, how, folder) = (self.options, self.how, self.folder);
        let can = |system: &&System| system.command(workload, case, procs, how).is_some();
        let able: Vec<&System> = self.systems.iter().filter(can).collect();
        let repeat = if how.quick { workload.repeat.min(3) } else { workload.repeat };
        let progress = &mut self.progress;
        let mut measure = |system: &System, round: usize| {
            let round = match (round + 1).checked_sub(options.warm_ups) {
                None | Some(0) => "warm-up".to_string(),
                Some(counted) => format!("run {counted} of {}", options.runs),
            };
            progress.step(&format!("{} P={procs}: {}, {round}", case.name, system.name));
            let _hogs = workload.hogs.then(Hogs::start).transpose().map_err(Why::Failed)?;
            let command = || {
                let command = system.command(workload, case, procs, how);
                command.unwrap_or_else(|| unreachable!("{} was able", system.name))
            };
            measure::run(command, workload, case, repeat, folder)
        };
        let (runs, failed) = alternate(&able, options.warm_ups, options.runs, &mut measure);
        // A slow system is run less often than was counted.
        let (made, meant) = (runs.iter().map(|(_, runs)| runs.len()), options.runs);
        self.progress.skip(made.map(|made| meant - made).sum());
        for (system, round, why) in failed {
            self.progress.skip(options.warm_ups + options.runs - round - 1);
            let failed = Failed { case: case.name, procs, system: system.name, why };
            self.progress.note(&failed.to_string());
            self.outcome.failures.push(failed);
        }
        self.outcome.series.extend(runs.into_iter().map(|(system, runs)| Series {
            workload,
            case,
            procs,
            system,
            runs,
        }));
    }
}

/// A system whose run takes longer than this is run once and no more: where the others
/// need a second, more of it would say nothing new. The timed workloads are shorter.
const SLOW: Duration = Duration::from_secs(30);

type Runs<'a, T> = Vec<(&'a System, Vec<T>)>;

/// A B A B ..: the counted runs of every system that did not fail; and the
/// failures, with their round. A system that failed once is not run again, nor one
/// that is far too slow.
fn alternate<'a, T, E>(
    systems: &[&'a System],
    warm_ups: usize,
    runs: usize,
    measure: &mut impl FnMut(&System, usize) -> Result<T, E>,
) -> (Runs<'a, T>, Vec<(&'a System, usize, E)>) {
    let mut good: Runs<'a, T> = systems.iter().map(|system| (*system, Vec::new())).collect();
    let mut failed = Vec::new();
    let mut slow: Vec<&str> = Vec::new();
    for round in 0..warm_ups + runs {
        good.retain_mut(|(system, rows)| {
            if slow.contains(&system.name) {
                return true;
            }
            let start = Instant::now();
            match measure(system, round) {
                Ok(row) => {
                    let is_slow = start.elapsed() > SLOW;
                    if is_slow {
                        slow.push(system.name);
                    }
                    // What takes so long needs no warm-up.
                    if round >= warm_ups || is_slow {
                        rows.push(row);
                    }
                    true
                }
                Err(why) => {
                    failed.push((*system, round, why));
                    false
                }
            }
        });
    }
    (good, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_alternate_and_warm_up_is_not_counted() {
        let (a, b) = (System::named("a"), System::named("b"));
        let mut order = Vec::new();
        let (runs, failed) = alternate(&[&a, &b], 1, 2, &mut |system, round| {
            order.push((system.name, round));
            Ok::<_, ()>(order.len())
        });
        assert_eq!(order, [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]);
        assert!(failed.is_empty());
        assert_eq!((&runs[0].1[..], &runs[1].1[..]), (&[3, 5][..], &[4, 6][..]));
    }

    #[test]
    fn a_failed_system_is_not_run_again() {
        let (a, b) = (System::named("a"), System::named("b"));
        let mut started = 0;
        let (runs, failed) = alternate(&[&a, &b], 0, 3, &mut |system, round| {
            started += 1;
            if system.name == "a" && round == 1 { Err("wrong") } else { Ok(()) }
        });
        assert_eq!(started, 5);
        assert_eq!((runs.len(), runs[0].0.name, runs[0].1.len()), (1, "b", 3));
        assert_eq!((failed[0].0.name, failed[0].1, failed[0].2), ("a", 1, "wrong"));
    }
}
