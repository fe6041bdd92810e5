//! S3, `chan_pingpong`: a number goes there and back over two rendezvous
//! channels, a million times; the far side adds one to it.

use std::thread;
use std::time::Instant;

use crossbeam_channel::bounded;
use gort_bench_kit::parameters::chan_pingpong::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, pin_to_processors, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let rounds = ROUNDS.get();
    let (ping, pinged) = bounded::<u64>(0);
    let (pong, ponged) = bounded::<u64>(0);
    thread::spawn(move || {
        for value in pinged {
            if pong.send(value + 1).is_err() {
                break;
            }
        }
    });

    let start = Instant::now();
    let mut value = 0;
    for _ in 0..rounds {
        if ping.send(value).is_err() {
            return fail("the far side is gone");
        }
        value = ponged.recv().or_else(fail)?;
    }
    let elapsed = start.elapsed();

    verify("number that came back", value, rounds)?;
    metric("chan_pingpong", per_op(elapsed, rounds), "ns/roundtrip");
    Ok(())
}
