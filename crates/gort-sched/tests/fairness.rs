//! Nobody holds up the others for good: hogs, blocking calls, spinners, pairs, sleepers.

mod common;

use common::{config, run_migrating};
use gort_sched::park::{Ticket, WaitReason};
use gort_sched::testing::{run, run_with};
use gort_sched::thread;
use gort_sched::{Config, Scheduler, go};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn sleep_and_deadlines() {
    run(2, || {
        let before = std::time::Instant::now();
        let all: Vec<_> = (0..200u64)
            .map(|i| go(move || thread::sleep(Duration::from_micros(500 + i * 13 % 700))))
            .collect();
        for g in all {
            g.join().unwrap();
        }
        assert!(before.elapsed() >= Duration::from_micros(500));
        thread::park_timeout(Duration::from_millis(1));
        let ticket = Ticket::open();
        let code = ticket.wait_until(WaitReason::Sleep, gort_sys::clock::nanos() + 1_000_000);
        assert_eq!(code, gort_sched::park::TIMEOUT);
        assert!(!ticket.claim(0));
    });
}

#[test]
fn a_hog_does_not_stop_the_others() {
    // HANDOFF-1 end to end, with and without membarrier.
    for no_membarrier in [false, true] {
        let config = Config { no_membarrier, ..config(1, true) };
        run_with(config, || {
            let stop = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&stop);
            let hog = go(move || {
                let mut n = 0u64;
                while !seen.load(Ordering::Relaxed) {
                    n = std::hint::black_box(n + 1);
                }
                n
            });
            // The hog gets the only P; this goroutine comes back by the timer and sysmon.
            thread::sleep(Duration::from_millis(1));
            stop.store(true, Ordering::Relaxed);
            assert!(hog.join().unwrap() > 0);
        });
    }
}

#[test]
fn blocking_calls_overlap() {
    run_migrating(1, || {
        let all: Vec<_> = (0..20)
            .map(|_| go(|| thread::blocking(|| std::thread::sleep(Duration::from_millis(5)))))
            .collect();
        for g in all {
            g.join().unwrap();
        }
        assert!(Scheduler::with_current(Scheduler::stats).unwrap().handoffs > 0);
    });
}

#[test]
fn a_blocking_call_may_use_the_runtime() {
    // LEND-1: the processor comes back for it; a panic unwinds through the call.
    for migrate in [false, true] {
        run_with(config(1, migrate), || {
            let nap = || std::thread::sleep(Duration::from_micros(300));
            for _ in 0..20 {
                let all: Vec<_> = (0..8)
                    .map(|n| {
                        go(move || {
                            thread::blocking(|| {
                                nap();
                                thread::yield_now();
                                thread::blocking(nap);
                                assert_ne!(n, 3);
                                go(move || n).join().unwrap()
                            })
                        })
                    })
                    .collect();
                for (n, g) in all.into_iter().enumerate() {
                    assert_eq!(g.join().ok(), (n != 3).then_some(n));
                }
            }
        });
    }
}

#[test]
fn a_hog_in_the_bound_mode_holds_up_only_its_thread() {
    run(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        // On a thread of its own: whoever is bound to the main goroutine's thread is not held up.
        let hog = go(move || {
            while !seen.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let fresh = go(move || stop.store(true, Ordering::Relaxed));
        fresh.join().unwrap();
        hog.join().unwrap();
    });
}

#[test]
fn two_hundred_blocking_calls() {
    run_migrating(2, || {
        let all: Vec<_> = (0..200)
            .map(|_| {
                go(|| {
                    for _ in 0..3 {
                        thread::blocking(|| std::thread::sleep(Duration::from_millis(1)));
                    }
                })
            })
            .collect();
        for g in all {
            g.join().unwrap();
        }
    });
}

#[test]
fn spinners_on_all_processors_run() {
    // WAKE-1: each waits for all others; one that stayed behind would hang the test.
    run_migrating(2, || {
        for _ in 0..200 {
            let here = Arc::new(AtomicUsize::new(0));
            let all: Vec<_> = (0..2)
                .map(|_| {
                    let here = Arc::clone(&here);
                    go(move || {
                        here.fetch_add(1, Ordering::SeqCst);
                        while here.load(Ordering::SeqCst) < 2 {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            for g in all {
                g.join().unwrap();
            }
        }
    });
}

#[test]
fn a_pair_does_not_starve_the_queue() {
    // SCHED-6: two goroutines that ready each other inherit one slice; the third runs all the same.
    run(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let a = go(move || {
            while !seen.load(Ordering::Relaxed) {
                thread::park();
            }
        });
        let (target, seen) = (a.thread(), Arc::clone(&stop));
        let b = go(move || {
            while !seen.load(Ordering::Relaxed) {
                target.unpark();
                thread::yield_now();
            }
            target.unpark();
        });
        let third = go(move || stop.store(true, Ordering::Relaxed));
        for g in [a, b, third] {
            g.join().unwrap();
        }
    });
}
