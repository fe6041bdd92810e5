//! SHARD-1: sharded values lose nothing and show nothing to two at a time, on threads and in the simulator.

use gort_sched::sim::{self, search};
use gort_sched::testing::run_with;
use gort_sched::{Config, Migrate, Scheduler, Sharded, go, thread};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn sum(sharded: &Sharded<u64>) -> u64 {
    sharded.fold(0, |sum, n| sum + *n)
}

#[test]
fn inside_another_it_is_another_shard() {
    let all = Sharded::<u64>::default();
    let before = all.shards();
    fn nest(all: &Sharded<u64>, depth: usize) {
        all.with(|n| {
            *n += 1;
            let seen = *n;
            if depth > 0 {
                nest(all, depth - 1);
            }
            assert_eq!(*n, seen, "another had it meanwhile");
        });
    }
    nest(&all, before + 3);
    assert_eq!((sum(&all), all.shards()), (before as u64 + 4, before + 4));
    // They are used again.
    nest(&all, before + 3);
    assert_eq!((sum(&all), all.shards()), (2 * (before as u64 + 4), before + 4));
}

#[test]
fn a_panic_gives_the_shard_back() {
    let all = Sharded::<u64>::new(|| 5);
    let shards = all.shards();
    for _ in 0..100 {
        let thrown = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            all.with(|n| {
                *n += 1;
                std::panic::resume_unwind(Box::new(()));
            })
        }));
        assert!(thrown.is_err());
    }
    assert_eq!((sum(&all), all.shards()), (100 + 5 * shards as u64, shards));
}

#[test]
fn what_it_holds_is_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let live = Arc::new(AtomicUsize::new(0));
    let made = Arc::clone(&live);
    let mut all = Sharded::new(move || {
        made.fetch_add(1, SeqCst);
        Counted(Arc::clone(&made))
    });
    fn nest(all: &Sharded<Counted>, depth: usize) {
        all.with(|_| {
            if depth > 0 {
                nest(all, depth - 1)
            }
        });
    }
    nest(&all, all.shards() + 5);
    assert_eq!(live.load(SeqCst), all.shards());
    let mut seen = 0;
    all.for_each_mut(|_| seen += 1);
    assert_eq!(seen, all.shards());
    drop(all);
    assert_eq!(live.load(SeqCst), 0);
}

/// SHARD-1 on plain threads, more than there are shards.
#[test]
fn threads_lose_nothing() {
    const TIMES: u64 = 100_000;
    let all = Arc::new(Sharded::<u64>::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let all = Arc::clone(&all);
            std::thread::spawn(move || (0..TIMES).for_each(|_| all.with(|t| *t += 1)))
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(sum(&all), 4 * TIMES);
}

/// Goroutines that add, some of which wait while they have a shard; plain threads beside them.
fn add(goroutines: u64, times: u64, on_threads: bool, set_procs: bool) {
    let all = Arc::new(Sharded::<u64>::default());
    let adders: Vec<_> = (0..goroutines)
        .map(|n| {
            let all = Arc::clone(&all);
            go(move || {
                for i in 0..times {
                    all.with(|t| {
                        let before = *t;
                        if (n + i) % 5 == 0 {
                            thread::yield_now();
                        } else {
                            sim::point();
                        }
                        *t = before + 1;
                    });
                    if set_procs && i % 7 == n % 7 {
                        let procs = 1 + ((n + i) % 4) as u32;
                        assert!(Scheduler::with_current(|s| s.set_procs(procs)).is_some());
                    }
                }
            })
        })
        .collect();
    let plain = on_threads.then(|| {
        let all = Arc::clone(&all);
        std::thread::spawn(move || (0..times).for_each(|_| all.with(|t| *t += 1)))
    });
    // Someone who sums up meanwhile sees no more than there will be.
    let total = goroutines * times + if on_threads { times } else { 0 };
    assert!(sum(&all) <= total);
    adders.into_iter().for_each(|g| g.join().unwrap());
    plain.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(sum(&all), total);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// SHARD-1 on threads, while the number of processors changes.
    #[test]
    fn nothing_is_lost(goroutines in 1..20u64, times in 1..60u64, procs in 1..4u32, migrate: bool) {
        // SAFETY: MIGRATE-1 — nothing here keeps thread-local state over a park.
        let migrate = if migrate { unsafe { Migrate::yes() } } else { Migrate::NO };
        run_with(Config { procs, migrate, ..Config::default() }, move || add(goroutines, times, true, true));
    }
}

/// SHARD-1 where any goroutine is switched out at any point.
#[test]
fn nothing_is_lost_under_any_schedule() {
    let found = search(&sim::Config::default(), 300, || add(4, 4, false, false));
    found.unwrap_or_else(|f| panic!("{f}"));
}
