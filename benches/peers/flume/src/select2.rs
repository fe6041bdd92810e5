//! S6, `select2`: two tasks send a million numbers each, on a rendezvous channel of
//! their own; a third takes from whichever is ready and adds up.
//!
//! The futures of the two receives live on from one selection to the next: only the
//! one that was ready is made anew.

use std::time::Instant;

use flume::{Receiver, bounded};
use gort_bench_kit::parameters::select2::ITEMS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let half = items / 2;
    let elapsed = runtime::run(async move {
        let start = Instant::now();
        let (a, b) = (numbers(half), numbers(half));
        let (mut from_a, mut from_b) = (a.recv_async(), b.recv_async());
        let mut sum = 0;
        for _ in 0..items {
            let item = tokio::select! {
                item = &mut from_a => { from_a = a.recv_async(); item }
                item = &mut from_b => { from_b = b.recv_async(); item }
            };
            sum += item.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        verify("sum of the items", sum, half * (half - 1))?;
        Ok(elapsed)
    })?;
    metric("select2", per_op(elapsed, items), "ns/item");
    Ok(())
}

/// Sends 0, 1, 2 .. and keeps the channel open: a closed one would be ready for ever.
fn numbers(count: u64) -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    tokio::spawn(async move {
        for item in 0..count {
            if sender.send_async(item).await.is_err() {
                return;
            }
        }
        std::mem::forget(sender);
    });
    receiver
}
