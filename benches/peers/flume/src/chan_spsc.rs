//! S4, `chan_spsc`: one task sends ten million numbers over a channel with room for
//! 128 to another, which adds them up.

use std::time::Instant;

use flume::bounded;
use gort_bench_kit::parameters::chan_spsc::{CAPACITY, ITEMS};
use gort_bench_kit::{Wrong, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let elapsed = runtime::run(async move {
        let (sender, receiver) = bounded::<u64>(CAPACITY);
        let start = Instant::now();
        tokio::spawn(async move {
            for item in 0..items {
                if sender.send_async(item).await.is_err() {
                    break;
                }
            }
        });
        let mut sum = 0;
        while let Ok(item) = receiver.recv_async().await {
            sum += item;
        }
        let elapsed = start.elapsed();
        verify("sum of the items", sum, items * (items - 1) / 2)?;
        Ok(elapsed)
    })?;
    metric("chan_spsc", per_op(elapsed, items), "ns/item");
    Ok(())
}
