//! Goroutines end to end: spawn, join, yield, park, panics, hogs, shut-down.

use gort_sched::park::{Ticket, WaitReason};
use gort_sched::testing::{run, run_with, try_run};
use gort_sched::thread::{self, Builder};
use gort_sched::{Config, Migrate, Scheduler, go};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Nothing in these tests keeps thread-local state over a park.
fn config(procs: u32, migrate: bool) -> Config {
    // SAFETY: as said above.
    let migrate = if migrate { unsafe { Migrate::yes() } } else { Migrate::NO };
    Config { procs, migrate, ..Config::default() }
}

fn run_migrating<T: Send + 'static>(procs: u32, f: impl FnOnce() -> T + Send + 'static) -> T {
    run_with(config(procs, true), f)
}

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

#[test]
fn detached_results_are_dropped_once() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Counted([u8; 90]);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(usize::from(self.0[0]), Ordering::Relaxed);
        }
    }
    run(2, || {
        for i in 0..100 {
            let handle = go(|| Counted([1; 90]));
            if i % 2 == 0 {
                drop(handle);
            } else if i % 3 == 0 {
                while !handle.is_finished() {
                    thread::yield_now();
                }
                drop(handle);
            } else {
                handle.join().unwrap();
            }
        }
        // What has not run when the main goroutine ends never runs.
        while DROPS.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
    });
    assert_eq!(DROPS.load(Ordering::Relaxed), 100);
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
fn parking_while_unwinding_keeps_the_thread() {
    struct Sleepy;
    impl Drop for Sleepy {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    run_migrating(1, || {
        let bad = go(|| {
            let _sleepy = Sleepy;
            std::panic::resume_unwind(Box::new(1u8));
        });
        let innocent = go(|| {
            for _ in 0..500 {
                thread::yield_now();
                assert!(!std::thread::panicking());
            }
        });
        assert!(bad.join().is_err());
        innocent.join().unwrap();
    });
}

#[test]
fn goroutines_that_wait_for_ever_unwind_at_the_end() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let handle = run(2, || {
        for _ in 0..10 {
            go(|| {
                let _counted = Counted;
                STARTED.fetch_add(1, Ordering::Relaxed);
                thread::park();
                thread::park();
            });
        }
        let kept = go(|| {
            let _counted = Counted;
            STARTED.fetch_add(1, Ordering::Relaxed);
            thread::park();
            thread::park();
        });
        // What has not run when the main goroutine ends never runs.
        while STARTED.load(Ordering::Relaxed) < 11 {
            thread::yield_now();
        }
        kept
    });
    assert_eq!(DROPS.load(Ordering::Relaxed), 11);
    // The handle outlives its scheduler.
    assert!(handle.is_finished());
    assert!(handle.join().is_err());
}

#[test]
fn two_schedulers_live_side_by_side() {
    let other = std::thread::spawn(|| {
        run(2, || (0..100).map(|i| go(move || i).join().unwrap()).sum::<i32>())
    });
    assert_eq!(run(1, || (0..100).map(|i| go(move || i).join().unwrap()).sum::<i32>()), 4950);
    assert_eq!(other.join().unwrap(), 4950);
}

#[test]
fn bad_configurations_are_errors() {
    for procs in [0, 5_000] {
        let e = try_run(Config { procs, ..Config::default() }, || ()).unwrap_err();
        assert!(e.to_string().contains(&procs.to_string()));
    }
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

#[test]
fn idle_threads_end() {
    let config = Config { idle_thread: Duration::from_millis(5), ..config(4, true) };
    run_with(config, || {
        let all: Vec<_> = (0..20)
            .map(|_| go(|| thread::blocking(|| std::thread::sleep(Duration::from_millis(3)))))
            .collect();
        for g in all {
            g.join().unwrap();
        }
        let threads = || Scheduler::with_current(Scheduler::stats).unwrap().threads;
        while threads() > 3 {
            thread::sleep(Duration::from_millis(2));
        }
    });
}

#[test]
fn parked_goroutines_give_back_what_they_do_not_use() {
    /// Touches most of the stack, and returns where it was.
    #[inline(never)]
    fn deep() -> usize {
        let frame = std::hint::black_box([1u8; 100 << 10]);
        frame.as_ptr() as usize
    }
    fn resident(page: usize) -> bool {
        let mut byte = 0u8;
        // SAFETY: one page of a goroutine's stack, which stays mapped; `byte` takes the answer.
        unsafe { libc::mincore((page & !4095) as *mut _, 4096, &raw mut byte) };
        byte & 1 == 1
    }
    run_migrating(2, || {
        let (tx, rx) = std::sync::mpsc::channel();
        let all: Vec<_> = (0..40)
            .map(|i| {
                let tx = tx.clone();
                Builder::new()
                    .stack_size(300 << 10)
                    .spawn(move || {
                        let kept = std::hint::black_box([i as u8; 2000]);
                        tx.send(deep()).unwrap();
                        thread::park();
                        assert!(kept.iter().all(|&b| b == i as u8));
                        deep();
                    })
                    .unwrap()
            })
            .collect();
        let mut places = Vec::new();
        while places.len() < 40 {
            places.extend(rx.try_iter());
            thread::yield_now();
        }
        let left = || places.iter().filter(|&&p| resident(p)).count();
        // Two looks at each; some may be looked at before they have parked.
        while left() > 0 {
            Scheduler::with_current(|s| s.trim_parked(100));
            thread::yield_now();
        }
        for g in all {
            g.thread().unpark();
            g.join().unwrap();
        }
    });
}

#[test]
fn a_scheduler_outlives_its_owner_and_refuses_after_its_end() {
    // SCHED-MEM: dropping the last `Arc` frees nothing that a handle or a thread may still use.
    let s = Scheduler::new(config(1, false)).unwrap();
    let orphan = s.spawn(|| 1);
    drop(s);
    assert_eq!(orphan.join().unwrap(), 1);
    let s = Scheduler::new(config(2, false)).unwrap();
    s.start_sysmon().unwrap();
    s.begin();
    let kept = Arc::clone(&s);
    let early = s.spawn(|| 2);
    assert!(s.shut_down(Duration::from_secs(10)));
    assert!(early.is_finished());
    assert!(kept.try_spawn(|| 3).unwrap_err().to_string().contains("has ended"));
    drop(kept);
    // The handle holds the memory that is left.
    assert_eq!(early.join().unwrap_or(2), 2);
}
