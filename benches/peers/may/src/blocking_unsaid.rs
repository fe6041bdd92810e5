//! `blocking_unsaid`: 200 coroutines block their threads 50 times for 1 ms each.

use std::time::{Duration, Instant};

use gort_bench_kit::parameters::blocking_calls::{CALLS, MICROS, TASKS};
use gort_bench_kit::{Wrong, metric, millis, verify};
use may::go;

pub(crate) fn run() -> Result<(), Wrong> {
    let (tasks, calls) = (TASKS.get(), CALLS.get());
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            go!(move || {
                for _ in 0..calls {
                    std::thread::sleep(Duration::from_micros(MICROS));
                }
                calls
            })
        })
        .collect();
    let made: u64 = handles.into_iter().map(|handle| handle.join().unwrap_or(0)).sum();
    let elapsed = start.elapsed();
    verify("number of calls", made, tasks * calls)?;
    metric("blocking_unsaid", millis(elapsed), "ms");
    Ok(())
}
