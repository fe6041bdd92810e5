//! S3, `chan_pingpong`: a number goes there and back over two channels, a million
//! times. tokio has no rendezvous channel: room for one comes next to it.

use std::time::Instant;

use gort_bench_kit::parameters::chan_pingpong::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use tokio::sync::mpsc::channel;

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let rounds = ROUNDS.get();
    let elapsed = runtime::run_on_workers(async move {
        let (ping, mut pinged) = channel::<u64>(1);
        let (pong, mut ponged) = channel::<u64>(1);
        tokio::spawn(async move {
            while let Some(value) = pinged.recv().await {
                if pong.send(value + 1).await.is_err() {
                    break;
                }
            }
        });

        let start = Instant::now();
        let mut value = 0;
        for _ in 0..rounds {
            ping.send(value).await.or_else(fail)?;
            value = ponged.recv().await.map_or_else(|| fail("the far side is gone"), Ok)?;
        }
        let elapsed = start.elapsed();
        verify("number that came back", value, rounds)?;
        Ok(elapsed)
    })?;
    metric("chan_pingpong", per_op(elapsed, rounds), "ns/roundtrip");
    Ok(())
}
