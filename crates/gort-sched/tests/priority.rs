//! Three classes of goroutines: their shares, that nobody starves (PRIO-1), and that nothing is lost, in
//! the simulator and on threads.

mod common;

use common::config;
use gort_sched::sim::{self, search};
use gort_sched::testing::run_with;
use gort_sched::thread::{self, Builder, Priority};
use gort_sched::{Scheduler, go};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const CLASSES: [Priority; 3] = [Priority::Latency, Priority::Normal, Priority::Background];

fn spawn_as<T: Send + 'static>(
    class: Priority,
    f: impl FnOnce() -> T + Send + 'static,
) -> gort_sched::JoinHandle<T> {
    Builder::new().priority(class).spawn(f).expect("a goroutine")
}

/// PRIO-1: with `n` goroutines of each class that do nothing but yield, the classes' shares of the
/// choices, in 1000.
fn shares(n: [usize; 3]) -> [u64; 3] {
    const CHOICES: u64 = 64_000;
    let counts: Arc<[AtomicU64; 3]> = Arc::default();
    let seen = Arc::clone(&counts);
    let sim = sim::Config { strategy: sim::Strategy::InOrder, ..sim::Config::default() };
    let report = sim::run(&sim, move || {
        let total = Arc::new(AtomicU64::new(0));
        let mut all = Vec::new();
        for (class, n) in CLASSES.into_iter().zip(n) {
            for _ in 0..n {
                let (counts, total) = (Arc::clone(&counts), Arc::clone(&total));
                all.push(spawn_as(class, move || {
                    while total.fetch_add(1, Relaxed) < CHOICES {
                        counts[class as usize].fetch_add(1, Relaxed);
                        thread::yield_now();
                    }
                }));
            }
        }
        all.into_iter().for_each(|g| g.join().unwrap());
    });
    assert!(report.outcome.is_ok(), "{report}");
    core::array::from_fn(|i| seen[i].load(Relaxed) * 1000 / CHOICES)
}

#[test]
fn shares_are_as_written() {
    // 56, 7 and 1 of 64. (What is missing are the injector's turns, and the edges.)
    let [latency, normal, background] = shares([40, 40, 40]);
    assert!((865..=880).contains(&latency), "{latency}");
    assert!((105..=115).contains(&normal), "{normal}");
    assert!((14..=17).contains(&background), "{background}");
    // One goroutine does as well as forty, and who is alone has all.
    assert_eq!(shares([1, 1, 1]), [latency, normal, background]);
    assert!(shares([0, 3, 3])[2] >= 14);
    assert!(shares([0, 0, 2])[2] >= 990);
}

/// A class is inherited, unless another is asked for; a panic gives it back.
#[test]
fn inherited_and_given_back() {
    run_with(config(2, false), || {
        assert_eq!(thread::priority(), Priority::Normal);
        for class in CLASSES {
            let seen = spawn_as(class, move || {
                let child = go(thread::priority).join().unwrap();
                let other = spawn_as(Priority::Normal, thread::priority).join().unwrap();
                let grandchild = go(|| go(thread::priority).join().unwrap()).join().unwrap();
                (thread::priority(), child, other, grandchild)
            });
            assert_eq!(seen.join().unwrap(), (class, class, Priority::Normal, class));
        }
        assert_eq!(thread::set_priority(Priority::Background), Priority::Normal);
        let thrown = std::panic::catch_unwind(|| {
            thread::with_priority(Priority::Latency, || {
                assert_eq!(thread::priority(), Priority::Latency);
                thread::yield_now();
                std::panic::resume_unwind(Box::new(1));
            });
        });
        assert!(thrown.is_err());
        assert_eq!(thread::set_priority(Priority::Normal), Priority::Background);
        assert_eq!(go(thread::priority).join().unwrap(), Priority::Normal);
    });
    assert_eq!(thread::set_priority(Priority::Latency), Priority::Normal);
    assert_eq!(thread::priority(), Priority::Normal, "a plain thread");
}

