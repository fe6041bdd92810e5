//! How the tests of this crate run their goroutines.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

use gort_sched::testing::run_with;
use gort_sched::{Config, Migrate};

/// Nothing in these tests keeps thread-local state over a park.
pub fn config(procs: u32, migrate: bool) -> Config {
    // SAFETY: MIGRATE-1 — as said above.
    let migrate = if migrate { unsafe { Migrate::yes() } } else { Migrate::NO };
    Config { procs, migrate, ..Config::default() }
}

pub fn run_migrating<T: Send + 'static>(procs: u32, f: impl FnOnce() -> T + Send + 'static) -> T {
    run_with(config(procs, true), f)
}
