//! S7, `skynet`: a tree of tasks, ten children to a node and a million leaves; each
//! node sums what its children send over one channel.

use std::time::Instant;

use flume::{Sender, bounded};
use gort_bench_kit::parameters::skynet::{FAN, LEAVES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let leaves = LEAVES.get();
    let elapsed = runtime::run(async move {
        let start = Instant::now();
        let (root, result) = bounded(1);
        node(root, 0, leaves);
        let sum = result.recv_async().await.or_else(fail)?;
        let elapsed = start.elapsed();
        verify("sum of the leaves", sum, leaves * (leaves - 1) / 2)?;
        Ok(elapsed)
    })?;
    metric("skynet", millis(elapsed), "ms");
    Ok(())
}

/// Starts a node. This is no `async fn`: a future that contains itself would have to
/// be boxed, and a leaf's would be as large as any. There is room for what is sent, so
/// that nobody needs the future of a send either.
fn node(parent: Sender<u64>, first: u64, size: u64) {
    if size == 1 {
        // A parent that is gone shows as a missing sum.
        tokio::spawn(async move { parent.try_send(first) });
    } else {
        tokio::spawn(async move { parent.try_send(children(first, size / FAN).await) });
    }
}

async fn children(first: u64, size: u64) -> u64 {
    // Room for every child.
    let (sender, results) = bounded(FAN as usize);
    for child in 0..FAN {
        node(sender.clone(), first + child * size, size);
    }
    let mut sum = 0;
    for _ in 0..FAN {
        sum += results.recv_async().await.unwrap_or(0);
    }
    sum
}
