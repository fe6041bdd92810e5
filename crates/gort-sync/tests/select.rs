//! Select: the behaviours that crossbeam's and Go's tests assert, in both worlds.

mod common;

use common::{Dice, Mint, both, ms, pause};
use gort_sync::{
    Receiver, RecvError, Select, SendError, Sender, after, bounded, never, select, select_biased,
    tick, unbounded,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn itself<T>(x: T) -> T {
    x
}

fn no_message() -> i32 {
    panic!("no message")
}

#[test]
fn the_ready_one_is_chosen() {
    let ((s1, r1), (s2, r2)) = (unbounded::<i32>(), unbounded::<i32>());
    s1.send(1).unwrap();
    select! {
        recv(r1) -> v => assert_eq!(v, Ok(1)),
        recv(r2) -> _ => panic!(),
    }
    s2.send(2).unwrap();
    select! {
        recv(r1) -> _ => panic!(),
        recv(r2) -> v => assert_eq!(v, Ok(2)),
    }
    select! {
        recv(r1) -> _ => panic!(),
        recv(&r2) -> _ => panic!(),
        default => {}
    }
    select! {
        recv(r1) -> _ => panic!(),
        recv(r2) -> _ => panic!(),
        default(ms(1)) => {}
    }
    // A disconnected channel is ready.
    drop(s1);
    select! {
        recv(r1) -> v => assert_eq!(v, Err(RecvError)),
        recv(r2) -> _ => panic!(),
        default => panic!(),
    }
    drop(r2);
    select! {
        send(s2, 3) -> sent => assert_eq!(sent, Err(SendError(3))),
        default => panic!(),
    }
}

#[test]
fn every_form_of_an_arm_parses() {
    let (s, r) = bounded::<i32>(1);
    let mut n = 0;
    select! { default => n += 1 }
    select! { default() => { n += 1 } }
    select! { default(ms(0),) => n += 1, }
    select! { send(s, 5) -> _ => n += 1 }
    let v = select! { recv(r,) -> v => v, };
    assert_eq!((n, v), (4, Ok(5)));
    let text = select! {
        recv(r) -> v => { format!("{v:?}") }
        send(s, { n += 1; n },) -> res => match res { Ok(()) => "sent".to_string(), Err(e) => e.to_string() },
        default(ms(1)) => String::new()
    };
    assert_eq!((text.as_str(), n, r.len()), ("sent", 5, 1));
    let got: Result<i32, RecvError> = (|| {
        let v = select_biased! {
            recv({ &r }) -> v => v?,
            recv(never::<i32>()) -> _ => unreachable!(),
        };
        Ok(v)
    })();
    assert_eq!(got, Ok(5));
    let looped = loop {
        select! {
            recv(r) -> _ => {}
            default => break 7,
        }
    };
    assert_eq!(looped, 7);
    // Handles may be made on the spot, moved in, or chosen.
    select! {
        recv(itself(r)) -> _ => panic!(),
        send(itself(s), 1) -> res => assert!(res.is_ok()),
    }
    let (s, r) = unbounded::<i32>();
    select! {
        recv(if s.is_empty() { never() } else { r.clone() }) -> _ => panic!(),
        send(*Some(&s).as_ref().unwrap_or(&&s), 1) -> _ => (),
    }
    select! { recv(r) -> _ => drop(r), recv(never::<()>()) -> _ => {} }
    drop(s);
}

#[test]
fn a_message_is_made_only_if_it_is_sent() {
    let (s, r) = bounded::<String>(0);
    let (s2, r2) = bounded::<String>(1);
    let text = String::from("once");
    // `text` moves in one arm and is used in the others.
    select! {
        send(s, text) -> _ => panic!(),
        recv(r2) -> got => panic!("{got:?} {text}"),
        default => assert_eq!(text, "once"),
    }
    select! {
        send(s2, text) -> res => res.unwrap(),
        recv(r) -> _ => panic!("{text}"),
    }
    assert_eq!(r2.recv().unwrap(), "once");
}

#[test]
fn many_arms() {
    let channels: Vec<_> = (0..10).map(|_| unbounded::<usize>()).collect();
    for want in 0..10 {
        channels[want].0.send(want).unwrap();
        let r = |i: usize| &channels[i].1;
        let got = select! {
            recv(r(0)) -> v => v, recv(r(1)) -> v => v, recv(r(2)) -> v => v,
            recv(r(3)) -> v => v, recv(r(4)) -> v => v, recv(r(5)) -> v => v,
            recv(r(6)) -> v => v, recv(r(7)) -> v => v, recv(r(8)) -> v => v,
            recv(r(9)) -> v => v,
        };
        assert_eq!(got, Ok(want));
    }
}

#[test]
fn waiting_ends_with_the_first_that_comes() {
    both(|world| {
        let ((s1, r1), (s2, r2)) = (bounded::<u64>(0), bounded::<u64>(0));
        for turn in 0..20 {
            let s = if turn % 2 == 0 { s1.clone() } else { s2.clone() };
            let sender = world.go(move || s.send(turn));
            select! {
                recv(r1) -> v => assert_eq!((turn % 2, v), (0, Ok(turn))),
                recv(r2) -> v => assert_eq!((turn % 2, v), (1, Ok(turn))),
            }
            sender.join().unwrap();
            let r = if turn % 2 == 0 { r1.clone() } else { r2.clone() };
            let receiver = world.go(move || r.recv());
            select! {
                send(s1, turn) -> res => assert_eq!((turn % 2, res), (0, Ok(()))),
                send(s2, turn) -> res => assert_eq!((turn % 2, res), (1, Ok(()))),
            }
            assert_eq!(receiver.join(), Ok(turn));
        }
        // Losers left no trace.
        assert!(s1.try_send(1).is_err() && s2.try_send(1).is_err());
        assert!(r1.try_recv().is_err() && r2.try_recv().is_err());
    });
}

#[test]
fn select_meets_select() {
    both(|world| {
        for cap in [0, 1] {
            let ((s1, r1), (s2, r2)) = (bounded::<u64>(cap), bounded::<u64>(cap));
            let senders = world.go(move || {
                let mut sent = 0;
                for n in 1..=2000 {
                    select! {
                        send(s1, n) -> res => { res.unwrap(); sent += n }
                        send(s2, n) -> res => { res.unwrap(); sent += n }
                    }
                }
                sent
            });
            let mut got = 0;
            loop {
                select! {
                    recv(r1) -> v => match v { Ok(v) => got += v, Err(_) => break },
                    recv(r2) -> v => match v { Ok(v) => got += v, Err(_) => break },
                }
            }
            got += r1.try_iter().sum::<u64>() + r2.try_iter().sum::<u64>();
            assert_eq!(senders.join(), got);
        }
    });
}

#[test]
fn a_select_never_meets_itself() {
    both(|_| {
        let (s, r) = bounded::<i32>(0);
        select! {
            send(s, 1) -> _ => panic!(),
            recv(r) -> _ => panic!(),
            default(ms(2)) => {}
        }
        let (s, r) = bounded::<i32>(1);
        for _ in 0..10 {
            select! {
                send(s, 1) -> _ => {}
                recv(r) -> v => assert_eq!(v, Ok(1)),
            }
        }
    });
}

#[test]
fn duplicate_operations_are_allowed() {
    both(|world| {
        let (s, r) = bounded::<i32>(0);
        let sender = world.go(move || (0..50).for_each(|n| s.send(n).unwrap()));
        let mut seen = 0;
        while seen < 50 {
            select! {
                recv(r) -> v => assert_eq!(v, Ok(seen)),
                recv(r.clone()) -> v => assert_eq!(v, Ok(seen)),
                recv(&r) -> v => assert_eq!(v, Ok(seen)),
            }
            seen += 1;
        }
        sender.join();
    });
}

#[test]
fn choices_are_fair() {
    let channels: Vec<_> = (0..4).map(|_| unbounded::<()>()).collect();
    for (s, _) in &channels {
        (0..10_000).for_each(|_| s.send(()).unwrap());
    }
    let mut chosen = [0u32; 4];
    for _ in 0..10_000 {
        select! {
            recv(channels[0].1) -> _ => chosen[0] += 1,
            recv(channels[1].1) -> _ => chosen[1] += 1,
            recv(channels[2].1) -> _ => chosen[2] += 1,
            recv(channels[3].1) -> _ => chosen[3] += 1,
        }
    }
    // 2500 expected, standard deviation 43.
    assert!(chosen.iter().all(|n| (2200..2800).contains(n)), "{chosen:?}");
    let mut first = 0;
    for _ in 0..100 {
        select_biased! {
            recv(channels[3].1) -> _ => first += 1,
            recv(channels[0].1) -> _ => {}
        }
    }
    assert_eq!(first, 100);
}

#[test]
fn sends_and_receives_are_equally_likely() {
    let (s, r) = bounded::<i32>(2);
    s.send(0).unwrap();
    let mut sent = 0;
    for _ in 0..2000 {
        let full = s.is_full();
        let empty = s.is_empty();
        select! {
            send(s, 1) -> _ => { assert!(!full); if !empty { sent += 1 } }
            recv(r) -> _ => assert!(!empty),
        }
    }
    assert!((350..650).contains(&sent), "{sent}");
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
fn a_limit_includes_the_clocks() {
    both(|_| {
        let start = Instant::now();
        select! {
            recv(never::<()>()) -> _ => panic!(),
            recv(after(ms(4))) -> fired => assert!(fired.unwrap() >= start + ms(4)),
            default(ms(2000)) => panic!(),
        }
        assert!(start.elapsed() >= ms(4));
        select! {
            recv(after(ms(2000))) -> _ => panic!(),
            default(ms(2)) => {}
        }
        let ticks = tick(ms(1));
        let mut seen = vec![];
        let end = after(ms(2000));
        while seen.len() < 3 {
            select! {
                recv(ticks) -> at => seen.push(at.unwrap()),
                recv(end) -> _ => panic!(),
            }
        }
        assert!(seen.windows(2).all(|w| w[0] < w[1]));
    });
}

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
fn a_message_that_panics_frees_its_place() {
    let (s, r) = bounded::<i32>(1);
    let failed = catch_unwind(AssertUnwindSafe(|| {
        select! { send(s, no_message()) -> _ => {} }
    }));
    assert!(failed.is_err());
    assert_eq!((s.try_send(1), r.try_recv()), (Ok(()), Ok(1)));
    both(|world| {
        // And lets go of the receiver that it had met.
        let (s, r) = bounded::<i32>(0);
        let receiver = world.go(move || r.recv());
        pause();
        let failed = catch_unwind(AssertUnwindSafe(|| {
            select! { send(s, no_message()) -> _ => {} }
        }));
        assert!(failed.is_err());
        s.send(2).unwrap();
        assert_eq!(receiver.join(), Ok(2));
    });
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

#[test]
fn those_who_wait_for_a_slow_select_get_its_value() {
    both(|world| {
        let (s, r) = bounded::<i32>(0);
        // The select waits, is claimed by a receiver, and takes its time to make the message.
        let sender = world.go(move || {
            select! { send(s, { pause(); 1 }) -> res => res.unwrap() }
            select! { send(s, { pause(); 2 }) -> res => res.unwrap() }
            select! { send(s, { pause(); 3 }) -> res => res.unwrap() }
        });
        assert_eq!(r.recv(), Ok(1));
        let got = loop {
            if let Ok(v) = r.recv_timeout(Duration::ZERO) {
                break v;
            }
            pause();
        };
        assert_eq!(got, 2);
        select! { recv(r) -> v => assert_eq!(v, Ok(3)) }
        sender.join();
    });
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
