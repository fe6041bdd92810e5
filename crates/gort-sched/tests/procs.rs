//! SCHED-3: the number of processors changes while goroutines run, wait and sleep.

use gort_sched::testing::run_with;
use gort_sched::{Config, Migrate, SchedError, Scheduler, go, thread};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

fn set_procs(n: u32) -> Result<u32, SchedError> {
    Scheduler::with_current(|s| s.set_procs(n)).expect("a goroutine calls")
}

fn config(procs: u32, migrate: bool) -> Config {
    // SAFETY: nothing here keeps thread-local state over a park.
    let migrate = if migrate { unsafe { Migrate::yes() } } else { Migrate::NO };
    Config { procs, migrate, ..Config::default() }
}

#[test]
fn it_says_what_it_was() {
    run_with(config(2, false), || {
        assert_eq!(set_procs(3), Ok(2));
        assert_eq!(set_procs(1), Ok(3));
        assert_eq!(set_procs(0), Err(SchedError::Procs { asked: 0 }));
        let too_many = Scheduler::MAX_PROCS + 1;
        assert_eq!(set_procs(too_many), Err(SchedError::Procs { asked: too_many }));
        assert_eq!(Scheduler::with_current(Scheduler::procs), Some(1));
        thread::yield_now();
        let all: Vec<_> = (0..100).map(|n| go(move || n)).collect();
        assert_eq!(all.into_iter().map(|g| g.join().unwrap()).sum::<u64>(), 4950);
    });
}

/// PROCS-1: under load nothing is lost, whichever way the number goes.
#[test]
fn nothing_is_lost_under_load() {
    for migrate in [true, false] {
        let done = run_with(config(2, migrate), move || {
            let done = Arc::new(AtomicU64::new(0));
            let over = Arc::new(AtomicBool::new(false));
            let all: Vec<_> = (0..400u64)
                .map(|n| {
                    let done = Arc::clone(&done);
                    go(move || {
                        for turn in 0..10 {
                            match (n + turn) % 4 {
                                0 => thread::sleep(Duration::from_micros(50 * (n % 40))),
                                1 => thread::yield_now(),
                                2 => thread::blocking(std::thread::yield_now),
                                _ => go(|| ()).join().unwrap(),
                            }
                            done.fetch_add(1, Relaxed);
                        }
                    })
                })
                .collect();
            // One that never comes back to the scheduler by itself: sysmon takes its processor. (Where
            // goroutines stay on their threads, those of its thread would wait for it.)
            let hog = Arc::clone(&over);
            let hog = go(move || {
                while migrate && !hog.load(Relaxed) {
                    core::hint::spin_loop();
                }
            });
            for n in [1, 4, 2, 1, 7, 3, 1, 2, 5, 1] {
                assert!(set_procs(n).is_ok());
                thread::sleep(Duration::from_millis(2));
            }
            all.into_iter().for_each(|g| g.join().unwrap());
            over.store(true, Relaxed);
            hog.join().unwrap();
            done.load(Relaxed)
        });
        assert_eq!(done, 4_000);
    }
}

/// PROCS-1: timers of a processor that goes are kept. Each goroutine has one to itself when it goes to
/// sleep, as all of them compute until the last has come.
#[test]
fn timers_move() {
    run_with(config(4, true), || {
        let here = Arc::new(AtomicU64::new(0));
        let all: Vec<_> = (0..3u64)
            .map(|_| {
                let here = Arc::clone(&here);
                go(move || {
                    here.fetch_add(1, Relaxed);
                    while here.load(Relaxed) < 4 {
                        core::hint::spin_loop();
                    }
                    thread::sleep(Duration::from_millis(30));
                })
            })
            .collect();
        here.fetch_add(1, Relaxed);
        while here.load(Relaxed) < 4 {
            core::hint::spin_loop();
        }
        thread::sleep(Duration::from_millis(5));
        assert_eq!(set_procs(1), Ok(4));
        all.into_iter().for_each(|g| g.join().unwrap());
    });
}

/// Once a second sysmon asks how many processors there may be, until the program says it itself.
#[test]
fn the_number_follows_the_system() {
    let hooks = gort_sched::Hooks { procs: || Some(3), ..gort_sched::Hooks::IDLE };
    run_with(Config { hooks, ..config(1, true) }, || {
        let procs = || Scheduler::with_current(Scheduler::procs).expect("a goroutine calls");
        while procs() != 3 {
            thread::yield_now();
        }
        assert_eq!(set_procs(2), Ok(3));
    });
}
