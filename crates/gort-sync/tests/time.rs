//! `after`, `at`, `tick`, `never`, sleeping: crossbeam's and Go's timer tests.

mod common;

use common::{both, ms};
use gort_sync::{
    RecvTimeoutError, Select, TryRecvError, after, at, never, select, sleep, sleep_until, tick,
};
use std::time::{Duration, Instant};

#[test]
fn after_fires_once_and_tells_when_it_was_due() {
    both(|_| {
        let start = Instant::now();
        let r = after(ms(4));
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert_eq!((r.len(), r.is_empty(), r.is_full(), r.capacity()), (0, true, false, Some(1)));
        let fired = r.recv().unwrap();
        let now = Instant::now();
        assert!(start + ms(4) <= fired && fired <= now);
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(r.recv_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
        let r = at(now);
        assert_eq!((r.len(), r.is_empty(), r.is_full()), (1, false, true));
        assert_eq!(r.iter().next(), Some(now));
        assert!(r.is_empty());
    });
}

#[test]
fn what_is_too_far_away_never_comes() {
    assert!(after(Duration::MAX).same_channel(&never()));
    assert!(tick(Duration::MAX).same_channel(&never()));
    let r = after(ms(1000));
    assert!(r.same_channel(&r.clone()) && !r.same_channel(&after(ms(1000))));
    assert_eq!(r.recv_timeout(ms(1)), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_clock_is_shared_by_its_clones() {
    both(|world| {
        let r = after(ms(3));
        let (r1, r2) = (r.clone(), r.clone());
        let one = world.go(move || r1.recv_timeout(ms(20)).is_ok());
        let two = world.go(move || r2.recv_timeout(ms(20)).is_ok());
        assert!(one.join() ^ two.join(), "each message has one receiver");
    });
}

#[test]
fn ticks_keep_the_beat() {
    both(|_| {
        let start = Instant::now();
        let r = tick(ms(4));
        let first = r.recv().unwrap();
        assert!(first >= start + ms(4));
        let second = r.recv().unwrap();
        assert_eq!((second - first).as_nanos() % ms(4).as_nanos(), 0);
        sleep(ms(15));
        // Only one of those that were missed is there.
        assert_eq!(r.len(), 1);
        let third = r.try_recv().unwrap();
        assert!(third > second && third < Instant::now());
    });
}

#[test]
fn never_never() {
    let r = never::<i32>();
    assert_eq!((r.len(), r.is_empty(), r.is_full(), r.capacity()), (0, true, true, Some(0)));
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    let mut sel = Select::new();
    sel.recv(&r);
    assert!(sel.try_select().is_err() && sel.select_timeout(ms(1)).is_err());
    assert!(sel.ready_timeout(ms(1)).is_err());
}

#[test]
fn clocks_become_ready() {
    both(|_| {
        let (early, late) = (after(ms(2)), after(ms(2000)));
        let mut sel = Select::new();
        sel.recv(&late);
        let first = sel.recv(&early);
        assert_eq!(sel.ready(), first);
        let oper = sel.select();
        assert_eq!(oper.index(), first);
        assert!(oper.recv(&early).is_ok());
        let late = after(ms(2000));
        select! {
            recv(early) -> _ => panic!("it fires once"),
            recv(late) -> _ => panic!(),
            default => {}
        }
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_time() {
    both(|world| {
        let start = Instant::now();
        let tasks: Vec<_> = (0..20u64)
            .map(|n| {
                world.go(move || {
                    let when = start + ms((n * 7) % 20);
                    sleep_until(when);
                    assert!(Instant::now() >= when);
                    sleep(ms(1));
                    assert!(Instant::now() >= when + ms(1));
                })
            })
            .collect();
        tasks.into_iter().for_each(|t| t.join());
    });
}
