//! S9, `mutex_contended`: 64 tasks lock one mutex, add one, unlock, 100,000 times
//! each. tokio's own advice for a lock that is not held over an await is std's.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use gort_bench_kit::parameters::mutex_contended::{LOCKS, TASKS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let locks = LOCKS.get();
    let elapsed = runtime::run(async move {
        let count = Arc::new(Mutex::new(0_u64));
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(add(count.clone(), locks))).collect();
        for task in tasks {
            task.await.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        let counted = *count.lock().or_else(fail)?;
        verify("number of locks", counted, TASKS * locks)?;
        Ok(elapsed)
    })?;
    metric("mutex_contended", per_op(elapsed, TASKS * locks), "ns/op");
    Ok(())
}

async fn add(count: Arc<Mutex<u64>>, locks: u64) {
    for _ in 0..locks {
        // A poisoned lock shows as a wrong count.
        if let Ok(mut count) = count.lock() {
            *count += 1;
        }
    }
}
