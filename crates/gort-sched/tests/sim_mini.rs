//! The miniature scheduler against the real one, on small programs (SCHED-19).

use gort_sched::go;
use gort_sched::sim::mini::{End, Mini, Step};
use gort_sched::sim::{self, Config, Outcome, Strategy as Order};
use gort_sched::thread::{self, Thread};
use gort_sys::clock;
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a goroutine does next.
#[derive(Debug, Clone, Copy)]
enum Act {
    Yield,
    Sleep(u64),
    Wait,
    /// Wakes the n-th goroutine, if it exists by then.
    Wake(usize),
    /// Spawns a goroutine with the n-th program, if not too many exist.
    Spawn(usize),
}

type Programs = Vec<Vec<Act>>;
/// Which goroutine did which of its acts, in order.
type Trace = Vec<(u64, usize)>;
/// Goroutines of a run at most; fewer than moments in a stretch (`pause`).
const MOST: usize = 30;

fn programs() -> impl Strategy<Value = Programs> {
    let act = prop_oneof![
        3 => Just(Act::Yield),
        2 => (1..1_000_000_000u64).prop_map(Act::Sleep),
        2 => Just(Act::Wait),
        3 => (0..12usize).prop_map(Act::Wake),
        4 => (0..5usize).prop_map(Act::Spawn),
    ];
    prop::collection::vec(prop::collection::vec(act, 0..8), 5)
}

/// How long a goroutine sleeps from `now` on: nobody is due at the same moment as another, since in each stretch of 64 ns
/// every goroutine has a moment of its own. (Of two that are due at once either may come first.)
fn pause(now: u64, n: u64, me: u64) -> u64 {
    (now + n * 1_000).next_multiple_of(64) + me - now
}

/// The programs on the miniature scheduler.
fn mini(procs: usize, seed: u64, programs: &Programs) -> (Trace, End, usize) {
    struct World {
        programs: Programs,
        trace: RefCell<Trace>,
        made: RefCell<usize>,
    }
    fn start(mini: &mut Mini, world: &Rc<World>, which: usize) {
        *world.made.borrow_mut() += 1;
        let (world, mut at) = (Rc::clone(world), 0);
        mini.go(move |mini| {
            loop {
                let Some(&act) = world.programs[which].get(at) else { return Step::Done };
                world.trace.borrow_mut().push((mini.me(), at));
                at += 1;
                match act {
                    Act::Yield => return Step::Yield,
                    Act::Sleep(n) => return Step::Sleep(pause(mini.now(), n, mini.me())),
                    Act::Wait => return Step::Wait,
                    Act::Wake(n) if n < *world.made.borrow() => mini.wake(n as u64 + 1),
                    Act::Spawn(which) if *world.made.borrow() < MOST => start(mini, &world, which),
                    Act::Wake(_) | Act::Spawn(_) => {}
                }
            }
        });
    }
    let world = Rc::new(World {
        programs: programs.clone(),
        trace: RefCell::default(),
        made: RefCell::new(0),
    });
    let mut mini = Mini::new(procs, seed);
    start(&mut mini, &world, 0);
    let end = mini.run(1_000_000);
    let trace = world.trace.borrow().clone();
    (trace, end, mini.records())
}

/// The same on the real one.
fn real(config: &Config, programs: &Programs) -> (Trace, sim::Report) {
    struct World {
        programs: Programs,
        trace: Mutex<Trace>,
        made: Mutex<Vec<Thread>>,
        /// When the simulation began.
        zero: AtomicU64,
    }
    fn life(world: &Arc<World>, which: usize) {
        let me = thread::goroutine_id().unwrap();
        for (at, &act) in world.programs[which].iter().enumerate() {
            world.trace.lock().unwrap().push((me, at));
            match act {
                Act::Yield => thread::yield_now(),
                Act::Sleep(n) => {
                    let now = clock::nanos() - world.zero.load(Relaxed);
                    thread::sleep(Duration::from_nanos(pause(now, n, me)));
                }
                Act::Wait => thread::park(),
                Act::Wake(n) => {
                    let other = world.made.lock().unwrap().get(n).cloned();
                    if let Some(other) = other {
                        other.unpark();
                    }
                }
                Act::Spawn(which) => {
                    if world.made.lock().unwrap().len() < MOST {
                        let inner = Arc::clone(world);
                        let made = go(move || life(&inner, which)).thread();
                        world.made.lock().unwrap().push(made);
                    }
                }
            }
        }
    }
    let world = Arc::new(World {
        programs: programs.clone(),
        trace: Mutex::default(),
        made: Mutex::default(),
        zero: AtomicU64::new(0),
    });
    let inner = Arc::clone(&world);
    let report = sim::run(config, move || {
        inner.zero.store(clock::nanos(), Relaxed);
        inner.made.lock().unwrap().push(thread::current());
        life(&inner, 0);
    });
    let trace = world.trace.lock().unwrap().clone();
    (trace, report)
}

fn in_order() -> Config {
    Config {
        strategy: Order::InOrder,
        step: Duration::ZERO,
        grace: Duration::MAX,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// SCHED-19: with one P and no chance, both run the same goroutines in the same order, and the
    /// same wait at the end.
    #[test]
    fn one_processor_agrees_with_the_real_scheduler(programs in programs()) {
        let (want, end, _) = mini(1, 1, &programs);
        let (got, report) = real(&in_order(), &programs);
        prop_assert_eq!(got, want);
        let waits: Vec<u64> = match &report.outcome {
            Outcome::Ok => Vec::new(),
            Outcome::Deadlock(b) | Outcome::Leak(b) => b.iter().map(|b| b.goroutine).collect(),
            other => panic!("{other}"),
        };
        let want = match end {
            End::Deadlock(waits) => waits,
            other => { prop_assert_eq!(other, End::Done); Vec::new() }
        };
        prop_assert_eq!(waits, want);
    }

    /// With any number of Ps and any seed, every goroutine does its acts once, in their order; who
    /// does not do all of them waits. The same for the real scheduler under chance.
    #[test]
    fn nothing_is_lost_or_doubled(programs in programs(), procs in 1..9usize, seed: u64) {
        let (trace, end, records) = mini(procs, seed, &programs);
        let stuck = if let End::Deadlock(waits) = &end { waits.len() } else { 0 };
        check(&trace)?;
        let alive = trace.iter().map(|t| t.0).collect::<std::collections::HashSet<_>>().len();
        prop_assert!(stuck <= alive.max(1) && records <= MOST);
        prop_assert_eq!(&mini(procs, seed, &programs).0, &trace);
        let config = Config { strategy: Order::Mixed, seed, ..in_order() };
        let (trace, report) = real(&config, &programs);
        check(&trace)?;
        let panicked = matches!(report.outcome, Outcome::Panic { .. });
        prop_assert!(!report.stuck && !panicked, "{}", report);
    }
}

/// Each goroutine's acts come in their order, none left out.
fn check(trace: &Trace) -> Result<(), TestCaseError> {
    let mut next = std::collections::HashMap::new();
    for &(id, at) in trace {
        let want = next.entry(id).or_insert(0);
        prop_assert_eq!(at, *want, "goroutine {}", id);
        *want += 1;
    }
    Ok(())
}
