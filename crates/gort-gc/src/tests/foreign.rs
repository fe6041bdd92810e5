//! Foreign mutators: in the simulation, with a stack map and conservatively, with mutants; and on real threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gort_sys::chance::Chance;
use proptest::prelude::*;

use super::modes;
use super::simulation::{Sim, is_caught_with, ops};
use crate::foreign::{Mutator, NativeStack, Stack, Visitor};
use crate::{Collector, Config, Field, Gc, Leaf, Mutant, Root, Trace};

/// What the guards of a simulation are. (Two of the mutants take schedules that random ones do not find: `stacks`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rust,
    Exact,
    Conservative,
}

/// A stack of addresses, with a map or without.
#[derive(Default)]
pub(super) struct Shown {
    exact: Vec<usize>,
    doubtful: Vec<usize>,
}

// SAFETY: STACK-MAP — everything is shown; the tests put in what they use.
unsafe impl Stack for Shown {
    fn scan(&mut self, v: &mut Visitor<'_>) {
        self.exact.iter().for_each(|&word| v.exact(word));
        self.doubtful.iter().for_each(|&word| v.conservative(word));
    }
}

impl Shown {
    pub(super) fn register(collector: &Collector) -> Mutator<Self> {
        // SAFETY: STACK-MAP — `Kind::show` comes before each safepoint; nobody has a guard yet.
        unsafe { Mutator::register(collector, Self::default()) }.expect("memory")
    }
}

