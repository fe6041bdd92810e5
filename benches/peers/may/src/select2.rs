//! S6, `select2`: two coroutines send a million numbers each, on a channel of their own
//! (room for one); a third takes from whichever is ready and adds up.
//!
//! may selects with a queue of completed cases, each case a coroutine. `select!` would
//! start them anew for each item; here they live as long as their channel.

use std::time::Instant;

use gort_bench_kit::parameters::select2::ITEMS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use may::{cqueue, go};

use crate::room::{Receiver, channel};

pub(crate) fn run() -> Result<(), Wrong> {
    let items = ITEMS.get();
    let half = items / 2;
    let main = go!(move || {
        let start = Instant::now();
        let (a, b) = (numbers(half), numbers(half));
        let mut sum = 0;
        cqueue::scope(|queue| {
            for (token, numbers) in [a, b].into_iter().enumerate() {
                go!(queue, token, move |event| {
                    while let Ok(item) = numbers.recv() {
                        event.send(item as usize);
                    }
                });
            }
            // What the last events are missing shows as a wrong sum.
            for _ in 0..items {
                sum += queue.poll(None).map_or(0, |event| event.extra as u64);
            }
        });
        (start.elapsed(), sum)
    });
    let (elapsed, sum) = main.join().or_else(|_| fail("the coroutine panicked"))?;
    verify("sum of the items", sum, half * (half - 1))?;
    metric("select2", per_op(elapsed, items), "ns/item");
    Ok(())
}

fn numbers(count: u64) -> Receiver<u64> {
    let (sender, receiver) = channel();
    go!(move || {
        for item in 0..count {
            if !sender.send(item) {
                break;
            }
        }
    });
    receiver
}
