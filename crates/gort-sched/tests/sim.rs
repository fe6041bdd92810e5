//! The simulator on small programs of this crate alone.

use gort_sched::sim::{self, Config, Outcome, Strategy};
use gort_sched::{go, thread};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn all(seed: u64) -> [Config; 4] {
    [Strategy::InOrder, Strategy::Random, Strategy::Pct { depth: 3 }, Strategy::Mixed]
        .map(|strategy| Config { seed, strategy, ..Config::default() })
}

/// Goroutines that spawn, yield, sleep, park and are joined.
fn busy() {
    let sum = Arc::new(AtomicUsize::new(0));
    let parts: Vec<_> = (0..6)
        .map(|n| {
            let sum = Arc::clone(&sum);
            go(move || {
                for _ in 0..n {
                    sum.fetch_add(1, SeqCst);
                    thread::yield_now();
                    sim::point();
                }
                thread::sleep(Duration::from_millis(n as u64 % 3));
                let me = thread::current();
                let other = go(move || me.unpark());
                thread::park();
                other.join().unwrap();
            })
        })
        .collect();
    parts.into_iter().for_each(|p| p.join().unwrap());
    assert_eq!(sum.load(SeqCst), 15);
}

/// SIM-1: the same seed, the same log, byte for byte.
#[test]
fn a_seed_is_one_schedule() {
    let mut logs = std::collections::HashSet::new();
    for seed in 0..40 {
        for config in all(seed) {
            let (a, b) = (sim::run(&config, busy), sim::run(&config, busy));
            assert_eq!(a.outcome, Outcome::Ok, "{}", a.log());
            assert_eq!(a.log(), b.log());
            assert_eq!((a.fingerprint, a.steps, a.time), (b.fingerprint, b.steps, b.time));
            logs.insert(a.fingerprint);
        }
    }
    assert!(logs.len() > 80, "{}", logs.len());
}

fn with(seed: u64, strategy: Strategy) -> Config {
    Config { seed, strategy, step: Duration::ZERO, ..Config::default() }
}

#[test]
fn time_jumps_to_the_next_timer() {
    for config in all(3) {
        let config = Config { step: Duration::ZERO, ..config };
        let report = sim::run(&config, || {
            let start = gort_sys::clock::now();
            let early = go(|| thread::sleep(Duration::from_secs(5)));
            thread::sleep(Duration::from_secs(86_400));
            assert!(early.is_finished());
            thread::park_timeout(Duration::from_millis(1));
            thread::sleep_until(start + Duration::from_secs(86_401));
            let passed = gort_sys::clock::now() - start;
            assert_eq!(passed, Duration::from_secs(86_401));
        });
        assert_eq!(report.outcome, Outcome::Ok);
        assert_eq!(report.time, Duration::from_secs(86_401));
    }
}

#[test]
fn a_deadlock_is_an_outcome() {
    for config in all(1) {
        let report = sim::run(&config, || {
            let waits = thread::Builder::new().name("waits".into()).spawn(thread::park).unwrap();
            waits.join().unwrap();
        });
        let Outcome::Deadlock(blocked) = &report.outcome else { panic!("{report}") };
        let seen: Vec<_> = blocked.iter().map(|b| (b.goroutine, b.reason)).collect();
        assert_eq!(seen.len(), 2);
        assert_eq!((blocked[0].reason, blocked[0].name.as_deref()), ("join", Some("main")));
        assert_eq!((blocked[1].reason, blocked[1].name.as_deref()), ("park", Some("waits")));
        assert!(blocked[1].created.as_deref().unwrap().contains("sim.rs:"), "{report}");
        assert!(!report.stuck);
        assert!(report.to_string().contains("all goroutines are asleep"), "{report}");
    }
}

