//! A sieve of filters in a row, and the same numbers by a pool of workers.

use super::{channel, thread};
use channel::{Receiver, RecvTimeoutError, Select, TryRecvError, bounded, select, unbounded};
use std::time::Duration;

fn filter(numbers: Receiver<u32>, prime: u32) -> Receiver<u32> {
    let (s, r) = bounded(1);
    thread::spawn(move || {
        for n in numbers {
            if !n.is_multiple_of(prime) && s.send(n).is_err() {
                break;
            }
        }
    });
    r
}

fn sieve(count: usize) -> Vec<u32> {
    let (s, mut r) = bounded(0);
    thread::spawn(move || (2..).try_for_each(|n| s.send(n)));
    let mut primes = Vec::new();
    for _ in 0..count {
        let prime = r.recv().unwrap();
        primes.push(prime);
        r = filter(r, prime);
    }
    primes
}

fn pool(below: u32) -> Vec<u32> {
    let (jobs, work) = unbounded();
    let (found, primes) = unbounded();
    let (stop, stopped) = bounded::<()>(0);
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (work, found, stopped) = (work.clone(), found.clone(), stopped.clone());
            thread::spawn(move || {
                loop {
                    select! {
                        recv(work) -> n => match n {
                            Ok(n) if (2..n).all(|d| !u32::is_multiple_of(n, d)) => found.send(n).unwrap(),
                            Ok(_) => {}
                            Err(_) => break,
                        },
                        recv(stopped) -> _ => break,
                    }
                }
            })
        })
        .collect();
    (2..below).for_each(|n| jobs.send(n).unwrap());
    drop((jobs, found));
    let mut all: Vec<u32> = primes.iter().collect();
    all.sort_unstable();
    drop(stop);
    workers.into_iter().for_each(|w| w.join().unwrap());
    all
}

pub(crate) fn run() -> Vec<String> {
    let (s, r) = bounded::<u8>(1);
    let empty = (r.try_recv(), r.recv_timeout(Duration::from_millis(1)));
    assert_eq!(empty, (Err(TryRecvError::Empty), Err(RecvTimeoutError::Timeout)));
    let mut ready = Select::new();
    let sends = ready.send(&s);
    ready.recv(&r);
    let oper = ready.select();
    let first = oper.index() == sends;
    oper.send(&s, 1).unwrap();
    let full = s.try_send(2);
    drop(s);
    let words = [
        full.map_err(|e| e.to_string()).unwrap_err(),
        r.recv().map(|v| v.to_string()).unwrap(),
        r.recv().unwrap_err().to_string(),
        format!("{r:?}"),
    ];
    vec![format!("{:?}", sieve(12)), format!("{:?}", pool(40)), format!("{first} {words:?}")]
}
