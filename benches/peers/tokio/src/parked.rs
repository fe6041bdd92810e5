//! S8, `parked_1m` and `parked_100k`: blocks so many tasks in a receive, reads how
//! much memory they hold, closes the channel and waits for all of them.
//!
//! The channel that many tasks wait on and that tells all of its end is `watch`;
//! the receivers are clones, as every task needs its own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use gort_bench_kit::{Wrong, fail, metric, per_op, resident_bytes, verify};
use tokio::sync::{mpsc, watch};

use crate::runtime;

static BLOCKED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(name: &'static str, tasks: u64) -> Result<(), Wrong> {
    runtime::run(async move {
        let (opener, gate) = watch::channel(());
        // A sender that every task holds: when all are gone, the receive below ends.
        let (alive, mut ended) = mpsc::channel::<()>(1);
        let before = resident_bytes()?;

        let start = Instant::now();
        for _ in 0..tasks {
            let (mut gate, alive) = (gate.clone(), alive.clone());
            tokio::spawn(async move {
                // ORDER: Relaxed: only the count matters, nothing is published by it.
                BLOCKED.fetch_add(1, Relaxed);
                if gate.changed().await.is_ok() {
                    // Nothing was sent: a wake-up without the end is an error.
                    std::process::abort();
                }
                drop(alive);
            });
        }
        drop(alive);
        // ORDER: Relaxed: as above.
        while BLOCKED.load(Relaxed) < tasks {
            tokio::task::yield_now().await;
        }
        let spawning = start.elapsed();
        let resident = resident_bytes()?.saturating_sub(before);

        let start = Instant::now();
        drop(opener);
        if ended.recv().await.is_some() {
            return fail("a task sent something");
        }
        let waking = start.elapsed();

        // ORDER: Relaxed: all tasks have ended.
        verify("number of tasks that blocked", BLOCKED.load(Relaxed), tasks)?;
        metric(&format!("{name}_spawn"), per_op(spawning, tasks), "ns/task");
        metric(&format!("{name}_rss"), resident as f64 / tasks as f64, "bytes/task");
        metric(&format!("{name}_wake"), per_op(waking, tasks), "ns/task");
        Ok(())
    })
}