impl Kind {
    /// Puts addresses where the collector will find them.
    pub(super) fn show(self, mu: &mut Mutator<Shown>, addresses: &[usize]) {
        let shown = mu.stack();
        match self {
            Kind::Conservative => {
                shown.doubtful.clear();
                for (i, &address) in addresses.iter().enumerate() {
                    // Into the object; and words that are no addresses, free slots, other objects, the ends of spans.
                    shown.doubtful.extend([address + i % 3 * 8, address ^ 0x1fc0, address + 4096]);
                    shown.doubtful.extend([i, usize::MAX - i, address & !8191, address | 8191]);
                }
            }
            _ => shown.exact = addresses.to_vec(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn stacks_by_map(ops in ops(), burst in 1usize..4) {
        Sim::<2>::with(Kind::Exact, ops, burst, Mutant::None).run();
    }

    #[test]
    fn stacks_found_conservatively(ops in ops(), burst in 1usize..4) {
        Sim::<2>::with(Kind::Conservative, ops, burst, Mutant::None).run();
    }
}

#[test]
fn catches_nothing_without_a_mutant() {
    for kind in [Kind::Exact, Kind::Conservative] {
        assert!(!is_caught_with(kind, Mutant::None, 150));
    }
}

macro_rules! mutants {
    ($($name:ident $mutant:ident;)*) => { $(
        #[test]
        fn $name() {
            assert!(is_caught_with(Kind::Exact, Mutant::$mutant, 8000));
        }
    )* };
}
mutants! {
    catches_no_stacks NoStacks;
    catches_no_parked NoParked;
    catches_no_barrier NoBarrier;
    catches_no_round NoRound;
}

const SEAL: u64 = 0x5ea1_0000_5ea1_0000;

#[derive(Leaf)]
struct Seal(AtomicU64, Arc<AtomicU64>);

impl Drop for Seal {
    fn drop(&mut self) {
        assert_eq!(self.0.swap(0, Ordering::Relaxed), SEAL);
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Trace)]
struct Node {
    seal: Seal,
    next: [Field<Node>; 2],
}

fn check<'a>(node: Gc<'a, Node>) -> Gc<'a, Node> {
    assert_eq!(node.seal.0.load(Ordering::Relaxed), SEAL, "a dead object was reached");
    node
}

/// A thread that keeps its addresses in an array on its own stack, over all safepoints.
fn native(collector: &Collector, shared: &Root<Node>, died: &Arc<AtomicU64>, seed: u64) -> u64 {
    NativeStack::below(|stack| {
        let mut rng = Chance::seed(seed);
        // SAFETY: STACK-MAP — `kept` lies in a frame below the stack's base, and is volatile to the compiler.
        let mut mu = unsafe { Mutator::register(collector, stack) }.expect("memory");
        let mut kept = std::hint::black_box([0usize; 8]);
        let mut made = 0;
        for step in 0..modes::steps(20_000) {
            std::hint::black_box(&mut kept);
            let at = rng.below(8) as usize;
            let from = match kept[at] {
                0 => check(shared.get(mu.guard())),
                // SAFETY: STACK-MAP — it was in `kept` at every safepoint since.
                address => check(unsafe { mu.handle::<Node>(address) }),
            };
            let side = rng.below(2) as usize;
            match rng.below(5) {
                0 => {
                    let seal = Seal(AtomicU64::new(SEAL), died.clone());
                    let new = mu.guard().alloc(NodeInit { seal, next: [Some(from), None] });
                    made += 1;
                    kept[at] = new.addr();
                }
                1 => kept[at] = from.get().next[side].load().map_or(0, |n| check(n).addr()),
                2 => {
                    let old = from.get().next[side].swap(mu.guard(), None);
                    kept[at] = old.map_or(0, |n| check(n).addr());
                }
                _ => {
                    let other = kept[rng.below(8) as usize];
                    // SAFETY: STACK-MAP — as above.
                    let other = (other != 0).then(|| unsafe { mu.handle::<Node>(other) });
                    from.get().next[side].store(mu.guard(), other.map(check));
                }
            }
            std::hint::black_box(&mut kept);
            match step % 64 {
                0 => mu.blocked(std::thread::yield_now),
                1 | 9 | 33 => mu.safepoint(),
                _ => {}
            }
        }
        made
    })
}

#[test]
fn native_stacks_on_threads() {
    let config = Config { clobber_free: true, range_shift: 34, ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let died = Arc::new(AtomicU64::new(0));
    let mu = collector.pin();
    let seal = Seal(AtomicU64::new(SEAL), died.clone());
    let shared = Root::new(&mu, mu.alloc(NodeInit { seal, next: [None, None] }));
    drop(mu);
    let stop = AtomicBool::new(false);
    let made: u64 = std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                collector.collect().unwrap();
            }
        });
        let threads: Vec<_> = (0..3)
            .map(|seed| {
                let (collector, shared, died) = (&collector, &shared, &died);
                scope.spawn(move || native(collector, shared, died, seed))
            })
            .collect();
        let made: Vec<_> = threads.into_iter().map(|t| t.join()).collect();
        stop.store(true, Ordering::Relaxed);
        collecting.join().unwrap();
        made.into_iter().map(|m| m.expect("no dead object")).sum()
    });
    collector.collect().unwrap();
    assert!(collector.stats().cycles > 1);
    drop((shared, collector));
    assert_eq!(died.load(Ordering::Relaxed), made + 1, "all dies with the collector");
}

/// A stack is kept over the cycle in which its mutator is blocked, and over the next; and no longer.
#[test]
fn a_blocked_stack_is_read() {
    for kind in [Kind::Exact, Kind::Conservative] {
        let collector = Collector::new(Config { range_shift: 32, ..Config::default() }).unwrap();
        let mut mu = Shown::register(&collector);
        let text = mu.guard().alloc(String::from("stays"));
        let weak = crate::Weak::new(mu.guard(), text);
        let address = text.addr();
        mu.stack().exact = if kind == Kind::Exact { vec![address] } else { vec![] };
        mu.stack().doubtful = if kind == Kind::Exact { vec![] } else { vec![address + 3] };
        for _ in 0..3 {
            mu.collect();
            assert_eq!(weak.get(mu.guard()).unwrap().get(), "stays");
        }
        *mu.stack() = Shown::default();
        mu.collect();
        assert!(weak.get(mu.guard()).is_none());
    }
}

#[test]
#[should_panic(expected = "no address of this collector")]
fn a_map_that_lies_outside_is_refused() {
    let collector = Collector::new(Config { range_shift: 32, ..Config::default() }).unwrap();
    let mut mu = Shown::register(&collector);
    mu.stack().exact = vec![0x1000];
    mu.collect();
}
