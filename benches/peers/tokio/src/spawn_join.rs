//! S1, `spawn_join`: starts a million empty tasks in batches of a thousand and
//! awaits every handle of a batch.

use std::time::Instant;

use gort_bench_kit::parameters::spawn_join::{BATCH, TASKS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let elapsed = runtime::run(async move {
        let mut handles = Vec::with_capacity(BATCH as usize);
        let mut joined = 0;
        let start = Instant::now();
        for _ in 0..tasks / BATCH {
            handles.extend((0..BATCH).map(|_| tokio::spawn(async {})));
            for handle in handles.drain(..) {
                handle.await.or_else(fail)?;
                joined += 1;
            }
        }
        let elapsed = start.elapsed();
        verify("number of tasks that ran", joined, tasks)?;
        Ok(elapsed)
    })?;
    metric("spawn_join", per_op(elapsed, tasks), "ns/task");
    Ok(())
}
