//! The simulator: an unchanged program on one processor, with the schedule and the time of a seed.
//!
//! [`run`] makes a scheduler with one processor whose only thread is the caller's: no sysmon, no
//! second thread, no clock but its own. Wherever a program could be switched out on a real
//! machine between two operations of ours, and wherever several goroutines could run next, a policy
//! draws from a seeded generator. So one seed is one schedule, and one log of events. When nobody
//! can run, the virtual time jumps to the next timer; when there is none, it is a deadlock, which is
//! an outcome of the run and not the end of the process.
//!
//! ```
//! use gort_sched::sim::{self, Config};
//! use std::time::Duration;
//!
//! let config = Config { seed: 7, step: Duration::ZERO, ..Config::default() };
//! let report = sim::run(&config, || {
//!     let late = gort_sched::go(|| gort_sched::thread::sleep(Duration::from_secs(3600)));
//!     late.join().unwrap();
//! });
//! assert!(report.outcome.is_ok());
//! assert_eq!(report.time, Duration::from_secs(3600));
//! ```
//!
//! # How it fits in
//! The scheduler's sources are the ones that always run. The processor's slice is declared over once
//! and for all, so every switch passes through `find` on g0, where a simulated thread asks `engine`
//! instead of looking further. The clock is [`gort_sys::clock::VirtualClock`]. What is left are the
//! points ([`point`]) at which a goroutine may be switched out although it could go on: before each
//! operation that others can see. A point is one test of a word that is 0 where nobody simulates.
//!
//! # Limits
//! What goes round the runtime is not simulated: plain threads, `std`'s locks and clock, files, the
//! network. A goroutine that waits for them blocks the one thread there is, or is waited for in real
//! time; such a run may differ from the next with the same seed. See docs/simulation.md.

pub mod atomic;
pub(crate) mod engine;
pub mod mini;
mod policy;
mod report;
mod search;
mod stop;

pub(crate) use stop::{overlooked, panicked};

pub use report::{Blocked, Event, Outcome, Report, What};
pub use search::{Explored, Failure, search};

use crate::m::M;
use crate::scheduler::{self, Migrate, Scheduler};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use engine::Sim;
use gort_stack::Class;
use gort_sys::clock;
use std::time::Duration;

/// Simulations that run in this process.
static SIMULATIONS: AtomicU32 = AtomicU32::new(0);

/// How the unforced choices are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// As the scheduler would: run-next, then the queue; nobody is switched out at a point.
    InOrder,
    /// Each choice by chance, every goroutine alike: a random walk.
    Random,
    /// Probabilistic concurrency testing: goroutines have random priorities, the highest runs, and at
    /// `depth - 1` random steps the one that runs becomes the lowest. A bug that needs `depth`
    /// ordered events in a run of n goroutines and k steps is found with a chance of at least
    /// 1 / (n · k^(depth-1)).
    Pct {
        /// Ordered events; at least 1.
        depth: u32,
    },
    /// One of the two above, by the seed: every third seed walks at random, the others have depths
    /// from 1 to 4.
    Mixed,
}

/// How a simulation is to be.
#[derive(Debug, Clone)]
pub struct Config {
    /// What all choices are drawn from.
    pub seed: u64,
    /// How they are drawn.
    pub strategy: Strategy,
    /// Steps at most: points passed and goroutines switched to.
    pub max_steps: u64,
    /// Virtual time that each step takes, so that a loop which polls a clock comes to an end.
    pub step: Duration,
    /// Of 1000 steps, how many find that the processor was busy elsewhere until the next timer
    /// was due. With 0 no deadline passes while somebody can run.
    pub stalls: u32,
    /// Virtual time that goroutines have to end after the main one has; who has not is a leak.
    pub grace: Duration,
    /// Goroutines that outlive the main one are no fault.
    pub allow_leaks: bool,
    /// Events that the log keeps; later ones are only in the fingerprint.
    pub max_events: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            strategy: Strategy::Mixed,
            max_steps: 1_000_000,
            step: Duration::from_nanos(100),
            stalls: 0,
            grace: Duration::from_secs(1),
            allow_leaks: false,
            max_events: 100_000,
        }
    }
}

/// Runs `f` as the main goroutine of a simulation, and returns when all its goroutines are gone.
///
/// On a goroutine the simulation gets a thread of its own, which the caller's thread waits for.
///
/// # Panics
/// If there is no memory for a scheduler.
pub fn run(config: &Config, f: impl FnOnce() + Send + 'static) -> Report {
    if M::current().is_null() {
        return run_here(config, f);
    }
    let config = config.clone();
    match std::thread::spawn(move || run_here(&config, f)).join() {
        Ok(report) => report,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

fn run_here(config: &Config, f: impl FnOnce() + Send + 'static) -> Report {
    // SAFETY: MIGRATE-1 — there is one thread, so nobody resumes on another. (They then lie in the run
    // queue, not in the list of the bound.)
    let migrate = unsafe { Migrate::yes() };
    let scheduler = Scheduler::new(scheduler::Config {
        procs: 1,
        main_stack: Class::MAIN,
        migrate,
        ..Default::default()
    });
    let s = match scheduler {
        Ok(s) => s,
        Err(e) => panic!("no scheduler for a simulation: {e}"),
    };
    let sim = Sim::new(config, clock::monotonic());
    let main = s.spawn_main(f);
    // ORDER: Relaxed — this thread itself looks.
    SIMULATIONS.fetch_add(1, Relaxed);
    sim.serve(&s, &main);
    // ORDER: Relaxed — as above.
    SIMULATIONS.fetch_sub(1, Relaxed);
    let ended = sim.all_ended();
    drop(main);
    let report = sim.into_report();
    if ended {
        s.shut_down(Duration::from_secs(1));
    } else {
        // Somebody is still on his stack, and would not leave.
        core::mem::forget(s);
    }
    report
}

/// A place where a simulation may switch to another goroutine; elsewhere nothing. For programs that
/// synchronise by other means than ours: call it before each access that others can see.
#[inline]
pub fn point() {
    at("point");
}

/// As [`point`], with a word for the log; for primitives.
#[doc(hidden)]
#[inline(always)]
pub fn at(what: &'static str) {
    // ORDER: Relaxed — a thread that simulates has counted itself.
    if SIMULATIONS.load(Relaxed) != 0 {
        engine::pass(what, true);
    }
}

/// As [`at`], where unwinding would do harm: in destructors. Where a value is at hand that has to be
/// dropped, it is also cheaper.
#[doc(hidden)]
#[inline(always)]
pub fn at_drop(what: &'static str) {
    // ORDER: Relaxed — as in `at`.
    if SIMULATIONS.load(Relaxed) != 0 {
        engine::pass_quietly(what.as_ptr(), what.len());
    }
}

/// A number by which a primitive chooses among equals, if the caller is simulated.
#[doc(hidden)]
#[inline(always)]
pub fn draw() -> Option<u64> {
    // ORDER: Relaxed — as in `at`.
    if SIMULATIONS.load(Relaxed) == 0 { None } else { engine::draw() }
}

/// Whether the process has a simulation.
#[inline(always)]
pub(crate) fn is_going_on() -> bool {
    // ORDER: Relaxed — as in `at`.
    SIMULATIONS.load(Relaxed) != 0
}

/// Whether the calling goroutine is simulated.
pub fn is_simulated() -> bool {
    // ORDER: Relaxed — as in `at`.
    SIMULATIONS.load(Relaxed) != 0 && Sim::of_thread().is_some()
}
