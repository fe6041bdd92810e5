//! S4, `chan_spsc`: one coroutine sends ten million numbers to another, which adds
//! them up.
//!
//! may's channel is unbounded, which spares it every wait for room; the producer yields
//! after as many items as would have it, or it would fill the memory. The consumer
//! counts: when this channel closes while the receiver is about to wait, nothing wakes
//! the receiver.

use std::time::Instant;

use gort_bench_kit::parameters::chan_spsc::{CAPACITY, ITEMS};
use gort_bench_kit::{Wrong, metric, per_op, verify};
use may::sync::spsc::channel;
use may::{coroutine, go};

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let (sender, receiver) = channel::<u64>();
    let start = Instant::now();
    go!(move || {
        for item in 0..items {
            if sender.send(item).is_err() {
                break;
            }
            if (item + 1) % CAPACITY as u64 == 0 {
                coroutine::yield_now();
            }
        }
    });
    let consumer = go!(move || {
        let mut sum = 0;
        for _ in 0..items {
            // An item that is missing shows as a wrong sum.
            sum += receiver.recv().unwrap_or(0);
        }
        sum
    });
    let sum = consumer.join().unwrap_or(0);
    let elapsed = start.elapsed();
    verify("sum of the items", sum, items * (items - 1) / 2)?;
    metric("chan_spsc", per_op(elapsed, items), "ns/item");
    Ok(())
}
