//! The run queue and the ticket's word under loom, the code itself: every interleaving that the memory
//! model of the language allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p gort-sched --test loom`
#![cfg(loom)]

#[path = "../src/ring.rs"]
#[allow(dead_code, reason = "the models use a part of it")]
mod ring;
#[path = "../src/runq.rs"]
#[allow(dead_code, reason = "the models use a part of it")]
mod runq;
#[path = "../src/word.rs"]
#[allow(dead_code, reason = "the models use a part of it")]
mod word;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use runq::RunQueue;
use word::TicketWord;

fn item(n: usize) -> *mut u8 {
    core::ptr::without_provenance_mut(n)
}

/// RUNQ-1: an owner that pushes past the capacity and pops, and a thief: each item goes to one.
#[test]
fn each_item_goes_to_one_taker() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let queue = Arc::new(RunQueue::<u8, 4>::new());
        let mut mine = Vec::new();
        for n in 1..=3 {
            queue.push(item(n), &mut |p| mine.push(p as usize));
        }
        let thief = {
            let queue = Arc::clone(&queue);
            loom::thread::spawn(move || {
                let own = RunQueue::<u8, 4>::new();
                let mut got = Vec::new();
                if let Some((last, _)) = queue.steal_into(&own) {
                    got.push(last as usize);
                    while let Some(p) = own.pop() {
                        got.push(p as usize);
                    }
                }
                got
            })
        };
        for n in 4..=5 {
            queue.push(item(n), &mut |p| mine.push(p as usize));
        }
        mine.extend(queue.pop().map(|p| p as usize));
        let mut all = thief.join().unwrap();
        while let Some(p) = queue.pop() {
            all.push(p as usize);
        }
        all.extend(mine);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 5]);
    });
}

/// WAKE-ONCE: two wakers and the waiter's commit: one claim wins, and exactly one of waker and waiter
/// makes the waiter run, with the result in its place.
#[test]
fn a_waiter_is_made_runnable_once() {
    loom::model(|| {
        let word = Arc::new(TicketWord::new());
        let (runs, result) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let number = word.open();
        let wakers: Vec<_> = (1..=2u32)
            .map(|code| {
                let (word, runs, result) =
                    (Arc::clone(&word), Arc::clone(&runs), Arc::clone(&result));
                loom::thread::spawn(move || {
                    if word.claim(number, code) {
                        result.store(code as usize, Ordering::Relaxed);
                        if word.wake() {
                            runs.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        if word.commit() {
            runs.fetch_add(1, Ordering::Relaxed);
            assert_ne!(result.load(Ordering::Relaxed), 0, "the result was written before the wake");
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(word.outcome().map(|c| c as usize), Some(result.load(Ordering::Relaxed)));
        word.close();
        assert!(!word.claim(number, 3), "a late claim of an old number fails");
    });
}

/// HOLD-1: who holds a parked waiter and who has claimed it never work on its stack at a time.
#[test]
fn a_held_waiter_is_not_claimed() {
    loom::model(|| {
        let word = Arc::new(TicketWord::new());
        let stack = Arc::new(loom::cell::UnsafeCell::new(0u8));
        let number = word.open();
        assert!(!word.hold(number), "it has not parked yet");
        assert!(!word.commit());
        let holder = {
            let (word, stack) = (Arc::clone(&word), Arc::clone(&stack));
            loom::thread::spawn(move || {
                if word.hold(number) {
                    // SAFETY: HOLD-1, which this model checks.
                    stack.with_mut(|s| unsafe { *s += 1 });
                    word.let_go();
                }
            })
        };
        assert!(word.claim(number, 7));
        assert!(word.wake());
        // SAFETY: WAKE-ONCE — the waiter runs here.
        stack.with_mut(|s| unsafe { *s += 1 });
        holder.join().unwrap();
    });
}
