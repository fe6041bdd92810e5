//! std counts panics by thread: who parks, yields or computes while it unwinds has its thread for itself; and
//! `no_park`, inside which nobody parks.

mod common;
#[path = "common/quiet.rs"]
mod quiet;

use common::config;
use gort_sched::park::{SHUTDOWN, Ticket, WaitReason, unwind};
use gort_sched::testing::run_with;
use gort_sched::{Parker, go, thread};
use quiet::{NO_PARK, PLANNED, expect_panics, text};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Runs `f` when it is dropped.
struct AtEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A goroutine unwinds through `destructor`, beside innocent ones of the same processor. The thread that it has for itself,
/// or 0, stands in `owned`.
fn unwinds_alone(procs: u32, migrate: bool, destructor: fn()) {
    expect_panics();
    run_with(config(procs, migrate), move || {
        let owned = Arc::new(AtomicI32::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let innocents: Vec<_> = (0..4)
            .map(|_| {
                let (owned, stop) = (Arc::clone(&owned), Arc::clone(&stop));
                go(move || {
                    while !stop.load(SeqCst) {
                        thread::yield_now();
                        assert!(!std::thread::panicking() && !thread::panicking());
                        assert_ne!(owned.load(SeqCst), gort_sys::thread::id(), "not alone");
                    }
                })
            })
            .collect();
        for _ in 0..5 {
            let owned = Arc::clone(&owned);
            let bad = go(move || {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    let _end = AtEnd(|| {
                        let here = gort_sys::thread::id();
                        owned.store(here, SeqCst);
                        destructor();
                        assert_eq!(gort_sys::thread::id(), here);
                        assert!(std::thread::panicking());
                        owned.store(0, SeqCst);
                    });
                    panic!("{PLANNED}");
                }));
                assert!(result.is_err() && !std::thread::panicking());
                // The thread is everybody's again.
                thread::yield_now();
            });
            bad.join().unwrap();
        }
        stop.store(true, SeqCst);
        for g in innocents {
            g.join().unwrap();
        }
    });
}

#[test]
fn who_parks_while_it_unwinds_keeps_the_thread() {
    for (procs, migrate) in [(1, false), (1, true), (2, false), (2, true)] {
        unwinds_alone(procs, migrate, || thread::sleep(Duration::from_millis(1)));
        unwinds_alone(procs, migrate, || go(thread::yield_now).join().unwrap());
    }
}

#[test]
fn who_yields_while_it_unwinds_keeps_the_thread_and_lets_others_run() {
    fn destructor() {
        let run = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&run);
        let other = go(move || run.store(true, SeqCst));
        while !seen.load(SeqCst) {
            thread::yield_now();
        }
        drop(other);
    }
    for (procs, migrate) in [(1, false), (1, true), (2, true)] {
        unwinds_alone(procs, migrate, destructor);
    }
}

#[test]
fn who_loses_its_processor_while_it_unwinds_keeps_the_thread() {
    /// Long enough for sysmon; then the runtime is entered by a call that does not park.
    fn destructor() {
        let end = Instant::now() + Duration::from_millis(25);
        while Instant::now() < end {}
        thread::blocking(|| ());
        go(|| ());
    }
    for migrate in [false, true] {
        unwinds_alone(1, migrate, destructor);
    }
}

#[test]
fn a_scope_ends_while_its_spawner_unwinds() {
    fn destructor() {
        let mut sums = [0; 3];
        thread::scope(|s| {
            for (n, sum) in sums.iter_mut().enumerate() {
                s.spawn(move || {
                    thread::yield_now();
                    *sum = n + 1;
                });
            }
        });
        assert_eq!(sums, [1, 2, 3]);
    }
    for (procs, migrate) in [(1, false), (1, true), (2, true)] {
        unwinds_alone(procs, migrate, destructor);
    }
}

#[test]
fn two_panics_at_once_each_have_their_thread() {
    expect_panics();
    for migrate in [false, true] {
        run_with(config(1, migrate), || {
            let bad: Vec<_> = (0..6)
                .map(|n| {
                    go(move || {
                        let _end = AtEnd(|| {
                            // A panic inside, caught: std counts two on this thread, and one again.
                            let inner = catch_unwind(|| {
                                let _end = AtEnd(|| thread::sleep(Duration::from_millis(1)));
                                panic!("{PLANNED}");
                            });
                            assert!(inner.is_err() && std::thread::panicking());
                            thread::sleep(Duration::from_millis(n % 3));
                        });
                        panic!("{PLANNED}");
                    })
                })
                .collect();
            for g in bad {
                assert_eq!(text(&*g.join().unwrap_err()), PLANNED);
                assert!(!std::thread::panicking());
            }
        });
    }
}

fn refused(f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(|| thread::no_park(f))).expect_err("it parked");
    assert_eq!(text(&*payload), NO_PARK);
}

