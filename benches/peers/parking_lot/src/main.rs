//! S9, `mutex_contended`, on parking_lot's mutex and std's threads: 64 threads lock
//! it, add one, unlock, 100,000 times each.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use gort_bench_kit::parameters::mutex_contended::{LOCKS, TASKS};
use gort_bench_kit::{Wrong, metric, per_op, pin_to_processors, verify};
use parking_lot::Mutex;

fn main() -> ExitCode {
    gort_bench_kit::run(&[("mutex_contended", run)])
}

fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let locks = LOCKS.get();
    let count = Mutex::new(0_u64);

    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..TASKS {
            scope.spawn(|| {
                for _ in 0..locks {
                    *count.lock() += 1;
                }
            });
        }
    });
    let elapsed = start.elapsed();

    verify("number of locks", count.into_inner(), TASKS * locks)?;
    metric("mutex_contended", per_op(elapsed, TASKS * locks), "ns/op");
    Ok(())
}
