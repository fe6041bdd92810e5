//! A whole scheduler for the length of one closure, for tests and examples of single layers.

use crate::scheduler::{Config, Migrate, SchedError, Scheduler};
use crate::{JoinHandle, join};
use std::time::Duration;

/// Runs `f` as the main goroutine of a fresh scheduler with `procs` processors, and returns its
/// result when the scheduler has ended and all its threads were joined.
///
/// # Panics
/// If `f` panics, the scheduler cannot be made, or a goroutine does not end.
pub fn run<T: Send + 'static>(procs: u32, f: impl FnOnce() -> T + Send + 'static) -> T {
    run_with(Config { procs, ..Config::default() }, f)
}

/// As [`run`], with goroutines that migrate between threads.
///
/// # Safety
/// As [`Migrate::yes`].
///
/// # Panics
/// As [`run`].
pub unsafe fn run_migrating<T: Send + 'static>(
    procs: u32,
    f: impl FnOnce() -> T + Send + 'static,
) -> T {
    // SAFETY: MIGRATE-1 — the caller's promise.
    let migrate = unsafe { Migrate::yes() };
    run_with(Config { procs, migrate, ..Config::default() }, f)
}

/// As [`run`], with a whole configuration.
///
/// # Panics
/// As [`run`].
pub fn run_with<T: Send + 'static>(config: Config, f: impl FnOnce() -> T + Send + 'static) -> T {
    match try_run(config, f) {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => std::panic::resume_unwind(payload),
        Err(e) => panic!("no scheduler: {e}"),
    }
}

/// As [`run`], with the errors and panics as values.
///
/// # Errors
/// The scheduler or its first thread could not be made.
///
/// # Panics
/// If a goroutine does not end within ten seconds of the main one.
pub fn try_run<T: Send + 'static>(
    config: Config,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<join::Result<T>, SchedError> {
    let s = Scheduler::new(config)?;
    s.start_sysmon()?;
    let main: JoinHandle<T> = s.spawn_main(f);
    s.begin();
    let result = main.join();
    assert!(s.shut_down(Duration::from_secs(10)), "a goroutine does not end");
    Ok(result)
}
