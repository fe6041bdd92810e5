//! S3, `chan_pingpong`: a number goes there and back over two channels, a million
//! times. may's channels are unbounded; the turns make a rendezvous of them.

use std::time::Instant;

use gort_bench_kit::parameters::chan_pingpong::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use may::go;
use may::sync::spsc::channel;

pub(crate) fn run() -> Result<(), Wrong> {
    let rounds = ROUNDS.get();
    let (ping, pinged) = channel::<u64>();
    let (pong, ponged) = channel::<u64>();
    go!(move || {
        while let Ok(value) = pinged.recv() {
            if pong.send(value + 1).is_err() {
                break;
            }
        }
    });
    let main = go!(move || {
        let start = Instant::now();
        let mut value = 0;
        for _ in 0..rounds {
            if ping.send(value).is_err() {
                break;
            }
            value = ponged.recv().unwrap_or(0);
        }
        (start.elapsed(), value)
    });
    let (elapsed, value) = main.join().or_else(|_| fail("the coroutine panicked"))?;
    verify("number that came back", value, rounds)?;
    metric("chan_pingpong", per_op(elapsed, rounds), "ns/roundtrip");
    Ok(())
}
