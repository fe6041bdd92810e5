//! OBS-4, OBS-5: what the logs say of a real burst agrees with the scheduler's own counts.

mod common;

use gort_sched::{Scheduler, go, thread};
use std::hint::black_box;

/// A burst from one goroutine; the others steal from its processor.
fn burst() {
    let work = || {
        for n in 0..2000u64 {
            black_box(n);
        }
    };
    let all: Vec<_> = (0..500).map(|_| go(work)).collect();
    for g in all {
        g.join().expect("no panic");
    }
}

#[test]
fn a_burst_is_in_the_logs() {
    common::run_migrating(3, || {
        let steals = || Scheduler::with_current(Scheduler::steals).expect("a goroutine");
        let stats = || Scheduler::with_current(Scheduler::stats).expect("a goroutine");
        for _ in 0..10_000 {
            burst();
            if stats().steals > 0 {
                break;
            }
        }
        // Counted before the log is written, and the log is read first: never more in the log.
        let (log, counted) = (steals(), stats());
        let sum = log.near();
        assert!(sum.steals <= counted.steals && sum.stolen <= counted.stolen);
        assert!(sum.steals > 0, "something was stolen: {counted:?}");
        assert_eq!((log.procs, log.far().steals), (3, 0));
        for record in &log.records {
            assert_ne!(record.victim, Some(record.thief));
            assert!(record.taken <= 129, "at most half of a queue: {record:?}");
            assert!(!record.far);
        }
        assert!(log.records.is_sorted_by_key(|record| record.at_ns));
        assert!(log.to_string().contains("same node"));
        thread::yield_now();
    });
}
