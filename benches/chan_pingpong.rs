//! S3, `chan_pingpong`: a number goes there and back over two rendezvous
//! channels, a million times; the far side adds one to it.

use std::time::Instant;

use gort::channel::bounded;

use crate::report::{self, Wrong};

const ROUNDS: u64 = 1_000_000;

pub(crate) fn run() -> Result<(), Wrong> {
    let (ping, pinged) = bounded::<u64>(0);
    let (pong, ponged) = bounded::<u64>(0);
    gort::go(move || {
        for value in pinged {
            if pong.send(value + 1).is_err() {
                break;
            }
        }
    });

    let start = Instant::now();
    let mut value = 0;
    for _ in 0..ROUNDS {
        if ping.send(value).is_err() {
            return report::fail("the far side is gone");
        }
        value = ponged.recv().or_else(report::fail)?;
    }
    let elapsed = start.elapsed();

    report::verify("number that came back", value, ROUNDS)?;
    report::metric("chan_pingpong", report::per_op(elapsed, ROUNDS), "ns/roundtrip");
    Ok(())
}
