//! S8, `parked_1m` and `parked_100k`: blocks so many tasks in a receive on one
//! channel, reads how much memory they hold, closes the channel and waits for
//! all of them.
//!
//! The channel and the group are leaked so that a task holds plain references,
//! as Go's do.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use gort::channel::{Receiver, bounded};
use gort::sync::WaitGroup;
use gort_bench_kit::{Wrong, metric, per_op, resident_bytes, verify};

static BLOCKED: AtomicU64 = AtomicU64::new(0);
static WOKEN: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(name: &str, tasks: u64) -> Result<(), Wrong> {
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    let (opener, gate) = bounded::<()>(0);
    let gate: &'static Receiver<()> = Box::leak(Box::new(gate));
    let before = resident_bytes()?;

    let start = Instant::now();
    group.add(tasks as isize);
    for _ in 0..tasks {
        gort::go(|| {
            // ORDER: Relaxed: only the count matters, nothing is published by it.
            BLOCKED.fetch_add(1, Relaxed);
            if gate.recv().is_err() {
                // ORDER: Relaxed: the group's wait publishes the counts to the main task.
                WOKEN.fetch_add(1, Relaxed);
            }
            group.done();
        });
    }
    // The spawning ends when the last of them has come to its receive.
    // ORDER: Relaxed: only the count matters.
    while BLOCKED.load(Relaxed) < tasks {
        gort::thread::yield_now();
    }
    let spawning = start.elapsed();
    let resident = resident_bytes()?.saturating_sub(before);

    let start = Instant::now();
    drop(opener);
    group.wait();
    let waking = start.elapsed();

    // ORDER: Relaxed: after the wait above nobody counts any more.
    verify("number of tasks that woke", WOKEN.load(Relaxed), tasks)?;
    metric(&format!("{name}_spawn"), per_op(spawning, tasks), "ns/task");
    metric(&format!("{name}_rss"), resident as f64 / tasks as f64, "bytes/task");
    metric(&format!("{name}_wake"), per_op(waking, tasks), "ns/task");
    Ok(())
}
