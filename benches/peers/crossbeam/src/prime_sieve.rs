//! S10, `prime_sieve`: a chain of filters, one thread per prime, each passing on over
//! a rendezvous channel what its prime does not divide.

use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, bounded};
use gort_bench_kit::parameters::prime_sieve::{LAST, PRIMES};
use gort_bench_kit::{Wrong, fail, metric, millis, pin_to_processors, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
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
    small(move || {
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
    small(move || {
        for number in numbers {
            if number % prime != 0 && sender.send(number).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A thread with a small stack: there are two thousand of them.
fn small(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(body);
    // A filter that is missing shows as a wrong prime.
    drop(thread);
}
