//! S11, `timers`: a hundred thousand tasks sleep ten times, 1 to 10 ms each; how late
//! each wakes is noted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort_bench_kit::machine::cpu_millis;
use gort_bench_kit::parameters::timers::{SLEEPS, TASKS};
use gort_bench_kit::{Histogram, Random, Wrong, fail, metric, millis, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    // A place for each sleep, touched before: noting costs a store.
    let late: Vec<AtomicU64> = (0..tasks * SLEEPS).map(|_| AtomicU64::new(u64::MAX)).collect();
    let late: &'static [AtomicU64] = late.leak();

    let (wall, cpu) = runtime::run(async move {
        let (start, cpu) = (Instant::now(), cpu_millis());
        let mut handles = Vec::with_capacity(tasks as usize);
        for task in 0..tasks {
            let from = (task * SLEEPS) as usize;
            handles.push(tokio::spawn(nap(task, &late[from..from + SLEEPS as usize])));
        }
        for handle in handles {
            handle.await.or_else(fail)?;
        }
        Ok((start.elapsed(), cpu_millis() - cpu))
    })?;

    let mut histogram = Histogram::new();
    // ORDER: Relaxed: the joins have published what the tasks noted.
    let noted = late.iter().map(|place| place.load(Relaxed)).filter(|nanos| *nanos != u64::MAX);
    noted.for_each(|nanos| histogram.record(nanos));
    verify("number of sleeps", histogram.total(), tasks * SLEEPS)?;
    metric("timers_wall", millis(wall), "ms");
    metric("timers_cpu", cpu, "ms");
    histogram.report("timers_late", &[50.0, 99.0]);
    Ok(())
}

async fn nap(task: u64, places: &'static [AtomicU64]) {
    let mut random = Random::new(task);
    for place in places {
        let nap = Duration::from_micros(1000 + random.below(9001));
        let start = Instant::now();
        tokio::time::sleep(nap).await;
        let late = start.elapsed().saturating_sub(nap);
        // ORDER: Relaxed: read after the joins.
        place.store(late.as_nanos() as u64, Relaxed);
    }
}
