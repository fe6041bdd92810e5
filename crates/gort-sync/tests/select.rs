//! Select: the behaviours that crossbeam's and Go's tests assert, in both worlds.

mod common;

use common::{both, ms, pause};
use gort_sync::{
    RecvError, SendError, after, bounded, never, select, select_biased, tick, unbounded,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
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
fn a_waiting_select_serves_its_doubles_alike() {
    both(|world| {
        let (s, r) = bounded(0);
        let sender = world.go(move || {
            for i in 0..400 {
                // The select waits already, mostly.
                pause_a_little(i);
                s.send(i).unwrap();
            }
        });
        let mut hits = [0; 3];
        for _ in 0..400 {
            select! {
                recv(r) -> v => { v.unwrap(); hits[0] += 1 },
                recv(r) -> v => { v.unwrap(); hits[1] += 1 },
                recv(r) -> v => { v.unwrap(); hits[2] += 1 },
            }
        }
        sender.join();
        // Each has 133 on average, with a standard deviation of 9.
        assert!(hits.iter().all(|&n| n > 60), "{hits:?}");
    });
}

fn pause_a_little(i: u64) {
    if i.is_multiple_of(8) {
        gort_sync::sleep(Duration::from_micros(20));
    }
}

#[test]
fn thirty_two_arms_fit() {
    let pairs: Vec<_> = (0..32).map(|_| unbounded::<usize>()).collect();
    let r = |i: usize| &pairs[i].1;
    pairs[29].0.send(29).unwrap();
    let got = select! {
        recv(r(0)) -> v => v, recv(r(1)) -> v => v, recv(r(2)) -> v => v, recv(r(3)) -> v => v,
        recv(r(4)) -> v => v, recv(r(5)) -> v => v, recv(r(6)) -> v => v, recv(r(7)) -> v => v,
        recv(r(8)) -> v => v, recv(r(9)) -> v => v, recv(r(10)) -> v => v, recv(r(11)) -> v => v,
        recv(r(12)) -> v => v, recv(r(13)) -> v => v, recv(r(14)) -> v => v, recv(r(15)) -> v => v,
        recv(r(16)) -> v => v, recv(r(17)) -> v => v, recv(r(18)) -> v => v, recv(r(19)) -> v => v,
        recv(r(20)) -> v => v, recv(r(21)) -> v => v, recv(r(22)) -> v => v, recv(r(23)) -> v => v,
        recv(r(24)) -> v => v, recv(r(25)) -> v => v, recv(r(26)) -> v => v, recv(r(27)) -> v => v,
        recv(r(28)) -> v => v, recv(r(29)) -> v => v, recv(r(30)) -> v => v, recv(r(31)) -> v => v,
    };
    assert_eq!(got, Ok(29));
}
