//! S1, `spawn_join`: starts a million empty tasks in batches of a thousand and
//! waits for each batch.
//!
//! An uncounted batch before it checks that the waiting waits; the timed tasks
//! do nothing at all. The group is leaked so that a task holds a plain reference,
//! as Go's do: counting references is not what is measured.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use gort::sync::WaitGroup;
use gort_bench_kit::parameters::spawn_join::{BATCH, TASKS};
use gort_bench_kit::{Wrong, metric, per_op, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));

    static RAN: AtomicU64 = AtomicU64::new(0);
    group.add(BATCH as isize);
    for _ in 0..BATCH {
        gort::go(|| {
            // ORDER: Relaxed: the group's wait publishes the counts to the main task.
            RAN.fetch_add(1, Relaxed);
            group.done();
        });
    }
    group.wait();
    // ORDER: Relaxed: after the wait above nobody counts any more.
    verify("number of tasks that ran", RAN.load(Relaxed), BATCH)?;

    let start = Instant::now();
    for _ in 0..tasks / BATCH {
        group.add(BATCH as isize);
        for _ in 0..BATCH {
            gort::go(|| group.done());
        }
        group.wait();
    }
    metric("spawn_join", per_op(start.elapsed(), tasks), "ns/task");
    Ok(())
}
