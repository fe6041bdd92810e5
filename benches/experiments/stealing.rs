//! BENCH-4: stealing on many processors. One task spawns bursts of tasks that compute for
//! some microseconds each; all others come by stealing. And how long a parked task takes to
//! run after it was made ready.
//!
//! Near and far stealing are the same on a machine with one node.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use gort::channel::bounded;
use gort::sync::WaitGroup;
use gort_bench_kit::{Histogram, Size, Wrong, fail, verify};

use crate::report::{figure, point};

const BURSTS: Size = Size::new(400, 20);
const TASKS: u64 = 1_000;

static RAN: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(_: &str) -> Result<(), Wrong> {
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    let before = gort::runtime::stats();
    let start = Instant::now();
    for _ in 0..BURSTS.get() {
        group.add(TASKS as isize);
        for _ in 0..TASKS {
            gort::go(|| {
                let digits: usize = (0..200_u64).map(|n| black_box(n.to_string()).len()).sum();
                black_box(digits);
                // ORDER: Relaxed: the group's wait publishes the count.
                RAN.fetch_add(1, Relaxed);
                group.done();
            });
        }
        group.wait();
    }
    let elapsed = start.elapsed();
    // ORDER: Relaxed: after the wait nobody counts any more.
    verify("number of tasks that ran", RAN.load(Relaxed), BURSTS.get() * TASKS)?;
    let after = gort::runtime::stats();

    let procs = f64::from(after.procs);
    let (steals, stolen) = (after.steals - before.steals, after.stolen - before.stolen);
    figure("tasks_per_ms", (BURSTS.get() * TASKS) as f64 / elapsed.as_secs_f64() / 1e3, "1/ms");
    figure("steals", steals as f64, "times");
    figure("stolen_each", stolen as f64 / steals.max(1) as f64, "tasks");
    figure("failed_looks", (after.failed_steals - before.failed_steals) as f64, "times");
    figure("handoffs", (after.handoffs - before.handoffs) as f64, "times");
    point("stolen_percent", procs, 100.0 * stolen as f64 / (BURSTS.get() * TASKS) as f64);

    let late = wake_latency()?;
    figure("wake_p50", late.quantile(0.5) as f64 / 1e3, "us");
    figure("wake_p99", late.quantile(0.99) as f64 / 1e3, "us");
    point("wake_p99_us", procs, late.quantile(0.99) as f64 / 1e3);
    Ok(())
}

/// From a send until the receiver, which sleeps, runs.
fn wake_latency() -> Result<Histogram, Wrong> {
    let (sender, receiver) = bounded::<Instant>(0);
    let task = gort::go(move || {
        let mut late = Histogram::new();
        receiver.iter().for_each(|sent| late.record(sent.elapsed().as_nanos() as u64));
        late
    });
    for _ in 0..BURSTS.get() * 5 {
        gort::thread::sleep(std::time::Duration::from_micros(200));
        sender.send(Instant::now()).or_else(|_| fail("the receiver is gone"))?;
    }
    drop(sender);
    task.join().or_else(|_| fail("the receiver panicked"))
}
