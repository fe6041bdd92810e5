//! S3, `chan_pingpong`: a number goes there and back over two rendezvous
//! channels, a million times.

use std::time::Instant;

use flume::bounded;
use gort_bench_kit::parameters::chan_pingpong::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let rounds = ROUNDS.get();
    let elapsed = runtime::run_on_workers(async move {
        let (ping, pinged) = bounded::<u64>(0);
        let (pong, ponged) = bounded::<u64>(0);
        tokio::spawn(async move {
            while let Ok(value) = pinged.recv_async().await {
                if pong.send_async(value + 1).await.is_err() {
                    break;
                }
            }
        });

        let start = Instant::now();
        let mut value = 0;
        for _ in 0..rounds {
            ping.send_async(value).await.or_else(fail)?;
            value = ponged.recv_async().await.or_else(fail)?;
        }
        let elapsed = start.elapsed();
        verify("number that came back", value, rounds)?;
        Ok(elapsed)
    })?;
    metric("chan_pingpong", per_op(elapsed, rounds), "ns/roundtrip");
    Ok(())
}
