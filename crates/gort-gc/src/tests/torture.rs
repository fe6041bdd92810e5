//! Real threads on one graph, with a cycle always running.
//!
//! A table of objects is shared by all threads; each thread walks from it, allocates, links, unlinks, roots
//! and unroots at random, and passes a safepoint now and then. Every object carries a seal that its drop
//! glue breaks, and freed objects are filled besides: whoever reaches a dead object sees it. What is dead must
//! be less than what was made, and all of it when the collector goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gort_sys::chance::Chance;

use super::modes;
use crate::{Collector, Config, Field, Gc, GcSlice, Leaf, Mutator, Root, Trace};

const SEAL: u64 = 0x5ea1_ed0b_1ec7_0000;

#[derive(Leaf)]
struct Seal {
    seal: AtomicU64,
    died: Arc<AtomicU64>,
}

impl Drop for Seal {
    fn drop(&mut self) {
        assert_eq!(self.seal.swap(0, Ordering::Relaxed), SEAL, "died twice");
        self.died.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Trace)]
struct Obj {
    left: Field<Obj>,
    seal: Seal,
    right: Field<Obj>,
    more: Field<GcSlice<Obj>>,
}

struct World {
    /// Before the collector: a root that is left would keep its memory.
    table: Root<GcSlice<Obj>>,
    collector: Collector,
    died: Arc<AtomicU64>,
    made: AtomicU64,
}

fn check(o: Gc<'_, Obj>) -> Gc<'_, Obj> {
    assert_eq!(o.seal.seal.load(Ordering::Relaxed), SEAL, "a dead object was reached");
    o
}

impl World {
    fn alloc<'mu>(
        &self,
        mu: &'mu Mutator,
        rng: &mut Chance,
        at: Option<Gc<'_, Obj>>,
    ) -> Gc<'mu, Obj> {
        self.made.fetch_add(1, Ordering::Relaxed);
        let seal = Seal { seal: AtomicU64::new(SEAL), died: self.died.clone() };
        let more = (rng.below(4) == 0).then(|| mu.alloc_slice(rng.below(70) as usize).unwrap());
        let left = at.and_then(|o| o.get().left.load());
        let new = mu.alloc(ObjInit { left, seal, right: at, more });
        if let Some(more) = more
            && !more.is_empty()
        {
            more[rng.below(more.len() as u32) as usize].store(mu, at.or(Some(new)));
        }
        new
    }

    /// A random walk from the table.
    fn walk<'mu>(&self, mu: &'mu Mutator, rng: &mut Chance) -> Option<Gc<'mu, Obj>> {
        let table = self.table.get(mu).slice();
        let mut at = table[rng.below(table.len() as u32) as usize].load()?;
        for _ in 0..rng.below(6) {
            let o = check(at).get();
            let more = o.more.load().map(Gc::slice).filter(|s| !s.is_empty());
            let next = match (rng.below(3), more) {
                (0, _) => o.left.load(),
                (1, Some(s)) => s[rng.below(s.len() as u32) as usize].load(),
                _ => o.right.load(),
            };
            at = next.unwrap_or(at);
        }
        Some(check(at))
    }

    fn thread(&self, seed: u64, steps: u32) {
        let mut rng = Chance::seed(seed);
        let mut mu = self.collector.pin();
        let mut roots: Vec<Root<Obj>> = Vec::new();
        for step in 0..steps {
            let from = self.walk(&mu, &mut rng);
            let to = match rng.below(4) {
                0 => self.walk(&mu, &mut rng),
                1 if !roots.is_empty() => {
                    Some(check(roots[rng.below(roots.len() as u32) as usize].get(&mu)))
                }
                _ => Some(self.alloc(&mu, &mut rng, from)),
            };
            match (rng.below(8), from, to) {
                (0, Some(o), _) => drop(o.left.swap(&mu, None).map(check)),
                (1, Some(o), to) => o.left.store(&mu, to),
                (2, Some(o), to) => o.right.store(&mu, to),
                (3, Some(o), to) => {
                    let _ = o.left.compare_exchange(&mu, o.right.load(), to);
                }
                (4, _, Some(o)) if roots.len() < 50 => roots.push(Root::new(&mu, o)),
                (5, ..) if !roots.is_empty() => {
                    roots.swap_remove(rng.below(roots.len() as u32) as usize);
                }
                (_, _, to) => {
                    let table = self.table.get(&mu).slice();
                    table[rng.below(table.len() as u32) as usize].store(&mu, to);
                }
            }
            match rng.below(64) {
                0..8 => mu.safepoint(),
                8 => drop(std::mem::replace(&mut mu, self.collector.pin())),
                9 => mu.unpinned(std::thread::yield_now),
                10 if step % 16 == 0 => std::thread::yield_now(),
                _ => {}
            }
        }
    }
}

#[test]
fn threads_on_one_graph() {
    let config = Config { clobber_free: true, range_shift: 34, ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let mu = collector.pin();
    let table = Root::new(&mu, mu.alloc_slice(100).unwrap());
    drop(mu);
    let world = World { collector, table, died: Arc::default(), made: AtomicU64::new(0) };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let collecting = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                world.collector.collect().unwrap();
            }
        });
        let threads: Vec<_> = (0..4)
            .map(|i| {
                scope.spawn({
                    let w = &world;
                    // Under the modes that check everything a cycle may last longer than all the steps.
                    move || {
                        while {
                            w.thread(i, modes::steps(100_000));
                            w.collector.stats().cycles < 2
                        } {}
                    }
                })
            })
            .collect();
        let failed = threads.into_iter().any(|t| t.join().is_err());
        stop.store(true, Ordering::Relaxed);
        assert!(collecting.join().is_ok() && !failed);
    });
    let stats = world.collector.stats();
    assert!(stats.cycles > 1, "{stats:?}");
    assert_eq!(stats.glue_panics, 0);
    let (made, died) = (world.made.load(Ordering::Relaxed), world.died.clone());
    assert!(died.load(Ordering::Relaxed) > made / 4);
    drop(world);
    assert_eq!(died.load(Ordering::Relaxed), made, "all dies with the collector");
}
