//! One test on goroutines in both modes, on one processor and on two, and on plain threads.
#![allow(dead_code, reason = "each test file uses its part")]

use gort_sched::testing;
use std::time::{Duration, Instant};

/// A goroutine or a thread.
pub(crate) enum Task<T> {
    Goroutine(gort_sched::JoinHandle<T>),
    Thread(std::thread::JoinHandle<T>),
}

impl<T> Task<T> {
    pub(crate) fn join(self) -> T {
        match self {
            Self::Goroutine(g) => g.join().expect("a goroutine"),
            Self::Thread(t) => t.join().expect("a thread"),
        }
    }
}

/// What the caller is, once more.
pub(crate) fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    match gort_sched::thread::goroutine_id() {
        Some(_) => Task::Goroutine(gort_sched::go(f)),
        None => Task::Thread(std::thread::spawn(f)),
    }
}

/// Runs `f` in all worlds.
pub(crate) fn everywhere(f: fn()) {
    on_goroutines(f);
    f();
}

/// Runs `f` as a goroutine, in both modes.
pub(crate) fn on_goroutines(f: fn()) {
    for procs in [1, 2] {
        testing::run(procs, f);
        // SAFETY: MIGRATE-1 of gort-sched — the tests keep nothing of a thread's over a park.
        unsafe { testing::run_migrating(procs, f) };
    }
}

/// Waits until `f` says so; for at most ten seconds.
pub(crate) fn until(f: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !f() {
        assert!(Instant::now() < end, "it does not come");
        gort_sched::thread::sleep(Duration::from_millis(1));
    }
}

/// A pause in which a task that was just spawned gets to its wait.
pub(crate) fn pause() {
    gort_sched::thread::sleep(Duration::from_millis(5));
}
