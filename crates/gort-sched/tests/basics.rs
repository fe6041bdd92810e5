//! Goroutines end to end: spawn, join, yield, park, panics, hogs, shut-down.

mod common;

use common::{config, run_migrating};
use gort_sched::go;
use gort_sched::park::{Ticket, WaitReason};
use gort_sched::testing::{run, run_with};
use gort_sched::thread::{self, Builder};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn results_come_back() {
    assert_eq!(run(1, || 7), 7);
    let big = run(2, || go(|| [3u64; 100]).join().unwrap());
    assert_eq!(big, [3; 100]);
    let text = run(2, || go(|| String::from("x")).join().unwrap());
    assert_eq!(text, "x");
}

#[test]
fn many_goroutines_all_run() {
    for procs in [1, 2, 4] {
        for migrate in [false, true] {
            let config = config(procs, migrate);
            let sum = run_with(config, || {
                let total = Arc::new(AtomicU64::new(0));
                let all: Vec<_> = (0..5_000u64)
                    .map(|n| {
                        let total = Arc::clone(&total);
                        go(move || {
                            if n % 3 == 0 {
                                thread::yield_now();
                            }
                            total.fetch_add(n, Ordering::Relaxed);
                        })
                    })
                    .collect();
                for g in all {
                    g.join().unwrap();
                }
                total.load(Ordering::Relaxed)
            });
            assert_eq!(sum, 4_999 * 5_000 / 2);
        }
    }
}

#[test]
fn a_panic_is_the_error_of_join() {
    run(2, || {
        let bad = go(|| -> u32 { std::panic::resume_unwind(Box::new("gone")) });
        assert_eq!(*bad.join().unwrap_err().downcast::<&str>().unwrap(), "gone");
    });
}

fn ping_pong(rounds: u32) {
    let a = go(move || {
        for _ in 0..rounds {
            thread::park();
        }
    });
    let target = a.thread();
    while !a.is_finished() {
        target.unpark();
        thread::yield_now();
    }
    a.join().unwrap();
}

#[test]
fn park_and_unpark() {
    for procs in [1, 2] {
        run(procs, || ping_pong(1_000));
        run_migrating(procs, || ping_pong(1_000));
    }
}

#[test]
fn threads_and_goroutines_wake_each_other() {
    run(1, || {
        let g = go(|| {
            for _ in 0..100 {
                thread::park();
            }
            "done"
        });
        let target = g.thread();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let outside = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                target.unpark();
                std::thread::yield_now();
            }
        });
        assert_eq!(g.join().unwrap(), "done");
        stop.store(true, Ordering::Relaxed);
        outside.join().unwrap();
    });
}

