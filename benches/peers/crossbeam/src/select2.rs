//! S6, `select2`: two threads send a million numbers each, on a rendezvous channel
//! of their own; a third takes from whichever is ready and adds up.

use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, bounded, select};
use gort_bench_kit::parameters::select2::ITEMS;
use gort_bench_kit::{Wrong, fail, metric, per_op, pin_to_processors, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let items = ITEMS.get();
    let half = items / 2;

    let start = Instant::now();
    let (a, b) = (numbers(half), numbers(half));
    let mut sum = 0;
    for _ in 0..items {
        let item = select! {
            recv(a) -> item => item,
            recv(b) -> item => item,
        };
        sum += item.or_else(fail)?;
    }
    let elapsed = start.elapsed();

    verify("sum of the items", sum, half * (half - 1))?;
    metric("select2", per_op(elapsed, items), "ns/item");
    Ok(())
}

/// A thread that sends 0, 1, 2 .. and then waits to be forgotten: a channel that
/// closes would be ready for ever.
fn numbers(count: u64) -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    thread::spawn(move || {
        for item in 0..count {
            if sender.send(item).is_err() {
                return;
            }
        }
        std::mem::forget(sender);
    });
    receiver
}
