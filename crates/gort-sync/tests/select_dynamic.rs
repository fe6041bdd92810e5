//! The dynamic form of select, its watching, and the two things that no select may do: choose
//! `default` although something was ready all the time, and lose a value.

mod common;

use common::{Dice, Mint, both, ms};
use gort_sync::{Receiver, Select, SendError, Sender, bounded, select, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn dynamic_select_numbers_its_operations() {
    let ((s1, r1), (s2, r2)) = (bounded::<i32>(1), bounded::<i32>(1));
    let mut sel = Select::new();
    let recv1 = sel.recv(&r1);
    let send2 = sel.send(&s2);
    let recv2 = sel.recv(&r2);
    assert_eq!((recv1, send2, recv2), (0, 1, 2));
    let oper = sel.try_select().unwrap();
    assert_eq!(oper.index(), send2);
    assert_eq!(oper.send(&s2, 5), Ok(()));
    let oper = sel.select_timeout(ms(1)).unwrap();
    assert_eq!(oper.index(), recv2);
    assert_eq!(oper.recv(&r2), Ok(5));
    sel.remove(send2);
    assert!(sel.try_select().is_err() && sel.select_timeout(ms(1)).is_err());
    assert!(sel.select_deadline(Instant::now()).is_err());
    s1.send(6).unwrap();
    assert_eq!(sel.ready(), recv1);
    assert_eq!(sel.try_ready(), Ok(recv1));
    assert_eq!(sel.clone().select().recv(&r1), Ok(6));
    assert!(sel.ready_timeout(ms(1)).is_err() && sel.try_ready().is_err());
    let s3 = s1.clone();
    assert_eq!(sel.send(&s3), 3);
    assert_eq!(sel.ready_deadline(Instant::now()), Ok(3));
    let mut biased = Select::new_biased();
    biased.send(&s1);
    biased.send(&s2);
    for _ in 0..20 {
        assert_eq!(biased.ready(), 0);
    }
}

#[test]
fn misuse_panics_in_words() {
    fn words(f: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&str>().unwrap()).to_string(),
        }
    }
    let (s, r) = bounded::<i32>(1);
    let (other, _r) = bounded::<i32>(1);
    assert!(words(|| drop(Select::new().select())).contains("no operations"));
    assert!(words(|| _ = Select::new().ready()).contains("no operations"));
    let mut sel = Select::new();
    sel.send(&s);
    assert!(words(|| drop(sel.clone().select())).contains("without completing"));
    let oper = sel.clone().select();
    assert!(words(|| _ = oper.send(&other, 1)).contains("sender that wasn't selected"));
    let oper = sel.clone().select();
    assert!(words(|| _ = oper.recv(&r)).contains("receiver that wasn't selected"));
    assert!(words(|| sel.remove(1)).contains("out of bounds"));
    sel.remove(0);
    assert!(words(|| sel.remove(0)).contains("no operation"));
    // None of this has used the channel up.
    assert_eq!((s.try_send(1), r.try_recv()), (Ok(()), Ok(1)));
}

#[test]
fn a_reserved_place_is_not_for_others() {
    let (s, r) = bounded::<i32>(2);
    let mut sel = Select::new();
    sel.send(&s);
    let (a, b) = (sel.select(), sel.select());
    assert!(s.try_send(1).is_err() && sel.try_select().is_err());
    assert_eq!(s.len(), 0);
    // A receiver does not see it before it is there.
    assert!(r.try_recv().is_err());
    assert_eq!(b.send(&s, 2), Ok(()));
    assert_eq!(r.try_recv(), Ok(2));
    s.send(3).unwrap();
    s.close();
    assert_eq!(a.send(&s, 4), Err(SendError(4)));
    assert_eq!(r.iter().collect::<Vec<_>>(), [3]);
}

