//! S7, `skynet`: a tree of coroutines, ten children to a node and a million leaves;
//! each node sums what its children send over one channel.
//!
//! Workers take the oldest first, so that the tree is built level by level: all its
//! coroutines exist before the first leaf ends.

use std::time::Instant;

use gort_bench_kit::parameters::skynet::{FAN, LEAVES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};
use may::go;
use may::sync::mpsc::{Sender, channel};

use crate::stacks;

pub(crate) fn run() -> Result<(), Wrong> {
    let leaves = LEAVES.get();
    stacks::enough_for(leaves + leaves / 9)?;
    let start = Instant::now();
    let (root, result) = channel();
    go!(move || node(&root, 0, leaves));
    let sum = result.recv().or_else(fail)?;
    let elapsed = start.elapsed();
    verify("sum of the leaves", sum, leaves * (leaves - 1) / 2)?;
    metric("skynet", millis(elapsed), "ms");
    Ok(())
}

fn node(parent: &Sender<u64>, first: u64, size: u64) {
    let sum = if size == 1 { first } else { children(first, size / FAN) };
    // A parent that is gone shows as a missing sum.
    let _ = parent.send(sum);
}

fn children(first: u64, size: u64) -> u64 {
    let (sender, results) = channel();
    for child in 0..FAN {
        let sender = sender.clone();
        go!(move || node(&sender, first + child * size, size));
    }
    drop(sender);
    let mut sum = 0;
    while let Ok(result) = results.recv() {
        sum += result;
    }
    sum
}
