//! S9, `mutex_contended`: 64 coroutines lock one of may's mutexes, add one, unlock,
//! 100,000 times each.

use std::sync::Arc;
use std::time::Instant;

use gort_bench_kit::parameters::mutex_contended::{LOCKS, TASKS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use may::go;
use may::sync::Mutex;

pub(crate) fn run() -> Result<(), Wrong> {
    let locks = LOCKS.get();
    let count = Arc::new(Mutex::new(0_u64));
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let count = count.clone();
            go!(move || {
                for _ in 0..locks {
                    // A poisoned lock shows as a wrong count.
                    if let Ok(mut count) = count.lock() {
                        *count += 1;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().or_else(|_| fail("a coroutine panicked"))?;
    }
    let elapsed = start.elapsed();
    let counted = *count.lock().or_else(fail)?;
    verify("number of locks", counted, TASKS * locks)?;
    metric("mutex_contended", per_op(elapsed, TASKS * locks), "ns/op");
    Ok(())
}
