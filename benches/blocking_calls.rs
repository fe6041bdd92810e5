//! S13, `blocking_calls`: 200 tasks block their threads 50 times for 1 ms each, and
//! say so to the runtime; `blocking_unsaid`: they do not say it.

use std::time::{Duration, Instant};

use gort_bench_kit::parameters::blocking_calls::{CALLS, MICROS, TASKS};
use gort_bench_kit::{Wrong, metric, millis, verify};

pub(crate) fn said() -> Result<(), Wrong> {
    run("blocking_calls", |nap| gort::thread::blocking(|| std::thread::sleep(nap)))
}

pub(crate) fn unsaid() -> Result<(), Wrong> {
    run("blocking_unsaid", std::thread::sleep)
}

fn run(name: &str, block: fn(Duration)) -> Result<(), Wrong> {
    let calls = CALLS.get();
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS.get())
        .map(|_| {
            gort::go(move || {
                for _ in 0..calls {
                    block(Duration::from_micros(MICROS));
                }
                calls
            })
        })
        .collect();
    let made: u64 = tasks.into_iter().map(|task| task.join().unwrap_or(0)).sum();
    let elapsed = start.elapsed();

    verify("number of calls", made, TASKS.get() * calls)?;
    metric(name, millis(elapsed), "ms");
    Ok(())
}
