//! What Go's own scheduler tests ask of goroutines: progress of who yields, locked threads, parallelism, preemption after
//! system calls, many processors, counts.

mod common;

use common::{config, run_migrating};
use gort_sched::testing::{run_with, try_run};
use gort_sched::thread::{self, OsThreadGuard};
use gort_sched::{Config, Scheduler, go};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn both(procs: u32, f: fn()) {
    for migrate in [false, true] {
        run_with(config(procs, migrate), f);
    }
}

/// Yields until `stop`, with its thread locked or not.
fn yielder(locked: bool, stop: &Arc<AtomicBool>) -> gort_sched::JoinHandle<u32> {
    let stop = Arc::clone(stop);
    go(move || {
        let _guard: Option<OsThreadGuard> = locked.then(thread::lock_os_thread);
        let mut yields = 0;
        while !stop.load(SeqCst) {
            thread::yield_now();
            yields += 1;
        }
        yields
    })
}

#[test]
fn who_yields_lets_others_progress_locked_or_not() {
    // In the bound mode whoever has run on a thread waits until that is unlocked.
    for (migrate, locked) in [(false, false), (true, false), (true, true)] {
        run_with(config(1, migrate), move || {
            let stop = Arc::new(AtomicBool::new(false));
            let g = yielder(locked, &stop);
            // The other one's turn comes at each yield, not when its slice is over.
            for _ in 0..100 {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(2));
            stop.store(true, SeqCst);
            assert!(g.join().unwrap() > 0);
        });
    }
}

#[test]
fn two_locked_goroutines_take_turns_on_one_processor() {
    both(1, || {
        let turns = Arc::new(AtomicU32::new(0));
        let all: Vec<_> = (0..2u32)
            .map(|me| {
                let turns = Arc::clone(&turns);
                go(move || {
                    let _guard = thread::lock_os_thread();
                    let mut yields = 0u32;
                    for n in 0..50 {
                        while turns.load(SeqCst) != 2 * n + me {
                            thread::yield_now();
                            // Until the other one's first turn its thread is being made.
                            yields += u32::from(n > 1);
                        }
                        turns.fetch_add(1, SeqCst);
                    }
                    yields
                })
            })
            .collect();
        for g in all {
            // One or two for each turn; a slice of 10 ms would have room for tens of thousands.
            assert!(g.join().unwrap() < 10_000);
        }
    });
}

#[test]
fn who_yields_and_sleeps_with_its_thread_locked_comes_to_an_end() {
    both(1, || {
        let g = go(|| {
            let _guard = thread::lock_os_thread();
            for _ in 0..10 {
                thread::yield_now();
                thread::sleep(Duration::from_micros(200));
            }
        });
        g.join().unwrap();
    });
}

/// Runs beside, yields, and says on which threads it was.
fn wanderers(stop: &Arc<AtomicBool>, owned: &Arc<AtomicI32>) -> Vec<gort_sched::JoinHandle<()>> {
    let wanderer = |_| {
        let (stop, owned) = (Arc::clone(stop), Arc::clone(owned));
        go(move || {
            while !stop.load(SeqCst) {
                assert_ne!(owned.load(SeqCst), gort_sys::thread::id(), "the thread is locked");
                thread::yield_now();
            }
        })
    };
    (0..4).map(wanderer).collect()
}

#[test]
fn locks_of_a_thread_nest() {
    both(2, || {
        let (stop, owned) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(0)));
        let others = wanderers(&stop, &owned);
        let mine = Arc::clone(&owned);
        let g = go(move || {
            let here = gort_sys::thread::id();
            let first = thread::lock_os_thread();
            mine.store(here, SeqCst);
            let check = || {
                for _ in 0..20 {
                    thread::yield_now();
                    thread::sleep(Duration::from_micros(20));
                    assert_eq!(gort_sys::thread::id(), here);
                }
            };
            let second = thread::lock_os_thread();
            check();
            drop(second);
            check();
            // In any order.
            let third = thread::lock_os_thread();
            drop(first);
            check();
            mine.store(0, SeqCst);
            drop(third);
            thread::yield_now();
        });
        g.join().unwrap();
        stop.store(true, SeqCst);
        for g in others {
            g.join().unwrap();
        }
    });
}

#[test]
fn who_ends_with_its_thread_locked_leaves_it_to_others() {
    both(1, || {
        for _ in 0..20 {
            let g = go(|| std::mem::forget(thread::lock_os_thread()));
            g.join().unwrap();
            let g = go(|| {
                std::mem::forget(thread::lock_os_thread());
                std::panic::resume_unwind(Box::new(()));
            });
            assert!(g.join().is_err());
        }
        // A burst of them, all at once: threads come, and are used again.
        let all: Vec<_> = (0..30)
            .map(|_| {
                go(|| {
                    std::mem::forget(thread::lock_os_thread());
                    thread::sleep(Duration::from_micros(500));
                })
            })
            .collect();
        all.into_iter().for_each(|g| g.join().unwrap());
        assert_eq!(go(|| 1).join().unwrap(), 1);
    });
}

