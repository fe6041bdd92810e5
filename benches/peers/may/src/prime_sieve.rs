//! S10, `prime_sieve`: a chain of filters, one coroutine per prime, each passing on over
//! a channel (room for one) what its prime does not divide.

use std::time::Instant;

use gort_bench_kit::parameters::prime_sieve::{LAST, PRIMES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};
use may::go;

use crate::room::{Receiver, channel};

pub(crate) fn run() -> Result<(), Wrong> {
    let main = go!(|| {
        let start = Instant::now();
        let mut numbers = naturals();
        let mut prime = 0;
        for _ in 0..PRIMES.get() {
            // A filter that is missing shows as a wrong prime.
            prime = numbers.recv().unwrap_or(0);
            numbers = filter(numbers, prime);
        }
        // The last receiver goes, so that the filters end one after the other.
        drop(numbers);
        (start.elapsed(), prime)
    });
    let (elapsed, prime) = main.join().or_else(|_| fail("the coroutine panicked"))?;
    verify("last prime", prime, LAST.get())?;
    metric("prime_sieve", millis(elapsed), "ms");
    Ok(())
}

/// 2, 3, 4 ..
fn naturals() -> Receiver<u64> {
    let (sender, receiver) = channel();
    go!(move || {
        for number in 2.. {
            if !sender.send(number) {
                break;
            }
        }
    });
    receiver
}

fn filter(numbers: Receiver<u64>, prime: u64) -> Receiver<u64> {
    let (sender, receiver) = channel();
    go!(move || {
        while let Ok(number) = numbers.recv() {
            if number % prime != 0 && !sender.send(number) {
                break;
            }
        }
    });
    receiver
}
