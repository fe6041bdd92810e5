//! Channels, select, mutex, condition variable, wait group and semaphore against simple models: random
//! programs, under random schedules.
//!
//! In a simulation one operation is not interrupted between its point and its end or its wait, so the
//! models keep their own books next to the operations, in plain cells.

use gort::channel::{Receiver, Sender, bounded, select, unbounded};
use gort::sim::{self, Config, Outcome, Report};
use gort::sync::{Condvar, Mutex, Semaphore, WaitGroup};
use gort::{go, thread};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex as Book};
use std::time::Duration;

fn run(seed: u64, stalls: u32, program: impl FnOnce() + Send + 'static) -> Report {
    sim::run(&Config { seed, stalls, ..Config::default() }, program)
}

fn pause(n: u8) {
    match n % 4 {
        0 => thread::yield_now(),
        1 => sim::point(),
        2 => thread::sleep(Duration::from_nanos(u64::from(n) * 100)),
        _ => {}
    }
}

/// How a message goes out or comes in.
#[derive(Debug, Clone, Copy)]
enum Way {
    Plain,
    Try,
    Limit(u8),
    Select,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::Plain),
        1 => Just(Way::Try),
        1 => (0..20u8).prop_map(Way::Limit),
        2 => Just(Way::Select),
    ]
}

fn limit(n: u8) -> Duration {
    Duration::from_nanos(u64::from(n) * 150)
}

/// Sends by some way; `true` if it went.
fn send(way: Way, tx: &Sender<(usize, usize)>, msg: (usize, usize)) -> bool {
    match way {
        Way::Plain => tx.send(msg).is_ok(),
        Way::Try => tx.try_send(msg).is_ok(),
        Way::Limit(n) => tx.send_timeout(msg, limit(n)).is_ok(),
        Way::Select => select! { send(tx, msg) -> sent => sent.is_ok() },
    }
}

