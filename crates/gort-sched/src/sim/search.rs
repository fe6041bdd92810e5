//! [`search`]: many seeds, until one finds something.

use super::{Config, Outcome, Report, run};
use core::fmt;
use std::sync::Arc;

/// What an exploration without a find has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// Schedules run.
    pub schedules: u64,
    /// How many of them were different from all before.
    pub distinct: u64,
    /// Steps of all.
    pub steps: u64,
}

/// An exploration found a schedule that fails.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The failing run, with its log. Its seed repeats it.
    pub report: Report,
    /// Schedules run before.
    pub passed: u64,
    /// The seed was run a second time, for the log, and the runs were the same. If not, the program
    /// depends on more than the seed.
    pub repeats: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schedule {} of the search failed: {}", self.passed + 1, self.report)?;
        if !self.repeats {
            f.write_str(
                "\n(the same seed has run differently a second time: the program depends on something \
                 that is not simulated, such as a plain thread, std's clock, or what an earlier run left)",
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Runs `f` under `iterations` seeds, from `config.seed` on, and stops at the first that panics,
/// deadlocks, leaks, or comes to the limit of steps.
///
/// # Errors
/// The failing run.
///
/// # Panics
/// As [`run`].
pub fn search(
    config: &Config,
    iterations: u64,
    f: impl Fn() + Send + Sync + 'static,
) -> Result<Explored, Box<Failure>> {
    let f = Arc::new(f);
    let once = |config: &Config| {
        let f = Arc::clone(&f);
        run(config, move || f())
    };
    let mut seen = std::collections::HashSet::new();
    let mut explored = Explored::default();
    for n in 0..iterations {
        let config = Config { seed: config.seed.wrapping_add(n), ..config.clone() };
        let quick = once(&Config { max_events: 0, ..config.clone() });
        if quick.outcome != Outcome::Ok {
            let report = once(&config);
            let repeats = report.fingerprint == quick.fingerprint;
            let report = if repeats { report } else { Report { events: Vec::new(), ..quick } };
            return Err(Box::new(Failure { report, passed: n, repeats }));
        }
        explored.schedules += 1;
        explored.steps += quick.steps;
        explored.distinct += u64::from(seen.insert(quick.fingerprint));
    }
    Ok(explored)
}