/// Two threads meet here; both leave at nearly the same moment.
fn meet(arrived: &AtomicUsize, nth: usize) {
    arrived.fetch_add(1, Ordering::SeqCst);
    let mut looks = 0u32;
    while arrived.load(Ordering::SeqCst) < 2 * nth {
        looks += 1;
        if looks.is_multiple_of(1000) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn default_is_chosen_only_if_there_was_such_a_moment() {
    // One of the two channels is ready at every moment.
    let ((s1, r1), (s2, r2)) = (bounded::<i32>(1), bounded::<i32>(1));
    let r1_too = r1.clone();
    let (_alive, idle): (Vec<_>, Vec<_>) = (0..100).map(|_| bounded::<i32>(1)).unzip();
    let arrived = Arc::new(AtomicUsize::new(0));
    let (there, rounds) = (Arc::clone(&arrived), 15_000);
    let other = std::thread::spawn(move || {
        for round in 0..rounds {
            meet(&there, 2 * round + 1);
            (0..round % 100 * 5).for_each(|_| std::hint::spin_loop());
            s2.send(1).unwrap();
            let _ = r1_too.try_recv();
            meet(&there, 2 * round + 2);
        }
    });
    let mut sel = Select::new();
    let second = sel.recv(&r2);
    // Looking at these takes time, in which the other thread changes both.
    idle.iter().for_each(|r| _ = sel.recv(r));
    sel.recv(&r1);
    for round in 0..rounds {
        s1.send(1).unwrap();
        meet(&arrived, 2 * round + 1);
        let oper = sel.try_select().expect("one was ready");
        let r = if oper.index() == second { &r2 } else { &r1 };
        assert_eq!(oper.recv(r), Ok(1));
        meet(&arrived, 2 * round + 2);
        let _ = (r1.try_recv(), r2.try_recv());
    }
    other.join().unwrap();
}

#[test]
fn ready_tells_when_to_try() {
    both(|world| {
        for cap in [0, 1] {
            let (s, r) = bounded::<u64>(cap);
            let sender = world.go(move || (0..100).for_each(|n| s.send(n).unwrap()));
            let mut want = 0;
            let mut sel = Select::new();
            sel.recv(&r);
            while want < 100 {
                sel.ready();
                if let Ok(v) = r.try_recv() {
                    assert_eq!(v, want);
                    want += 1;
                }
            }
            sender.join();
        }
    });
}

/// Values of known number go through channels by every kind of operation; each arrives once.
#[test]
fn nothing_is_lost_between_selects_and_timeouts() {
    fn feed(s: &[Sender<common::Counted>], mint: &Mint, seed: u64, n: u64) -> u64 {
        let mut dice = Dice::new(seed);
        let mut sum = 0;
        for value in 1..=n {
            let mut coin = mint.coin(value);
            loop {
                let to = &s[dice.roll(3) as usize];
                let result = match dice.roll(4) {
                    0 => to.send(coin).map_err(|e| e.0),
                    1 => to.try_send(coin).map_err(|e| e.into_inner()),
                    2 => to
                        .send_timeout(coin, Duration::from_micros(dice.roll(50)))
                        .map_err(|e| e.into_inner()),
                    _ => select! {
                        send(s[0], coin) -> res => res.map_err(|e| e.0),
                        send(s[1], coin) -> res => res.map_err(|e| e.0),
                        send(s[2], coin) -> res => res.map_err(|e| e.0),
                        default(Duration::from_micros(dice.roll(50))) => Err(coin),
                    },
                };
                match result {
                    Ok(()) => break,
                    Err(back) => coin = back,
                }
            }
            sum += value;
        }
        sum
    }
    fn drain(r: &[Receiver<common::Counted>], seed: u64, stop: &Receiver<()>) -> u64 {
        let mut dice = Dice::new(seed);
        let mut sum = 0;
        loop {
            let one = &r[dice.roll(3) as usize];
            let got = match dice.roll(3) {
                0 => one.try_recv().ok(),
                1 => one.recv_timeout(Duration::from_micros(dice.roll(50))).ok(),
                _ => select! {
                    recv(r[0]) -> v => v.ok(),
                    recv(r[1]) -> v => v.ok(),
                    recv(r[2]) -> v => v.ok(),
                    recv(stop) -> _ => None,
                },
            };
            match got {
                Some(coin) => sum += coin.value,
                None if stop.try_recv().is_err_and(|e| e.is_disconnected()) => {
                    // The senders are done: what is left is in the buffers.
                    return sum + r.iter().flat_map(|r| r.try_iter()).map(|c| c.value).sum::<u64>();
                }
                None => {}
            }
        }
    }
    both(|world| {
        let mint = Mint::default();
        let (s, r): (Vec<_>, Vec<_>) = [bounded(0), bounded(1), unbounded()].into_iter().unzip();
        let (running, stop) = bounded(0);
        let feeders: Vec<_> = (0..3)
            .map(|seed| {
                let (s, mint) = (s.clone(), mint.clone());
                world.go(move || feed(&s, &mint, seed, 400))
            })
            .collect();
        let drains: Vec<_> = (10..13)
            .map(|seed| {
                let (r, stop) = (r.clone(), stop.clone());
                world.go(move || drain(&r, seed, &stop))
            })
            .collect();
        let fed: u64 = feeders.into_iter().map(|t| t.join()).sum();
        drop(running);
        let drained: u64 = drains.into_iter().map(|t| t.join()).sum();
        assert_eq!(fed, drained);
        assert_eq!(mint.alive(), 0);
    });
}
