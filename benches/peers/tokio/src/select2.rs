//! S6, `select2`: two tasks send a million numbers each, on a channel of their own
//! (room for one, as there is no rendezvous); a third takes from whichever is ready.

use std::time::Instant;

use gort_bench_kit::parameters::select2::ITEMS;
use gort_bench_kit::{Wrong, metric, per_op, verify};
use tokio::sync::mpsc::{Receiver, channel};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let half = items / 2;
    let elapsed = runtime::run(async move {
        let start = Instant::now();
        let (mut a, mut b) = (numbers(half), numbers(half));
        let mut sum = 0;
        loop {
            // A closed channel's branch is off; both closed is the end.
            tokio::select! {
                Some(item) = a.recv() => sum += item,
                Some(item) = b.recv() => sum += item,
                else => break,
            }
        }
        let elapsed = start.elapsed();
        verify("sum of the items", sum, half * (half - 1))?;
        Ok(elapsed)
    })?;
    metric("select2", per_op(elapsed, items), "ns/item");
    Ok(())
}

fn numbers(count: u64) -> Receiver<u64> {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        for item in 0..count {
            if sender.send(item).await.is_err() {
                return;
            }
        }
    });
    receiver
}
