//! Channels: the behaviours that crossbeam's and Go's channel tests assert, in both worlds.

mod common;

use common::{Mint, both, ms, one_processor, pause};
use gort_sync::{
    Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError, bounded, never, unbounded,
};
use std::time::Instant;

/// The three kinds of channel.
fn kinds<T>() -> [(Sender<T>, Receiver<T>); 3] {
    [bounded(0), bounded(3), unbounded()]
}

#[test]
fn what_a_fresh_channel_says_of_itself() {
    // capacity, is_full
    let want = [(Some(0), true), (Some(3), false), (None, false)];
    for ((s, r), (capacity, full)) in kinds::<i32>().into_iter().zip(want) {
        assert_eq!((s.capacity(), r.capacity()), (capacity, capacity));
        assert_eq!((s.is_full(), r.is_full()), (full, full));
        assert_eq!((s.len(), r.len(), s.is_empty(), r.is_empty()), (0, 0, true, true));
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(r.recv_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
        assert_eq!(
            (format!("{s:?}"), format!("{r:?}")),
            ("Sender { .. }".into(), "Receiver { .. }".into())
        );
    }
}

#[test]
fn lengths_follow_the_buffer() {
    let (s, r) = bounded(3);
    for n in 0..3 {
        assert_eq!((s.len(), s.is_full()), (n, false));
        s.send(n).unwrap();
    }
    assert_eq!((s.len(), s.is_full(), r.is_full()), (3, true, true));
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(s.send_timeout(9, ms(1)), Err(SendTimeoutError::Timeout(9)));
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((s.len(), r.is_empty()), (0, true));
}

#[test]
fn same_channel_is_about_the_channel() {
    for ((s, r), (s2, r2)) in kinds::<i32>().into_iter().zip(kinds()) {
        assert!(s.same_channel(&s.clone()) && r.same_channel(&r.clone()));
        assert!(!s.same_channel(&s2) && !r.same_channel(&r2));
    }
    assert!(never::<i32>().same_channel(&never()));
    assert!(!never::<i32>().same_channel(&unbounded().1));
}

#[test]
fn without_receivers_sends_fail_and_what_was_buffered_is_dropped() {
    let mint = Mint::default();
    for (s, r) in kinds() {
        let buffered = s.try_send(mint.coin(1)).is_ok();
        assert_eq!(mint.alive(), usize::from(buffered));
        let r2 = r.clone();
        drop(r);
        assert_eq!(mint.alive(), usize::from(buffered));
        drop(r2);
        assert_eq!(mint.alive(), 0);
        assert_eq!(s.send(mint.coin(2)).unwrap_err().0.value, 2);
        assert!(s.try_send(mint.coin(3)).unwrap_err().is_disconnected());
        assert!(!s.send_timeout(mint.coin(4), ms(1)).unwrap_err().is_timeout());
        assert_eq!((mint.alive(), s.len()), (0, 0));
    }
}

#[test]
fn without_senders_receivers_drain_and_then_fail() {
    for (s, r) in kinds() {
        let sent = (0..2).filter(|&n| s.try_send(n).is_ok()).count();
        let s2 = s.clone();
        drop(s);
        drop(s2);
        assert_eq!(r.iter().count(), sent);
        assert_eq!(r.recv(), Err(RecvError));
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(r.recv_timeout(ms(1)), Err(RecvTimeoutError::Disconnected));
        assert_eq!(r.into_iter().next(), None);
    }
}

#[test]
fn close_is_gos_close() {
    for (s, r) in kinds() {
        let sent = (0..2).filter(|&n| s.try_send(n).is_ok()).count();
        let other = s.clone();
        assert!(other.close());
        assert!(!s.close(), "closed already");
        assert_eq!(s.send(7), Err(SendError(7)));
        assert_eq!(other.try_send(7), Err(TrySendError::Disconnected(7)));
        assert_eq!(s.send_timeout(7, ms(1)), Err(SendTimeoutError::Disconnected(7)));
        assert_eq!((&r).into_iter().collect::<Vec<_>>(), (0..sent as i32).collect::<Vec<_>>());
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn deadlines_in_the_past_still_do_what_is_possible() {
    let past = Instant::now();
    let (s, r) = bounded(1);
    assert_eq!(s.send_deadline(1, past), Ok(()));
    assert_eq!(s.send_deadline(2, past), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(r.recv_deadline(past), Ok(1));
    assert_eq!(r.recv_deadline(past), Err(RecvTimeoutError::Timeout));
    assert_eq!(never::<i32>().recv_deadline(past), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_timeout_lasts_at_least_that_long() {
    both(|_| {
        let (s, r) = bounded::<i32>(0);
        let start = Instant::now();
        assert!(r.recv_timeout(ms(3)).is_err() && s.send_timeout(1, ms(3)).is_err());
        assert!(start.elapsed() >= ms(6));
        // Those who gave up have left no trace.
        assert_eq!(s.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn rendezvous_needs_both() {
    both(|world| {
        let (s, r) = bounded(0);
        assert_eq!(s.try_send(1), Err(TrySendError::Full(1)));
        let receiver = world.go(move || (r.recv(), r));
        while s.try_send(2) == Err(TrySendError::Full(2)) {
            pause();
        }
        let (got, r) = receiver.join();
        assert_eq!(got, Ok(2));
        let sender = world.go(move || s.send(3));
        let got = loop {
            match r.try_recv() {
                Err(TryRecvError::Empty) => pause(),
                got => break got,
            }
        };
        assert_eq!(got, Ok(3));
        assert_eq!(sender.join(), Ok(()));
    });
}

#[test]
fn closing_wakes_all_who_wait() {
    both(|world| {
        for cap in [0, 2] {
            let (s, r) = bounded(cap);
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let r = r.clone();
                    world.go(move || r.recv())
                })
                .collect();
            pause();
            s.close();
            for receiver in receivers {
                assert_eq!(receiver.join(), Err::<u64, _>(RecvError));
            }
            let (s, r) = bounded(cap);
            for n in 0..cap {
                s.send(n).unwrap();
            }
            let senders: Vec<_> = (10..13)
                .map(|n| {
                    let s = s.clone();
                    world.go(move || s.send(n))
                })
                .collect();
            pause();
            if cap == 0 {
                drop(r);
            } else {
                s.close();
                // What was buffered before is still to be had; what waited is given back.
                assert_eq!(r.iter().collect::<Vec<_>>(), (0..cap).collect::<Vec<_>>());
            }
            let mut back: Vec<_> = senders.into_iter().map(|t| t.join().unwrap_err().0).collect();
            back.sort_unstable();
            assert_eq!(back, [10, 11, 12]);
        }
    });
}

/// CHAN-4: a close that tells a crowd in parts leaves nobody behind, whoever else closes meanwhile.
#[test]
fn closing_wakes_a_crowd() {
    one_processor(|world| {
        for crowd in [63, 64, 65, 200] {
            let (s, r) = bounded::<u64>(0);
            let receivers: Vec<_> = (0..crowd)
                .map(|_| {
                    let r = r.clone();
                    world.go(move || r.recv())
                })
                .collect();
            pause();
            assert!(s.close() && !s.close(), "newly, once");
            assert!(receivers.into_iter().all(|receiver| receiver.join() == Err(RecvError)));
        }
    });
}

#[test]
fn waiting_senders_are_served_in_order() {
    one_processor(|world| {
        for cap in [0, 1, 3] {
            let (s, r) = bounded(cap);
            for n in 0..cap {
                s.send(n).unwrap();
            }
            let senders: Vec<_> = (0..4)
                .map(|n| {
                    let s = s.clone();
                    let task = world.go(move || s.send(cap + n));
                    pause();
                    task
                })
                .collect();
            let got: Vec<_> = (0..cap + 4).map(|_| r.recv().unwrap()).collect();
            assert_eq!(got, (0..cap + 4).collect::<Vec<_>>());
            senders.into_iter().for_each(|t| assert_eq!(t.join(), Ok(())));
        }
    });
}

#[test]
fn waiting_receivers_are_served_in_order() {
    one_processor(|world| {
        for cap in [0, 2] {
            let (s, r) = bounded(cap);
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let r = r.clone();
                    let task = world.go(move || r.recv());
                    pause();
                    task
                })
                .collect();
            for n in 0..4 {
                s.send(n).unwrap();
                assert_eq!(s.len(), 0, "handed over, not buffered");
            }
            for (n, receiver) in receivers.into_iter().enumerate() {
                assert_eq!(receiver.join(), Ok(n));
            }
        }
    });
}

#[test]
fn sums_survive_many_senders_and_receivers() {
    both(|world| {
        for cap in [Some(0), Some(1), Some(16), None] {
            let (s, r) = cap.map_or_else(unbounded, bounded);
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let r = r.clone();
                    world.go(move || r.iter().sum::<u64>())
                })
                .collect();
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let s = s.clone();
                    world.go(move || (1..=500).for_each(|n| s.send(n).unwrap()))
                })
                .collect();
            senders.into_iter().for_each(|t| t.join());
            drop(s);
            let sum: u64 = receivers.into_iter().map(|t| t.join()).sum();
            assert_eq!(sum, 3 * 500 * 501 / 2, "{cap:?}");
        }
    });
}

#[test]
fn zero_sized_and_great_values() {
    both(|world| {
        for (s, r) in kinds() {
            let sender = world.go(move || (0..50).for_each(|_| s.send(()).unwrap()));
            assert_eq!(r.iter().count(), 50);
            sender.join();
        }
        for (s, r) in kinds() {
            let sender = world.go(move || (0..50u8).for_each(|n| s.send([n; 5000]).unwrap()));
            for (n, got) in r.iter().enumerate() {
                assert!(got.iter().all(|&byte| byte == n as u8));
            }
            sender.join();
        }
    });
}

#[test]
fn a_channel_may_carry_its_own_ends() {
    struct Loop {
        _ends: Option<(Sender<Loop>, Receiver<Loop>)>,
    }
    let (s, r) = unbounded();
    s.send(Loop { _ends: Some((s.clone(), r.clone())) }).unwrap();
    s.send(Loop { _ends: None }).unwrap();
    drop(r.recv());
    drop((s, r));
}

/// Go's tests call it a sieve: a chain of goroutines, one per prime.
#[test]
fn the_sieve_of_channels() {
    both(|world| {
        let (s, mut numbers) = bounded(0);
        world.go(move || (2..).take_while(|&n| s.send(n).is_ok()).count());
        let mut primes = vec![];
        for _ in 0..12 {
            let prime: u32 = numbers.recv().unwrap();
            primes.push(prime);
            let (s, next) = bounded(0);
            world.go(move || {
                numbers.iter().filter(|n| n % prime != 0).take_while(|&n| s.send(n).is_ok()).count()
            });
            numbers = next;
        }
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]);
    });
}