#[test]
fn a_leak_is_an_outcome() {
    for config in all(1) {
        let leaky = || drop(go(thread::park));
        let report = sim::run(&config, leaky);
        assert!(matches!(&report.outcome, Outcome::Leak(b) if b.len() == 1), "{report}");
        let allowed = sim::run(&Config { allow_leaks: true, ..config.clone() }, leaky);
        assert_eq!(allowed.outcome, Outcome::Ok);
        // Who needs less than the grace has ended.
        let report = sim::run(&config, || drop(go(|| thread::sleep(Duration::from_millis(5)))));
        assert_eq!(report.outcome, Outcome::Ok);
        let report = sim::run(&config, || {
            drop(go(|| {
                loop {
                    thread::yield_now();
                }
            }))
        });
        assert!(matches!(report.outcome, Outcome::Leak(_)), "{report}");
        assert!(report.stuck);
    }
}

/// A program around a function that fails.
type Around = fn(fn());

#[test]
fn a_panic_that_nobody_takes_is_an_outcome() {
    let programs: [(Around, bool); 5] = [
        (|fails| fails(), true),
        (|fails| drop(go(fails)), true),
        (|fails| drop(go(fails).join()), false),
        (
            |fails| {
                let handle = go(fails);
                thread::sleep(Duration::from_secs(1));
                drop(handle);
            },
            true,
        ),
        (|_| drop(go(|| thread::sleep(Duration::ZERO))), false),
    ];
    for (i, (program, found)) in programs.into_iter().enumerate() {
        for config in all(7) {
            let report = sim::run(&config, move || {
                program(|| std::panic::resume_unwind(Box::new("on purpose")));
            });
            let is_panic = matches!(&report.outcome, Outcome::Panic { message, .. } if message == "on purpose");
            assert_eq!(is_panic, found, "program {i}: {report}");
            assert!(!report.stuck);
        }
    }
}

#[test]
fn who_polls_comes_to_an_end() {
    for config in all(5) {
        let report = sim::run(&config, || {
            let flag = Arc::new(AtomicUsize::new(0));
            let other = Arc::clone(&flag);
            drop(go(move || {
                thread::sleep(Duration::from_secs(60));
                other.store(1, SeqCst);
            }));
            while flag.load(SeqCst) == 0 {
                thread::yield_now();
            }
        });
        assert_eq!(report.outcome, Outcome::Ok, "{report}");
        let report = sim::run(&Config { max_steps: 5_000, ..config }, || {
            loop {
                sim::point();
            }
        });
        assert_eq!(report.outcome, Outcome::StepLimit { steps: 5_001 }, "{report}");
    }
}

/// Who only spawns passes no point at which it could unwind: it is cut off where it stands.
#[test]
fn who_spawns_without_end_is_cut_off() {
    let report = sim::run(&Config { max_steps: 1_000, ..Config::default() }, || {
        loop {
            drop(go(|| ()));
        }
    });
    assert_eq!(report.outcome, Outcome::StepLimit { steps: 1_001 });
    assert!(report.stuck);
}

/// A race of two read-modify-writes is found, and its seed repeats it.
#[test]
fn an_exploration_finds_a_lost_update() {
    let program = |safe: bool| {
        move || {
            let n = Arc::new(sim::atomic::AtomicUsize::new(0));
            let add = |n: Arc<sim::atomic::AtomicUsize>| {
                move || {
                    if safe {
                        n.fetch_add(1, SeqCst);
                    } else {
                        let old = n.load(SeqCst);
                        n.store(old + 1, SeqCst);
                    }
                }
            };
            let (a, b) = (go(add(Arc::clone(&n))), go(add(Arc::clone(&n))));
            a.join().unwrap();
            b.join().unwrap();
            if n.load(SeqCst) != 2 {
                std::panic::resume_unwind(Box::new("lost"));
            }
        }
    };
    let failure = sim::search(&Config::default(), 1000, program(false)).unwrap_err();
    assert!(failure.repeats && !failure.report.events.is_empty(), "{failure}");
    assert!(failure.to_string().contains("goroutine 1 panicked: lost"), "{failure}");
    let again = sim::run(&with(failure.report.seed, Strategy::Mixed), program(false));
    assert_eq!(again.outcome, failure.report.outcome);
    let explored = sim::search(&Config::default(), 500, program(true)).unwrap();
    assert_eq!(explored.schedules, 500);
    assert!(explored.distinct > 30, "{explored:?}");
}
