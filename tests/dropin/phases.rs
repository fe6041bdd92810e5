//! Scoped tasks, parking and unparking, time-outs, rounds.

use super::{sync, thread};
use std::time::Duration;
use sync::atomic::{AtomicU32, Ordering};
use sync::mpsc::{RecvTimeoutError, TrySendError, sync_channel};
use sync::{Barrier, Condvar, Mutex};

pub(crate) fn run() -> Vec<String> {
    let mut data = vec![3, 1, 2];
    let mut sum = 0;
    let longest = thread::scope(|s| {
        s.spawn(|| data.sort_unstable());
        let task = s.spawn(|| {
            sum = 40;
            "scoped"
        });
        task.join().unwrap()
    });
    let (barrier, round) = (Barrier::new(3), AtomicU32::new(0));
    let leaders: u32 = thread::scope(|s| {
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                s.spawn(|| {
                    let mut led = 0;
                    for _ in 0..10 {
                        led += u32::from(barrier.wait().is_leader());
                        round.fetch_add(1, Ordering::Relaxed);
                    }
                    led
                })
            })
            .collect();
        tasks.into_iter().map(|t| t.join().unwrap()).sum()
    });
    let sleeper = thread::spawn(|| {
        thread::park();
        thread::park_timeout(Duration::from_millis(1));
        thread::current().name().map(str::to_owned)
    });
    sleeper.thread().unpark();
    let name = sleeper.join().unwrap();
    let (lock, never) = (Mutex::new(()), Condvar::new());
    let wait = never.wait_timeout(lock.lock().unwrap(), Duration::from_millis(1)).unwrap().1;
    let (tx, rx) = sync_channel(1);
    tx.send('a').unwrap();
    let full = matches!(tx.try_send('b'), Err(TrySendError::Full('b')));
    let got = (rx.recv(), rx.recv_timeout(Duration::from_millis(1)));
    assert_eq!(got.1, Err(RecvTimeoutError::Timeout));
    let panicked = thread::spawn(|| -> u8 { std::panic::resume_unwind(Box::new(7u8)) }).join();
    vec![
        format!("{data:?} {sum} {longest} {leaders} {round:?} {name:?}"),
        format!("{:?} {full} {:?} {barrier:?} {lock:?} {never:?}", wait, got.0),
        format!("{:?}", panicked.unwrap_err().downcast_ref::<u8>()),
    ]
}
