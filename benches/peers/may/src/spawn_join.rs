//! S1, `spawn_join`: starts a million empty coroutines in batches of a thousand and
//! joins every handle of a batch.

use std::time::Instant;

use gort_bench_kit::parameters::spawn_join::{BATCH, TASKS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use may::go;

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let main = go!(move || {
        let mut handles = Vec::with_capacity(BATCH as usize);
        let mut joined = 0;
        let start = Instant::now();
        for _ in 0..tasks / BATCH {
            handles.extend((0..BATCH).map(|_| go!(|| ())));
            for handle in handles.drain(..) {
                joined += u64::from(handle.join().is_ok());
            }
        }
        (start.elapsed(), joined)
    });
    let (elapsed, joined) = main.join().or_else(|_| fail("the coroutine panicked"))?;
    verify("number of tasks that ran", joined, tasks)?;
    metric("spawn_join", per_op(elapsed, tasks), "ns/task");
    Ok(())
}
