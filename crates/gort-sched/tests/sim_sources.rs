//! The scheduler's own sources in the simulator: the run queue, the ticket's word and the counts of
//! the wake-up, with a point before each of their atomic accesses. (loom explores what weak memory
//! adds; here are longer programs, and more goroutines, under random schedules.)
//!
//! `GORT_SIM_SCHEDULES` says how many schedules each is given (200).
#![cfg(not(loom))]

// What the sources take from `gort_sys::atomic` is here the simulator's.
extern crate self as gort_sys;

/// In the place of gort-sys's.
pub mod atomic {
    pub use gort_sched::sim::atomic::*;
}

#[path = "../src/runq.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part of it is used")]
mod runq;
#[path = "../src/supply.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod supply;
#[path = "../src/word.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod word;

use gort_sched::go;
use gort_sched::sim::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use gort_sched::sim::{Config, Failure, search};
use gort_sched::thread::yield_now;
use runq::RunQueue;
use std::sync::{Arc, Mutex};
use supply::Supply;
use word::TicketWord;

fn explore(program: impl Fn() + Send + Sync + 'static) -> Result<(), Box<Failure>> {
    let schedules =
        std::env::var("GORT_SIM_SCHEDULES").map_or(200, |n| n.parse().expect("a number"));
    search(&Config::default(), schedules, program).map(|_| ())
}

fn item(n: usize) -> *mut u8 {
    core::ptr::without_provenance_mut(n)
}

/// RUNQ-1: an owner that pushes, spills and pops, and two thieves: each item goes to one, in the
/// order of the queue for each taker.
#[test]
fn each_item_goes_to_one_taker() {
    let program = || {
        let queue = Arc::new(RunQueue::<u8, 4>::new());
        let done = Arc::new(AtomicBool::new(false));
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let (queue, done) = (Arc::clone(&queue), Arc::clone(&done));
                go(move || {
                    let (own, mut got) = (RunQueue::<u8, 4>::new(), Vec::new());
                    while !done.load(SeqCst) {
                        if let Some((last, n)) = queue.steal_into(&own) {
                            let before = got.len();
                            while let Some(p) = own.pop() {
                                got.push(p as usize);
                            }
                            got.push(last as usize);
                            assert_eq!(got.len() - before, n as usize);
                        }
                        yield_now();
                    }
                    assert!(got.is_sorted(), "{got:?}");
                    got
                })
            })
            .collect();
        let mut all = Vec::new();
        for n in 1..=8 {
            queue.push(item(n), &mut |p| all.push(p as usize));
            if n % 3 == 0 {
                all.extend(queue.pop().map(|p| p as usize));
            }
        }
        while let Some(p) = queue.pop() {
            all.push(p as usize);
        }
        done.store(true, SeqCst);
        for thief in thieves {
            all.extend(thief.join().expect("no panic"));
        }
        all.sort_unstable();
        assert_eq!(all, (1..=8).collect::<Vec<_>>());
    };
    explore(program).unwrap_or_else(|failure| panic!("{failure}"));
}

