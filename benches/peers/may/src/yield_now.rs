//! S2, `yield`: two coroutines give way to each other, five million times each.

use std::time::Instant;

use gort_bench_kit::parameters::yield_now::YIELDS;
use gort_bench_kit::{Wrong, metric, per_op, verify};
use may::{coroutine, go};

pub(crate) fn run() -> Result<(), Wrong> {
    let each = YIELDS.get();
    let start = Instant::now();
    let tasks = [(); 2].map(|()| {
        go!(move || {
            let mut yields = 0;
            for _ in 0..each {
                coroutine::yield_now();
                yields += 1;
            }
            yields
        })
    });
    let yields: u64 = tasks.map(|task| task.join().unwrap_or(0)).iter().sum();
    let elapsed = start.elapsed();
    verify("number of yields", yields, 2 * each)?;
    metric("yield", per_op(elapsed, 2 * each), "ns/yield");
    Ok(())
}
