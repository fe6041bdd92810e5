//! The simulator for tests: [`explore`], and what `#[gort::test(seed = ..)]` expands to.
//!
//! The simulator itself is [`gort_sched::sim`]. Here it meets the environment: where `GORT_SIM_SEED`
//! names a seed, an exploration runs that alone and prints its log, so that a failure of a test run is
//! repeated by one word before the same command.

use crate::env::Env;
use gort_sched::sim::{Config, Explored, Report, run, search};
use std::process::{ExitCode, Termination};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs `f` as the main goroutine of `iterations` simulations with different seeds, or under the
/// seed that `GORT_SIM_SEED` names.
///
/// ```
/// gort_boot::sim::explore(50, || {
///     let handle = gort_sched::go(|| 1);
///     assert_eq!(handle.join().unwrap(), 1);
/// });
/// ```
///
/// # Panics
/// If a schedule ends by a panic, a deadlock, a leak or the limit of steps: the message has the seed
/// and the word that repeats it. Or if the environment is not understood.
pub fn explore(iterations: u64, f: impl Fn() + Send + Sync + 'static) -> Explored {
    explore_with(&Config::default(), iterations, f)
}

/// As [`explore`], with settings; the first seed is the settings' own.
///
/// # Panics
/// As [`explore`].
pub fn explore_with(
    config: &Config,
    iterations: u64,
    f: impl Fn() + Send + Sync + 'static,
) -> Explored {
    let env = Env::read().unwrap_or_else(|e| panic!("gort: cannot start: {e}"));
    if let Some(seed) = env.sim_seed {
        let report = run(&Config { seed, ..config.clone() }, f);
        eprint!("{}", report.log());
        eprintln!("{report}");
        assert!(report.outcome.is_ok(), "{report}");
        return Explored::default();
    }
    match search(config, iterations, f) {
        Ok(explored) => explored,
        Err(failure) => panic!(
            "{failure}\nrepeat it, with its log: GORT_SIM_SEED={} and the same command",
            failure.report.seed
        ),
    }
}

/// A simulated test: one seed, or an exploration. The value is that of the last run.
#[doc(hidden)]
pub fn test<R>(seed: Option<u64>, iterations: Option<u64>, f: fn() -> R) -> R
where
    R: Termination + Send + 'static,
{
    if let Some(iterations) = iterations {
        let config = Config { seed: seed.unwrap_or(0), ..Config::default() };
        explore_with(&config, iterations, move || {
            assert!(f().report() == ExitCode::SUCCESS, "the test has returned a failure");
        });
    }
    let (report, result) = once(seed.unwrap_or(0), f);
    match result {
        Some(result) if report.outcome.is_ok() => result,
        _ => panic!("{report}\nthe log:\n{}", report.log()),
    }
}

fn once<R: Send + 'static>(seed: u64, f: fn() -> R) -> (Report, Option<R>) {
    let slot = Arc::new(Mutex::new(None));
    let inner = Arc::clone(&slot);
    let report = run(&Config { seed, ..Config::default() }, move || {
        let result = f();
        *inner.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    });
    let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    (report, result)
}
