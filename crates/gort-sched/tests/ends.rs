//! How goroutines, threads and schedulers end, and what they give back.

mod common;

use common::{config, run_migrating};
use gort_sched::testing::{run, run_with, try_run};
use gort_sched::thread::{self, Builder};
use gort_sched::{Config, Scheduler, go};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
