//! What the tests share: a body runs on plain threads, and again on goroutines.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where a body runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    Threads,
    Goroutines,
}

/// Something that was started.
pub(crate) enum Task<T> {
    Thread(std::thread::JoinHandle<T>),
    Goroutine(gort_sched::JoinHandle<T>),
}

impl World {
    /// Starts `f` beside the caller.
    pub(crate) fn go<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        match self {
            World::Threads => Task::Thread(std::thread::spawn(f)),
            World::Goroutines => Task::Goroutine(gort_sched::go(f)),
        }
    }
}

impl<T> Task<T> {
    pub(crate) fn join(self) -> T {
        self.try_join().expect("the task did not panic")
    }

    pub(crate) fn try_join(self) -> std::thread::Result<T> {
        match self {
            Task::Thread(handle) => handle.join(),
            Task::Goroutine(handle) => handle.join(),
        }
    }
}

/// Runs `body` in both worlds, and with goroutines that stay on their threads or migrate.
pub(crate) fn both(body: fn(World)) {
    body(World::Threads);
    gort_sched::testing::run(2, move || body(World::Goroutines));
    // SAFETY: MIGRATE-1 of gort-sched — no body keeps anything of its thread while it waits.
    unsafe { gort_sched::testing::run_migrating(2, move || body(World::Goroutines)) };
}

/// Runs `body` on goroutines of one processor: who is started before a pause waits after it.
pub(crate) fn one_processor(body: fn(World)) {
    gort_sched::testing::run(1, move || body(World::Goroutines));
}

/// Gives others the time to get where they wait. Only on one processor is it certain that they
/// do; elsewhere a test has to be right without it.
pub(crate) fn pause() {
    gort_sync::sleep(ms(5));
}

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A value whose copies are counted: each must be dropped exactly once.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) value: u64,
    alive: Arc<AtomicUsize>,
}

/// Makes counted values.
#[derive(Clone, Default)]
pub(crate) struct Mint {
    alive: Arc<AtomicUsize>,
}

impl Mint {
    pub(crate) fn coin(&self, value: u64) -> Counted {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Counted { value, alive: Arc::clone(&self.alive) }
    }

    /// Values that exist.
    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.alive.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "a value was dropped twice");
    }
}

/// A small generator for stress tests.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}
