//! S13, `blocking_calls`: 200 tasks block their threads 50 times for 1 ms each, and
//! say so (`block_in_place`); `blocking_unsaid`: they do not say it.

use std::time::{Duration, Instant};

use gort_bench_kit::parameters::blocking_calls::{CALLS, MICROS, TASKS};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

use crate::runtime;

pub(crate) fn said() -> Result<(), Wrong> {
    run("blocking_calls", |nap| tokio::task::block_in_place(|| std::thread::sleep(nap)))
}

pub(crate) fn unsaid() -> Result<(), Wrong> {
    run("blocking_unsaid", std::thread::sleep)
}

fn run(name: &str, block: fn(Duration)) -> Result<(), Wrong> {
    let (tasks, calls) = (TASKS.get(), CALLS.get());
    let runtime = runtime::multi()?;
    let elapsed = runtime.block_on(async move {
        let start = Instant::now();
        let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(task(calls, block))).collect();
        let mut made = 0;
        for handle in handles {
            made += handle.await.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        verify("number of calls", made, tasks * calls)?;
        Ok(elapsed)
    })?;
    metric(name, millis(elapsed), "ms");
    Ok(())
}

async fn task(calls: u64, block: fn(Duration)) -> u64 {
    for _ in 0..calls {
        block(Duration::from_micros(MICROS));
    }
    calls
}