/// Receives by some way; `Err(true)`: there will be no more.
fn receive(
    way: Way,
    rx: &Receiver<(usize, usize)>,
    other: &Receiver<()>,
) -> Result<(usize, usize), bool> {
    match way {
        Way::Plain => rx.recv().map_err(|_| true),
        Way::Try => rx.try_recv().map_err(|e| e.is_disconnected()),
        Way::Limit(n) => rx.recv_timeout(limit(n)).map_err(|e| e.is_disconnected()),
        Way::Select => select! {
            recv(rx) -> msg => msg.map_err(|_| true),
            recv(other) -> _ => unreachable!("nobody sends there"),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Every message that went arrives once; those of one sender to one receiver in order; a buffer never
    /// holds more than it has places; and it ends when the last sender is gone.
    #[test]
    fn channels(
        senders in prop::collection::vec(prop::collection::vec((way(), any::<u8>()), 0..8), 1..4),
        receivers in prop::collection::vec(prop::collection::vec(way(), 1..4), 1..4),
        cap in prop_oneof![Just(None), (0..3usize).prop_map(Some)],
        seed: u64,
        stalls in prop_oneof![Just(0u32), Just(100)],
    ) {
        let sent = Arc::new(Book::new(Vec::new()));
        let got = Arc::new(Book::new(Vec::<Vec<(usize, usize)>>::new()));
        let (all_sent, all_got) = (Arc::clone(&sent), Arc::clone(&got));
        let report = run(seed, stalls, move || {
            let (tx, rx) = match cap { Some(cap) => bounded(cap), None => unbounded() };
            let (_quiet, other) = bounded::<()>(0);
            let takers: Vec<_> = receivers.into_iter().map(|ways| {
                let (rx, other) = (rx.clone(), other.clone());
                go(move || {
                    let mut mine = Vec::new();
                    for way in ways.iter().copied().cycle() {
                        assert!(rx.len() <= cap.unwrap_or(usize::MAX));
                        match receive(way, &rx, &other) {
                            Ok(msg) => mine.push(msg),
                            Err(true) => return mine,
                            Err(false) => thread::yield_now(),
                        }
                    }
                    mine
                })
            }).collect();
            for (id, acts) in senders.into_iter().enumerate() {
                let (tx, all_sent) = (tx.clone(), Arc::clone(&all_sent));
                go(move || for (n, (way, rest)) in acts.into_iter().enumerate() {
                    pause(rest);
                    if send(way, &tx, (id, n)) {
                        all_sent.lock().unwrap().push((id, n));
                    }
                });
            }
            drop(tx);
            drop(rx);
            *all_got.lock().unwrap() = takers.into_iter().map(|t| t.join().unwrap()).collect();
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
        let got = got.lock().unwrap().clone();
        for mine in &got {
            let mut last = HashMap::new();
            for &(id, n) in mine {
                prop_assert!(last.insert(id, n).is_none_or(|before| before < n), "{:?}", mine);
            }
        }
        let mut got: Vec<_> = got.into_iter().flatten().collect();
        let mut sent = sent.lock().unwrap().clone();
        got.sort_unstable();
        sent.sort_unstable();
        prop_assert_eq!(got, sent);
    }

    /// A select over several channels of several senders: each value comes once, in its channel's
    /// order, and time-outs lose nothing.
    #[test]
    fn selects(
        counts in prop::collection::vec((0..5usize, 0..2usize, any::<u8>()), 2..4),
        selectors in 1..3usize,
        wait in prop_oneof![Just(None), (1..30u8).prop_map(Some)],
        seed: u64,
    ) {
        let got = Arc::new(Book::new(Vec::new()));
        let total: usize = counts.iter().map(|c| c.0).sum();
        let (book, wanted) = (Arc::clone(&got), counts.clone());
        let report = run(seed, 20, move || {
            let left = Arc::new(AtomicUsize::new(total));
            let mut ends = Vec::new();
            for (channel, (count, cap, rest)) in counts.into_iter().enumerate() {
                let (tx, rx) = bounded(cap);
                ends.push(rx);
                go(move || for n in 0..count {
                    pause(rest.wrapping_add(n as u8));
                    tx.send((channel, n)).unwrap();
                });
            }
            let ends = Arc::new(ends);
            let takers: Vec<_> = (0..selectors).map(|_| {
                let (ends, left, book) = (Arc::clone(&ends), Arc::clone(&left), Arc::clone(&book));
                go(move || while left.load(SeqCst) > 0 {
                    let mut select = gort::channel::Select::new();
                    ends.iter().for_each(|rx| { select.recv(rx); });
                    let chosen = match wait {
                        Some(n) => select.select_timeout(limit(n)).ok(),
                        None => select.try_select().ok(),
                    };
                    match chosen {
                        Some(op) => {
                            let at = op.index();
                            if let Ok(msg) = op.recv(&ends[at]) {
                                book.lock().unwrap().push(msg);
                                left.fetch_sub(1, SeqCst);
                            }
                        }
                        None => thread::yield_now(),
                    }
                })
            }).collect();
            takers.into_iter().for_each(|t| t.join().unwrap());
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
        let mut got = got.lock().unwrap().clone();
        if selectors == 1 {
            for channel in 0..wanted.len() {
                prop_assert!(got.iter().filter(|g| g.0 == channel).is_sorted(), "{:?}", got);
            }
        }
        got.sort_unstable();
        let want: Vec<_> = wanted.iter().enumerate()
            .flat_map(|(channel, c)| (0..c.0).map(move |n| (channel, n))).collect();
        prop_assert_eq!(got, want);
    }

    /// One holder at a time, whoever comes by `lock` or `try_lock`, and nobody is forgotten.
    #[test]
    fn mutexes(
        users in prop::collection::vec(prop::collection::vec((any::<bool>(), any::<u8>()), 1..6), 1..5),
        seed: u64,
        stalls in prop_oneof![Just(0u32), Just(300)],
    ) {
        let report = run(seed, stalls, move || {
            let (mutex, inside) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
            let users: Vec<_> = users.into_iter().map(|acts| {
                let (mutex, inside) = (Arc::clone(&mutex), Arc::clone(&inside));
                go(move || {
                    let mut took = 0;
                    for (tries, rest) in acts {
                        let guard = if tries { mutex.try_lock().ok() } else { mutex.lock().ok() };
                        let Some(mut guard) = guard else {
                            assert!(tries && inside.load(SeqCst) <= 1);
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two holders");
                        pause(rest);
                        *guard += 1;
                        took += 1;
                        assert_eq!(inside.fetch_sub(1, SeqCst), 1);
                    }
                    took
                })
            }).collect();
            let took: i32 = users.into_iter().map(|u| u.join().unwrap()).sum();
            assert_eq!(*mutex.lock().unwrap(), took);
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
    }

    /// A bounded buffer of a mutex and two condition variables: as a channel would be.
    #[test]
    fn condition_variables(
        producers in prop::collection::vec(0..6usize, 1..4),
        consumers in 1..4usize,
        cap in 1..3usize,
        one: bool,
        seed: u64,
    ) {
        let total: usize = producers.iter().sum();
        let report = run(seed, 50, move || {
            struct Buffer { items: Mutex<(Vec<usize>, usize)>, space: Condvar, data: Condvar }
            let buffer = Arc::new(Buffer {
                items: Mutex::new((Vec::new(), total)), space: Condvar::new(), data: Condvar::new(),
            });
            let notify = move |c: &Condvar| if one { c.notify_one() } else { c.notify_all() };
            let makers: Vec<_> = producers.into_iter().map(|count| {
                let buffer = Arc::clone(&buffer);
                go(move || for n in 0..count {
                    let items = buffer.items.lock().unwrap();
                    let mut items = buffer.space.wait_while(items, |i| i.0.len() == cap).unwrap();
                    items.0.push(n);
                    assert!(items.0.len() <= cap);
                    drop(items);
                    notify(&buffer.data);
                })
            }).collect();
            let takers: Vec<_> = (0..consumers).map(|_| {
                let buffer = Arc::clone(&buffer);
                go(move || {
                    let mut took = 0;
                    loop {
                        let items = buffer.items.lock().unwrap();
                        let empty = |i: &mut (Vec<usize>, usize)| i.0.is_empty() && i.1 > 0;
                        let mut items = buffer.data.wait_while(items, empty).unwrap();
                        if items.0.pop().is_none() {
                            return took;
                        }
                        took += 1;
                        items.1 -= 1;
                        let last = items.1 == 0;
                        drop(items);
                        if last { buffer.data.notify_all() }
                        notify(&buffer.space);
                    }
                })
            }).collect();
            makers.into_iter().for_each(|m| m.join().unwrap());
            assert_eq!(takers.into_iter().map(|t| t.join().unwrap()).sum::<usize>(), total);
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
    }

    /// A wait ends when the count is 0 and not before, whoever adds more meanwhile.
    #[test]
    fn wait_groups(members in prop::collection::vec(any::<u8>(), 0..6), waiters in 1..4usize, seed: u64) {
        let report = run(seed, 20, move || {
            let (wg, live) = (WaitGroup::new(), Arc::new(AtomicI64::new(0)));
            for rest in members {
                wg.add(1);
                live.fetch_add(1, SeqCst);
                let (wg, live) = (wg.clone(), Arc::clone(&live));
                go(move || {
                    pause(rest);
                    if rest.is_multiple_of(3) {
                        // A member may bring in another, while it is one itself.
                        live.fetch_add(1, SeqCst);
                        let inner = Arc::clone(&live);
                        wg.go(move || _ = inner.fetch_sub(1, SeqCst));
                    }
                    live.fetch_sub(1, SeqCst);
                    wg.done();
                });
            }
            let waiters: Vec<_> = (0..waiters).map(|_| {
                let (wg, live) = (wg.clone(), Arc::clone(&live));
                go(move || { wg.wait(); assert_eq!(live.load(SeqCst), 0, "too early"); })
            }).collect();
            waiters.into_iter().for_each(|w| w.join().unwrap());
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
    }

    /// No more permits are out than there are, all come back, and those who ask for many are served,
    /// unless too many are kept for ever: then they give up, and let those behind them pass.
    #[test]
    fn semaphores(
        users in prop::collection::vec((1..4usize, 0..3u8, any::<u8>()), 1..6),
        permits in 3..5usize,
        kept in 0..3usize,
        seed: u64,
        stalls in prop_oneof![Just(0u32), Just(200)],
    ) {
        let report = run(seed, stalls, move || {
            let semaphore = Arc::new(Semaphore::new(permits));
            let out = Arc::new(AtomicUsize::new(kept));
            semaphore.acquire(kept);
            let users: Vec<_> = users.into_iter().map(|(n, how, rest)| {
                let (semaphore, out) = (Arc::clone(&semaphore), Arc::clone(&out));
                go(move || {
                    let took = match how {
                        0 if n + kept <= permits => { semaphore.acquire(n); true }
                        1 => semaphore.try_acquire(n),
                        _ => semaphore.acquire_timeout(n, limit(rest)),
                    };
                    if took {
                        assert!(out.fetch_add(n, SeqCst) + n <= permits, "too many are out");
                        pause(rest);
                        out.fetch_sub(n, SeqCst);
                        semaphore.release(n);
                    }
                })
            }).collect();
            users.into_iter().for_each(|u| u.join().unwrap());
            semaphore.release(kept);
            assert_eq!(semaphore.available(), permits);
        });
        prop_assert_eq!(&report.outcome, &Outcome::Ok, "{}", report.log());
    }
}

/// `GORT_SIM_CASES` programs of each kind; 150.
fn cases() -> u32 {
    std::env::var("GORT_SIM_CASES").map_or(150, |n| n.parse().unwrap())
}