#[test]
fn parks_inside_no_park_are_panics() {
    expect_panics();
    for migrate in [false, true] {
        run_with(config(2, migrate), || {
            refused(|| thread::sleep(Duration::from_secs(1)));
            refused(thread::park);
            refused(|| thread::park_timeout(Duration::from_secs(1)));
            let (goes, slow) = (Arc::new(Parker::new()), Arc::new(Parker::new()));
            let (go_on, runs) = (Arc::clone(&goes), Arc::clone(&slow));
            let g = go(move || {
                runs.unpark();
                go_on.park(WaitReason::Park, None);
            });
            slow.park(WaitReason::Park, None);
            let mut handle = Some(g);
            refused(|| handle.take().unwrap().join().unwrap());
            refused(|| gort_sched::block_on(std::future::pending()));
            // Nested: the inner end does not end the outer.
            refused(|| {
                thread::no_park(|| ());
                thread::park();
            });
            // Nothing is left behind: the same waits work now, and what does not wait is no park.
            goes.unpark();
            thread::park_timeout(Duration::from_micros(1));
            thread::current().unpark();
            thread::no_park(thread::park);
            thread::no_park(thread::yield_now);
            assert_eq!(thread::no_park(|| go(|| 3)).join().unwrap(), 3);
        });
    }
    // On a plain thread nobody else runs meanwhile.
    thread::no_park(|| thread::sleep(Duration::from_micros(1)));
}

/// Either the wait is refused, and nobody has claimed it; or it was claimed, and what was handed over arrives.
#[test]
fn what_is_handed_over_at_that_moment_is_not_lost() {
    expect_panics();
    let rounds = 300;
    run_with(config(2, true), move || {
        let mut outcomes = [0; 2];
        for round in 0..rounds {
            let ticket = Ticket::open();
            let waker = std::thread::spawn(move || {
                for _ in 0..round % 50 {
                    std::hint::spin_loop();
                }
                let won = ticket.claim(7);
                if won {
                    std::thread::yield_now();
                    ticket.wake();
                }
                won
            });
            for _ in 0..round % 7 {
                std::thread::yield_now();
            }
            let result = catch_unwind(AssertUnwindSafe(|| {
                thread::no_park(|| match ticket.wait(WaitReason::Park) {
                    SHUTDOWN => unwind(),
                    code => code,
                })
            }));
            let won = waker.join().unwrap();
            assert_eq!(result.ok(), won.then_some(7));
            outcomes[usize::from(won)] += 1;
        }
        assert_eq!(outcomes.iter().sum::<u32>(), rounds);
    });
}

#[test]
fn no_park_keeps_the_thread_when_its_processor_is_taken() {
    for migrate in [false, true] {
        let handoffs = run_with(config(1, migrate), || {
            let (mine, ran) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)));
            let stop = Arc::new(AtomicBool::new(false));
            let others: Vec<_> = (0..3)
                .map(|_| {
                    let (mine, ran, stop) =
                        (Arc::clone(&mine), Arc::clone(&ran), Arc::clone(&stop));
                    go(move || {
                        while !stop.load(SeqCst) {
                            assert_ne!(mine.load(SeqCst), gort_sys::thread::id());
                            ran.fetch_add(1, SeqCst);
                            thread::yield_now();
                        }
                    })
                })
                .collect();
            thread::no_park(|| {
                let here = gort_sys::thread::id();
                mine.store(here, SeqCst);
                for _ in 0..3 {
                    // The only processor is taken away, or nobody else would run.
                    let before = ran.load(SeqCst);
                    while ran.load(SeqCst) < before + 10 {
                        std::hint::spin_loop();
                    }
                    // Each of these enters the runtime without a processor.
                    go(|| ());
                    thread::yield_now();
                    thread::blocking(|| ());
                    thread::current().unpark();
                    thread::park();
                    assert_eq!(gort_sys::thread::id(), here);
                }
                mine.store(0, SeqCst);
            });
            stop.store(true, SeqCst);
            for g in others {
                g.join().unwrap();
            }
            gort_sched::Scheduler::with_current(|s| s.stats().handoffs).unwrap()
        });
        assert!(handoffs > 0);
    }
}

#[test]
fn a_destructor_that_parks_inside_no_park_waits() {
    expect_panics();
    fn destructor() {
        thread::no_park(|| thread::sleep(Duration::from_millis(1)));
    }
    for migrate in [false, true] {
        unwinds_alone(1, migrate, destructor);
        run_with(config(1, migrate), || {
            let payload = catch_unwind(|| {
                thread::no_park(|| {
                    let _end = AtEnd(|| go(thread::yield_now).join().unwrap());
                    panic!("{PLANNED}");
                })
            });
            assert_eq!(text(&*payload.unwrap_err()), PLANNED);
        });
    }
}

#[test]
fn a_scope_inside_no_park_ends() {
    for (procs, migrate) in [(1, false), (2, true)] {
        let sum = run_with(config(procs, migrate), || {
            let sum = AtomicUsize::new(0);
            thread::no_park(|| {
                thread::scope(|s| {
                    for n in 1..=4 {
                        let sum = &sum;
                        s.spawn(move || {
                            thread::yield_now();
                            sum.fetch_add(n, SeqCst);
                        });
                    }
                });
            });
            sum.into_inner()
        });
        assert_eq!(sum, 10);
    }
}
