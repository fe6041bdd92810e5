//! S8, `parked_1m` and `parked_100k`: blocks so many coroutines in a receive on one
//! channel, reads how much memory they hold, closes it and waits for all of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort_bench_kit::{Wrong, metric, per_op, resident_bytes, verify};
use may::go;
use may::sync::mpmc::channel;

use crate::stacks;

static BLOCKED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(name: &str, tasks: u64) -> Result<(), Wrong> {
    stacks::enough_for(tasks)?;
    let (opener, gate) = channel::<()>();
    let before = resident_bytes()?;

    let start = Instant::now();
    let mut handles = Vec::with_capacity(tasks as usize);
    for _ in 0..tasks {
        let gate = gate.clone();
        handles.push(go!(move || {
            // ORDER: Relaxed: only the count matters, nothing is published by it.
            BLOCKED.fetch_add(1, Relaxed);
            gate.recv().is_err()
        }));
    }
    // ORDER: Relaxed: as above. This thread is no coroutine: it must not take a worker's place.
    while BLOCKED.load(Relaxed) < tasks {
        std::thread::sleep(Duration::from_micros(50));
    }
    let spawning = start.elapsed();
    let resident = resident_bytes()?.saturating_sub(before);

    let start = Instant::now();
    drop(opener);
    let woken =
        handles.into_iter().filter_map(|task| task.join().ok()).filter(|woke| *woke).count();
    let waking = start.elapsed();

    verify("number of tasks that woke", woken as u64, tasks)?;
    metric(&format!("{name}_spawn"), per_op(spawning, tasks), "ns/task");
    metric(&format!("{name}_rss"), resident as f64 / tasks as f64, "bytes/task");
    metric(&format!("{name}_wake"), per_op(waking, tasks), "ns/task");
    Ok(())
}
