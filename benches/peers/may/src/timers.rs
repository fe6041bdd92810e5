//! S11, `timers`: a hundred thousand coroutines sleep ten times, 1 to 10 ms each; how
//! late each wakes is noted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort_bench_kit::machine::cpu_millis;
use gort_bench_kit::parameters::timers::{SLEEPS, TASKS};
use gort_bench_kit::{Histogram, Random, Wrong, fail, metric, millis, verify};
use may::{coroutine, go};

use crate::stacks;

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    stacks::enough_for(tasks)?;
    let late: Arc<[AtomicU64]> = (0..tasks * SLEEPS).map(|_| AtomicU64::new(u64::MAX)).collect();

    let (start, cpu) = (Instant::now(), cpu_millis());
    let handles: Vec<_> = (0..tasks)
        .map(|task| {
            let late = late.clone();
            go!(move || {
                let mut random = Random::new(task);
                for at in 0..SLEEPS {
                    let nap = Duration::from_micros(1000 + random.below(9001));
                    let start = Instant::now();
                    coroutine::sleep(nap);
                    let nanos = start.elapsed().saturating_sub(nap).as_nanos() as u64;
                    // ORDER: Relaxed: read after the joins.
                    late[(task * SLEEPS + at) as usize].store(nanos, Relaxed);
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().or_else(|_| fail("a coroutine panicked"))?;
    }
    let (wall, cpu) = (start.elapsed(), cpu_millis() - cpu);

    let mut histogram = Histogram::new();
    // ORDER: Relaxed: the joins have published what the coroutines noted.
    let noted = late.iter().map(|place| place.load(Relaxed)).filter(|nanos| *nanos != u64::MAX);
    noted.for_each(|nanos| histogram.record(nanos));
    verify("number of sleeps", histogram.total(), tasks * SLEEPS)?;
    metric("timers_wall", millis(wall), "ms");
    metric("timers_cpu", cpu, "ms");
    histogram.report("timers_late", &[50.0, 99.0]);
    Ok(())
}