/// PRIO-1 on threads: under a flood of one class that never ends by itself, each other class comes to
/// its end.
#[test]
fn a_flood_starves_nobody() {
    for (procs, migrate) in [(1, true), (1, false), (2, true), (2, false)] {
        for flood in CLASSES {
            run_with(config(procs, migrate), move || {
                let over = Arc::new(AtomicBool::new(false));
                let all: Vec<_> = (0..8)
                    .map(|_| {
                        let over = Arc::clone(&over);
                        spawn_as(flood, move || {
                            while !over.load(Relaxed) {
                                thread::yield_now();
                            }
                        })
                    })
                    .collect();
                let others: Vec<_> = CLASSES
                    .into_iter()
                    .map(|class| spawn_as(class, || (0..50).for_each(|_| thread::yield_now())))
                    .collect();
                others.into_iter().for_each(|g| g.join().unwrap());
                over.store(true, Relaxed);
                all.into_iter().for_each(|g| g.join().unwrap());
            });
        }
    }
}

/// WAKE-1, PRIO-1: what becomes runnable while all sleep is run, whoever readies it.
#[test]
fn a_sleeping_program_wakes_up() {
    for migrate in [true, false] {
        run_with(config(2, migrate), || {
            for round in 0..200 {
                let class = CLASSES[round % 3];
                let waiter = spawn_as(class, || {
                    thread::park();
                    thread::sleep(Duration::from_micros(50));
                });
                if round % 2 == 0 {
                    thread::sleep(Duration::from_micros(30));
                }
                let handle = waiter.thread();
                std::thread::spawn(move || handle.unpark()).join().unwrap();
                waiter.join().unwrap();
            }
        });
    }
}

/// What one goroutine of a random program does.
#[derive(Debug, Clone, Copy)]
enum Act {
    Yield,
    Sleep,
    Spawn(Priority),
    Become(Priority),
    Block,
    Procs(u32),
    Lock,
}

fn class() -> impl Strategy<Value = Priority> {
    (0..3usize).prop_map(|n| CLASSES[n])
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Yield),
        2 => Just(Act::Sleep),
        2 => class().prop_map(Act::Spawn),
        2 => class().prop_map(Act::Become),
        1 => Just(Act::Block),
        1 => (1..5u32).prop_map(Act::Procs),
        1 => Just(Act::Lock),
    ]
}

fn play(acts: &[Act], on_threads: bool, ran: &Arc<AtomicUsize>) {
    for &act in acts {
        match act {
            Act::Yield => thread::yield_now(),
            Act::Sleep => thread::sleep(Duration::from_micros(20)),
            Act::Spawn(class) => {
                let ran = Arc::clone(ran);
                let child = spawn_as(class, move || {
                    thread::yield_now();
                    ran.fetch_add(1, Relaxed);
                });
                child.join().unwrap();
            }
            Act::Become(class) => _ = thread::set_priority(class),
            Act::Block if on_threads => thread::blocking(std::thread::yield_now),
            Act::Procs(n) if on_threads => {
                assert!(Scheduler::with_current(|s| s.set_procs(n)).is_some_and(|r| r.is_ok()));
            }
            Act::Lock => {
                let guard = thread::lock_os_thread();
                thread::yield_now();
                drop(guard);
            }
            Act::Block | Act::Procs(_) => {}
        }
        ran.fetch_add(1, Relaxed);
    }
}

fn program(
    lists: Vec<(Priority, Vec<Act>)>,
    on_threads: bool,
) -> impl Fn() + Send + Sync + Clone + 'static {
    move || {
        let ran = Arc::new(AtomicUsize::new(0));
        let spawns = |acts: &[Act]| acts.iter().filter(|a| matches!(a, Act::Spawn(_))).count();
        let want: usize = lists.iter().map(|(_, acts)| acts.len() + spawns(acts)).sum();
        let all: Vec<_> = lists
            .iter()
            .cloned()
            .map(|(class, acts)| {
                let ran = Arc::clone(&ran);
                spawn_as(class, move || play(&acts, on_threads, &ran))
            })
            .collect();
        all.into_iter().for_each(|g| g.join().unwrap());
        assert_eq!(ran.load(Relaxed), want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// PRIO-1, WAKE-1: random programs of all classes come to their end, on threads and in the simulator.
    #[test]
    fn nothing_is_lost(
        lists in proptest::collection::vec((class(), proptest::collection::vec(act(), 0..12)), 1..10),
        procs in 1..4u32,
        migrate: bool,
    ) {
        run_with(config(procs, migrate), program(lists.clone(), true));
        let found = search(&sim::Config::default(), 12, program(lists, false));
        prop_assert!(found.is_ok(), "{}", found.err().map_or(String::new(), |f| f.to_string()));
    }
}
