//! S7, `skynet`: a tree of tasks, ten children to a node and a million leaves; each
//! node sums what its children send over one channel.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use gort_bench_kit::parameters::skynet::{FAN, LEAVES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};
use tokio::sync::mpsc::{Sender, channel};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let leaves = LEAVES.get();
    let elapsed = runtime::run_on_workers(async move {
        let start = Instant::now();
        let (root, mut result) = channel(1);
        tokio::spawn(node(root, 0, leaves));
        let sum = result.recv().await.map_or_else(|| fail("no sum came"), Ok)?;
        let elapsed = start.elapsed();
        verify("sum of the leaves", sum, leaves * (leaves - 1) / 2)?;
        Ok(elapsed)
    })?;
    metric("skynet", millis(elapsed), "ms");
    Ok(())
}

async fn node(parent: Sender<u64>, first: u64, size: u64) {
    let sum = if size == 1 { first } else { children(first, size / FAN).await };
    // A parent that is gone shows as a missing sum.
    let _ = parent.send(sum).await;
}

async fn children(first: u64, size: u64) -> u64 {
    // Room for every child, so that none of them has to wait for us.
    let (sender, mut results) = channel(FAN as usize);
    for child in 0..FAN {
        tokio::spawn(boxed(sender.clone(), first + child * size, size));
    }
    drop(sender);
    let mut sum = 0;
    while let Some(result) = results.recv().await {
        sum += result;
    }
    sum
}

/// A future that contains itself must be boxed somewhere.
fn boxed(parent: Sender<u64>, first: u64, size: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(node(parent, first, size))
}
