//! S10, `prime_sieve`: a chain of filters, one task per prime, each passing on over a
//! rendezvous channel what its prime does not divide.

use std::time::Instant;

use flume::{Receiver, bounded};
use gort_bench_kit::parameters::prime_sieve::{LAST, PRIMES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let (primes, last) = (PRIMES.get(), LAST.get());
    let elapsed = runtime::run_on_workers(async move {
        let start = Instant::now();
        let mut numbers = naturals();
        let mut prime = 0;
        for _ in 0..primes {
            prime = numbers.recv_async().await.or_else(fail)?;
            numbers = filter(numbers, prime);
        }
        // The last receiver goes, so that the filters end one after the other.
        drop(numbers);
        let elapsed = start.elapsed();
        verify("last prime", prime, last)?;
        Ok(elapsed)
    })?;
    metric("prime_sieve", millis(elapsed), "ms");
    Ok(())
}

fn naturals() -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    tokio::spawn(async move {
        for number in 2.. {
            if sender.send_async(number).await.is_err() {
                break;
            }
        }
    });
    receiver
}

fn filter(numbers: Receiver<u64>, prime: u64) -> Receiver<u64> {
    let (sender, receiver) = bounded(0);
    tokio::spawn(async move {
        while let Ok(number) = numbers.recv_async().await {
            if number % prime != 0 && sender.send_async(number).await.is_err() {
                break;
            }
        }
    });
    receiver
}