#[test]
fn threads_and_goroutines_share_a_channel() {
    for cap in [0, 1] {
        let (s, r) = bounded(cap);
        let (back, answers) = bounded(cap);
        let thread = std::thread::spawn(move || {
            for n in 0..200 {
                s.send(n).unwrap();
                assert_eq!(answers.recv(), Ok(n + 1));
            }
        });
        gort_sched::testing::run(2, move || {
            r.iter().for_each(|n| back.send(n + 1).unwrap());
        });
        thread.join().unwrap();
    }
}

#[test]
fn who_polls_lets_others_run() {
    common::one_processor(|world| {
        // Bound to the one thread, and the poller never parks.
        let (s, r) = bounded(0);
        let sender = world.go(move || (0..200).for_each(|i| s.send(i).unwrap()));
        let mut sum = 0;
        while sum < 199 * 200 / 2 {
            sum += r.try_iter().sum::<i32>();
        }
        sender.join();
        let (s, r) = bounded(1);
        let receiver = world.go(move || r.iter().sum::<i32>());
        for i in 0..200 {
            while s.try_send(i).is_err() {}
        }
        drop(s);
        assert_eq!(receiver.join(), 199 * 200 / 2);
    });
}

#[test]
fn after_a_drop_that_panics_the_rest_is_leaked() {
    struct Bomb(std::sync::Arc<std::sync::atomic::AtomicU32>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            panic!("dropped");
        }
    }
    for cap in [Some(3), None] {
        let drops = std::sync::Arc::default();
        let (s, r) = cap.map_or_else(unbounded, bounded);
        for _ in 0..3 {
            s.send(Bomb(std::sync::Arc::clone(&drops))).map_err(std::mem::forget).unwrap();
        }
        drop(s);
        let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(r)));
        assert_eq!(end.unwrap_err().downcast_ref::<&str>(), Some(&"dropped"));
        assert_eq!(drops.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}