/// The guard is put away in a thread-local, and dropped by another goroutine: that one has locked nothing.
#[test]
fn a_guard_that_a_thread_local_kept_unlocks_nobody_else() {
    std::thread_local! {
        static KEPT: std::cell::RefCell<Vec<OsThreadGuard>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    run_with(config(1, false), || {
        let (stop, owned) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(0)));
        for _ in 0..8 {
            let keep = || KEPT.with_borrow_mut(|kept| kept.push(thread::lock_os_thread()));
            go(keep).join().unwrap();
        }
        let others = wanderers(&stop, &owned);
        let mine = Arc::clone(&owned);
        go(move || {
            let _guard = thread::lock_os_thread();
            mine.store(gort_sys::thread::id(), SeqCst);
            KEPT.with_borrow_mut(Vec::clear);
            for _ in 0..50 {
                thread::yield_now();
            }
            mine.store(0, SeqCst);
        })
        .join()
        .unwrap();
        stop.store(true, SeqCst);
        for g in others {
            g.join().unwrap();
        }
    });
}

/// So many goroutines run at the same time that each sees all the others count.
#[test]
fn as_many_run_as_there_are_processors() {
    both(4, || {
        for round in 0..3 {
            let count = Arc::new(AtomicUsize::new(0));
            let all: Vec<_> = (0..4)
                .map(|n| {
                    let count = Arc::clone(&count);
                    go(move || {
                        for turn in 0..10 {
                            while count.load(SeqCst) != 4 * turn + n {
                                std::hint::spin_loop();
                                std::thread::yield_now();
                            }
                            count.fetch_add(1, SeqCst);
                        }
                    })
                })
                .collect();
            if round % 2 == 0 {
                thread::yield_now();
            }
            all.into_iter().for_each(|g| g.join().unwrap());
            assert_eq!(count.load(SeqCst), 40);
        }
    });
}

/// A goroutine that came back from a system call and computes for ever is told from one that still blocks.
#[test]
fn who_computes_after_a_system_call_loses_its_processor() {
    for blocks_us in [10, 100, 1000] {
        run_migrating(1, move || {
            for _ in 0..3 {
                let stop = Arc::new(AtomicBool::new(false));
                let seen = Arc::clone(&stop);
                let hog = go(move || {
                    thread::blocking(|| std::thread::sleep(Duration::from_micros(blocks_us)));
                    while !seen.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                });
                // The one processor is needed for this.
                thread::sleep(Duration::from_millis(1));
                go(thread::yield_now).join().unwrap();
                stop.store(true, SeqCst);
                hog.join().unwrap();
            }
        });
    }
}

#[test]
fn one_processor_is_shared_by_hogs_and_a_pair() {
    run_migrating(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..3)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(move || {
                    while !stop.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        let main = thread::current();
        let pong = go(move || {
            for _ in 0..10 {
                thread::park();
                main.unpark();
            }
        });
        let ping = pong.thread();
        for _ in 0..10 {
            ping.unpark();
            thread::park();
        }
        pong.join().unwrap();
        stop.store(true, SeqCst);
        hogs.into_iter().for_each(|g| g.join().unwrap());
    });
}

#[test]
fn a_thousand_processors() {
    let most = Scheduler::MAX_PROCS;
    let sum = run_with(config(most, true), move || {
        assert_eq!(Scheduler::with_current(|s| s.procs()), Some(most));
        (0..2_000u64).map(|n| go(move || n)).map(|g| g.join().unwrap()).sum::<u64>()
    });
    assert_eq!(sum, 1_999_000);
    let e = try_run(Config { procs: most + 1, ..Config::default() }, || ()).unwrap_err();
    assert!(e.to_string().contains("1024"), "{e}");
}

#[test]
fn goroutines_are_counted() {
    both(2, || {
        let count = || Scheduler::with_current(Scheduler::goroutines).unwrap();
        assert_eq!(count(), 1);
        let all: Vec<_> = (0..50).map(|_| go(thread::park)).collect();
        assert_eq!(count(), 51);
        for g in &all {
            g.thread().unpark();
        }
        all.into_iter().for_each(|g| g.join().unwrap());
        while count() > 1 {
            thread::yield_now();
        }
    });
}

/// The number of processors changes while all yield, spawn and wait.
#[test]
fn processors_come_and_go_beside_work() {
    both(2, || {
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..4)
            .map(|n| {
                let stop = Arc::clone(&stop);
                go(move || {
                    while !stop.load(SeqCst) {
                        match n % 3 {
                            0 => go(|| ()).join().unwrap(),
                            1 => thread::sleep(Duration::from_micros(30)),
                            _ => thread::yield_now(),
                        }
                    }
                })
            })
            .collect();
        for n in 0..20 {
            Scheduler::with_current(|s| s.set_procs(1 + n % 5).unwrap());
            thread::yield_now();
            go(thread::yield_now).join().unwrap();
        }
        stop.store(true, SeqCst);
        busy.into_iter().for_each(|g| g.join().unwrap());
    });
}
