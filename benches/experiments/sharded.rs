//! What all add to: one atomic counter, against a value for each processor ([`Sharded`]). One task for each
//! processor adds a hundred times between two yields.
//!
//! [`Sharded`]: gort::runtime::Sharded

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use gort::runtime::Sharded;
use gort::sync::Arc;
use gort_bench_kit::{Size, Wrong, fail, verify};

use crate::report::{figure, point};

const ADDS: Size = Size::new(20_000_000, 500_000);
const TOGETHER: u64 = 100;

pub(crate) fn run(_: &str) -> Result<(), Wrong> {
    let procs = u64::from(gort::runtime::procs());
    let each = ADDS.get() / TOGETHER * TOGETHER;
    let one = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&one);
    // ORDER: Relaxed — a count.
    let atomic = measure(procs, each, move || _ = counter.fetch_add(1, Relaxed))?;
    // ORDER: Relaxed — the tasks have been joined.
    verify("the counter", one.load(Relaxed), procs * each)?;
    let many = Arc::new(Sharded::<u64>::default());
    let shards = Arc::clone(&many);
    let sharded = measure(procs, each, move || shards.with(|n| *n += 1))?;
    verify("the shards", many.fold(0, |sum, n| sum + *n), procs * each)?;
    point("atomic", procs as f64, atomic);
    point("sharded", procs as f64, sharded);
    figure("atomic", atomic, "ns");
    figure("sharded", sharded, "ns");
    Ok(())
}

/// Nanoseconds of a processor for each addition.
fn measure(procs: u64, each: u64, add: impl Fn() + Clone + Send + 'static) -> Result<f64, Wrong> {
    let start = Instant::now();
    let tasks: Vec<_> = (0..procs)
        .map(|_| {
            let add = add.clone();
            gort::go(move || {
                for _ in 0..each / TOGETHER {
                    (0..TOGETHER).for_each(|_| add());
                    gort::thread::yield_now();
                }
            })
        })
        .collect();
    for task in tasks {
        if task.join().is_err() {
            return fail("a task has panicked");
        }
    }
    let busy = procs.min(u64::from(gort::runtime::num_cpu())) as f64;
    Ok(start.elapsed().as_secs_f64() * 1e9 * busy / (procs * each) as f64)
}
