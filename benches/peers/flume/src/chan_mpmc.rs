//! S5, `chan_mpmc`: eight tasks send a million numbers each over one channel with
//! room for 128; eight others share them and add them up.

use std::time::Instant;

use flume::bounded;
use gort_bench_kit::parameters::chan_mpmc::{CAPACITY, CONSUMERS, ITEMS, PRODUCERS};
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let share = items / PRODUCERS;
    let elapsed = runtime::run_on_workers(async move {
        let (sender, receiver) = bounded::<u64>(CAPACITY);
        let start = Instant::now();
        for producer in 0..PRODUCERS {
            let sender = sender.clone();
            tokio::spawn(async move {
                for item in producer * share..(producer + 1) * share {
                    if sender.send_async(item).await.is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| {
                let receiver = receiver.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(item) = receiver.recv_async().await {
                        sum += item;
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for consumer in consumers {
            sum += consumer.await.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        verify("sum of the items", sum, items * (items - 1) / 2)?;
        Ok(elapsed)
    })?;
    metric("chan_mpmc", per_op(elapsed, items), "ns/item");
    Ok(())
}
