//! S2, `yield`: two tasks give way to each other, five million times each.

use std::time::Instant;

use gort_bench_kit::parameters::yield_now::YIELDS;
use gort_bench_kit::{Wrong, metric, per_op, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    let each = YIELDS.get();
    let start = Instant::now();
    let tasks = [(); 2].map(|()| gort::go(move || give_way(each)));
    let mut yields = 0;
    for task in tasks {
        yields += task.join().unwrap_or(0);
    }
    let elapsed = start.elapsed();

    verify("number of yields", yields, 2 * each)?;
    metric("yield", per_op(elapsed, 2 * each), "ns/yield");
    Ok(())
}

fn give_way(times: u64) -> u64 {
    let mut yields = 0;
    for _ in 0..times {
        gort::thread::yield_now();
        yields += 1;
    }
    yields
}
