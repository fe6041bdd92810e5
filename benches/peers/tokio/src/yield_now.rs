//! S2, `yield`: two tasks give way to each other, five million times each.
//!
//! A task that wakes itself goes to the end of the queue, as in the other systems.
//! `tokio::task::yield_now` would also look after the drivers first.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use gort_bench_kit::parameters::yield_now::YIELDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let each = YIELDS.get();
    let elapsed = runtime::run(async move {
        let start = Instant::now();
        let tasks = [(); 2].map(|()| tokio::spawn(give_way(each)));
        let mut yields = 0;
        for task in tasks {
            yields += task.await.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        verify("number of yields", yields, 2 * each)?;
        Ok(elapsed)
    })?;
    metric("yield", per_op(elapsed, 2 * each), "ns/yield");
    Ok(())
}

async fn give_way(times: u64) -> u64 {
    let mut yields = 0;
    for _ in 0..times {
        let mut yielded = false;
        poll_fn(|context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        yields += 1;
    }
    yields
}
