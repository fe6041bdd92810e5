//! S10, `prime_sieve`: a chain of filters, one task per prime, each passing on over
//! a rendezvous channel what its prime does not divide.

use std::time::Instant;

use gort::channel::{Receiver, bounded};
use gort_bench_kit::parameters::prime_sieve::{LAST, PRIMES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    let start = Instant::now();
    let mut numbers = naturals();
    let mut prime = 0;
    for _ in 0..PRIMES.get() {
        prime = numbers.recv().or_else(fail)?;
        numbers = filter(numbers, prime);
    }
    // The last receiver goes, so that the filters end one after the other.
    drop(numbers);
    let elapsed = start.elapsed();

    verify("last prime", prime, LAST.get())?;
    metric("prime_sieve", millis(elapsed), "ms");
    Ok(())
}

/// 2, 3, 4 ..
fn naturals() -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    gort::go(move || {
        for number in 2.. {
            if sender.send(number).is_err() {
                break;
            }
        }
    });
    receiver
}

fn filter(numbers: Receiver<u64>, prime: u64) -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    gort::go(move || {
        for number in numbers {
            if number % prime != 0 && sender.send(number).is_err() {
                break;
            }
        }
    });
    receiver
}