/// WAKE-ONCE, HOLD-1: a waiter, three wakers and one who holds its stack for a moment. One waker wins;
/// the waiter is made runnable once, after its commit, and never while it is held.
#[test]
fn a_wait_ends_once() {
    let program = || {
        let word = Arc::new(TicketWord::new());
        let (runs, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let number = word.open();
        let run = {
            let (runs, held) = (Arc::clone(&runs), Arc::clone(&held));
            move || {
                assert!(!held.load(SeqCst), "it runs on a stack that is held");
                runs.fetch_add(1, SeqCst);
            }
        };
        let wakers: Vec<_> = (1..4)
            .map(|code| {
                let (word, run) = (Arc::clone(&word), run.clone());
                go(move || {
                    let won = word.claim(number, code);
                    if won && word.wake() {
                        run();
                    }
                    if won { Some(code) } else { None }
                })
            })
            .collect();
        let holder = {
            let (word, held) = (Arc::clone(&word), Arc::clone(&held));
            go(move || {
                if word.hold(number) {
                    held.store(true, SeqCst);
                    held.store(false, SeqCst);
                    word.let_go();
                }
            })
        };
        if word.commit() {
            run();
        }
        let winners: Vec<u32> = wakers.into_iter().filter_map(|w| w.join().expect("ok")).collect();
        holder.join().expect("ok");
        assert_eq!((winners.len(), runs.load(SeqCst)), (1, 1));
        assert_eq!(word.outcome(), Some(winners[0]));
        word.close();
        assert!(!word.claim(number, 9));
    };
    explore(program).unwrap_or_else(|failure| panic!("{failure}"));
}

/// WAKE-1 on the real counts: wakers publish and look for a sleeper; workers that find nothing make
/// their P idle and look once more. Nothing is left in the queue when all sleep. `LOOK` is S2.
fn wake_protocol<const LOOK: bool>() {
    struct World {
        supply: Supply,
        queue: Mutex<Vec<usize>>,
        /// Sleepers, as tasks to unpark.
        asleep: Mutex<Vec<gort_sched::thread::Thread>>,
        done: Mutex<usize>,
        over: AtomicBool,
    }
    const ITEMS: usize = 4;
    const WORKERS: usize = 2;
    impl World {
        fn take(&self) -> Option<usize> {
            gort_sched::sim::point();
            self.queue.lock().expect("ok").pop()
        }
        fn wake_one(&self) {
            if self.supply.look().wants_a_spinner() && self.supply.claim_spin() {
                gort_sched::sim::point();
                let sleeper = self.asleep.lock().expect("ok").pop();
                match sleeper {
                    // It wakes up as a spinner.
                    Some(sleeper) => {
                        self.supply.sub_idle();
                        sleeper.unpark();
                    }
                    None => _ = self.supply.stop_spin(),
                }
            }
        }
    }
    let world = Arc::new(World {
        supply: Supply::new(),
        queue: Mutex::default(),
        asleep: Mutex::default(),
        done: Mutex::new(0),
        over: AtomicBool::new(false),
    });
    for _ in 0..WORKERS {
        let world = Arc::clone(&world);
        drop(go(move || {
            let mut spinning = false;
            loop {
                if world.over.load(SeqCst) {
                    return;
                }
                if world.take().is_some() {
                    if core::mem::take(&mut spinning) && world.supply.stop_spin() {
                        world.wake_one();
                    }
                    *world.done.lock().expect("ok") += 1;
                    continue;
                }
                // S1: idle, and no spinner.
                world.asleep.lock().expect("ok").push(gort_sched::thread::current());
                world.supply.add_idle();
                if core::mem::take(&mut spinning) {
                    let _last = world.supply.stop_spin();
                }
                // S2.
                gort_sched::sim::point();
                if LOOK && !world.queue.lock().expect("ok").is_empty() {
                    let me = gort_sched::thread::current().id();
                    let mut asleep = world.asleep.lock().expect("ok");
                    if let Some(at) = asleep.iter().position(|t| t.id() == me) {
                        asleep.remove(at);
                        drop(asleep);
                        world.supply.sub_idle();
                        continue;
                    }
                }
                gort_sched::thread::park();
                spinning = true;
            }
        }));
    }
    for n in 0..ITEMS {
        world.queue.lock().expect("ok").push(n);
        world.wake_one();
    }
    // Everybody who can do something does it.
    gort_sched::thread::sleep(std::time::Duration::from_millis(1));
    let left = world.queue.lock().expect("ok").len();
    world.over.store(true, SeqCst);
    let asleep = core::mem::take(&mut *world.asleep.lock().expect("ok"));
    asleep.iter().for_each(gort_sched::thread::Thread::unpark);
    assert_eq!((left, *world.done.lock().expect("ok")), (0, ITEMS), "work stays behind");
}

#[test]
fn no_wake_is_lost() {
    explore(wake_protocol::<true>).unwrap_or_else(|f| panic!("{f}\n{}", f.report.log()));
}

/// The same without the second look: the simulator finds what stays behind.
#[test]
fn without_the_second_look_a_wake_is_lost() {
    let found = search(&Config::default(), 10_000, wake_protocol::<false>);
    let failure = found.expect_err("the mutant lives");
    assert!(failure.to_string().contains("work stays behind"), "{failure}");
    assert!(failure.repeats);
}
