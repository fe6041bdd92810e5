//! S10, `prime_sieve`: a chain of filters, one task per prime, each passing on over a
//! channel (room for one, as there is no rendezvous) what its prime does not divide.

use std::time::Instant;

use gort_bench_kit::parameters::prime_sieve::{LAST, PRIMES};
use gort_bench_kit::{Wrong, fail, metric, millis, verify};
use tokio::sync::mpsc::{Receiver, channel};

use crate::runtime;

pub(crate) fn run() -> Result<(), Wrong> {
    let (primes, last) = (PRIMES.get(), LAST.get());
    let elapsed = runtime::run_on_workers(async move {
        let start = Instant::now();
        let mut numbers = naturals();
        let mut prime = 0;
        for _ in 0..primes {
            prime = numbers.recv().await.map_or_else(|| fail("a filter is gone"), Ok)?;
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
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        for number in 2.. {
            if sender.send(number).await.is_err() {
                break;
            }
        }
    });
    receiver
}

fn filter(mut numbers: Receiver<u64>, prime: u64) -> Receiver<u64> {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        while let Some(number) = numbers.recv().await {
            if number % prime != 0 && sender.send(number).await.is_err() {
                break;
            }
        }
    });
    receiver
}