#[test]
fn a_ticket_is_claimed_once() {
    run_migrating(2, || {
        for _ in 0..500 {
            let wins = Arc::new(AtomicUsize::new(0));
            let ticket = Ticket::open();
            for code in 0..4 {
                let wins = Arc::clone(&wins);
                go(move || {
                    if ticket.claim(code) {
                        wins.fetch_add(1, Ordering::Relaxed);
                        ticket.wake();
                    }
                });
            }
            assert!(ticket.wait(WaitReason::Park) < 4);
            thread::yield_now();
            assert_eq!(wins.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn scopes_borrow() {
    run(2, || {
        let mut numbers = vec![1, 2, 3];
        let sum = AtomicU64::new(0);
        thread::scope(|s| {
            for n in &mut numbers {
                let sum = &sum;
                s.spawn(move || {
                    *n *= 2;
                    thread::yield_now();
                    sum.fetch_add(*n, Ordering::Relaxed);
                });
            }
        });
        assert_eq!((numbers, sum.into_inner()), (vec![2, 4, 6], 12));
    });
}

/// THREAD-SCOPE: what nobody joins is gone before the scope returns, be it dropped by the goroutine
/// or by its handle.
#[test]
fn a_scope_outlives_its_results() {
    struct Slow<'a>(&'a AtomicU64);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            thread::sleep(std::time::Duration::from_millis(2));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    run(2, || {
        for _ in 0..5 {
            let gone = AtomicU64::new(0);
            thread::scope(|s| {
                s.spawn(|| Slow(&gone));
                let held = s.spawn(|| Slow(&gone));
                drop(s.spawn(|| held.join().unwrap().0.load(Ordering::Relaxed)));
            });
            assert_eq!(gone.into_inner(), 2);
        }
    });
}

#[test]
fn a_scope_reports_the_panics_that_nobody_joined() {
    run(2, || {
        let seen = thread::scope(|s| s.spawn(|| panic!("told")).join().is_err());
        assert!(seen);
        let missed = std::panic::catch_unwind(|| {
            thread::scope(|s| {
                let told = s.spawn(|| panic!("told"));
                s.spawn(|| panic!("not told"));
                assert!(told.join().is_err());
            });
        });
        let text = missed.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(*text, "a scoped thread panicked");
    });
}

#[test]
fn a_name_has_no_null_byte() {
    run(1, || {
        let wrong = || drop(Builder::new().name("a\0b".into()).spawn(|| ()));
        assert!(std::panic::catch_unwind(wrong).is_err());
        assert_eq!(size_of::<Option<thread::ThreadId>>(), size_of::<thread::ThreadId>());
    });
}

#[test]
fn names_sizes_and_numbers() {
    run(1, || {
        assert_eq!(thread::current().id().as_u64(), 1);
        assert_eq!(thread::current().name(), Some("main"));
        let g = Builder::new()
            .name("deep".into())
            .stack_size(4 << 20)
            .spawn(|| {
                fn dig(n: u32) -> u32 {
                    let pad = std::hint::black_box([n; 256]);
                    if n == 0 {
                        pad[0]
                    } else {
                        dig(n - 1) + std::hint::black_box(u32::from(pad[1] > 0))
                    }
                }
                (thread::current().name().map(String::from), dig(2_000))
            })
            .unwrap();
        assert_eq!(g.join().unwrap(), (Some("deep".into()), 2_000));
        assert!(Builder::new().stack_size(2 << 30).spawn(|| ()).is_err());
    });
}

#[test]
fn local_values() {
    gort_sched::goroutine_local! { static N: std::cell::Cell<u32> = std::cell::Cell::new(1); }
    run_migrating(2, || {
        N.set(5);
        let all: Vec<_> = (0..50)
            .map(|i| {
                go(move || {
                    assert_eq!(N.get(), 1);
                    N.set(i);
                    thread::yield_now();
                    assert_eq!(N.get(), i);
                })
            })
            .collect();
        for g in all {
            g.join().unwrap();
        }
        assert_eq!(N.get(), 5);
    });
}

#[test]
fn locked_threads_keep_their_goroutine() {
    run_migrating(2, || {
        let noise: Vec<_> = (0..4)
            .map(|_| {
                go(|| {
                    for _ in 0..200 {
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let g = go(|| {
            let _guard = thread::lock_os_thread();
            let here = gort_sys::thread::id();
            for _ in 0..50 {
                thread::yield_now();
                thread::sleep(Duration::from_micros(50));
                assert_eq!(gort_sys::thread::id(), here);
            }
        });
        g.join().unwrap();
        for g in noise {
            g.join().unwrap();
        }
    });
}

#[test]
fn handles_are_futures() {
    run(2, || {
        for round in 0..200 {
            let slow = go(move || {
                if round % 2 == 0 {
                    thread::yield_now();
                }
                String::from("slow")
            });
            let fast = go(|| 3);
            let both = gort_sched::block_on(async {
                let n = fast.await.unwrap();
                (slow.await.unwrap(), n)
            });
            assert_eq!(both, ("slow".into(), 3));
        }
    });
    // A plain thread may wait for a goroutine's future too; this one may not have run at all.
    let handle = run(1, || go(|| 1u8));
    assert_eq!(gort_sched::block_on(handle).unwrap_or(1), 1);
}
