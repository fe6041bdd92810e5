//! S7, `skynet`: a tree of tasks, ten children to a node and a million leaves;
//! each node sums what its children send over one channel.

use std::time::Instant;

use gort::channel::{Sender, bounded};
use gort_bench_kit::parameters::skynet::{FAN, LEAVES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    let leaves = LEAVES.get();
    let start = Instant::now();
    let (root, result) = bounded(1);
    gort::go(move || node(&root, 0, leaves));
    let sum = result.recv().or_else(fail)?;
    let elapsed = start.elapsed();

    verify("sum of the leaves", sum, leaves * (leaves - 1) / 2)?;
    metric("skynet", millis(elapsed), "ms");
    Ok(())
}

/// Sends the sum of the leaves `first .. first + size` to the parent.
fn node(parent: &Sender<u64>, first: u64, size: u64) {
    let sum = if size == 1 { first } else { children(first, size / FAN) };
    // A parent that is gone shows as a missing sum.
    let _ = parent.send(sum);
}

/// Starts the children of a node and adds up what they send.
fn children(first: u64, size: u64) -> u64 {
    // Room for every child, so that none of them has to wait for us.
    let (sender, results) = bounded(FAN as usize);
    for child in 0..FAN {
        let sender = sender.clone();
        gort::go(move || node(&sender, first + child * size, size));
    }
    drop(sender);
    results.iter().sum()
}
