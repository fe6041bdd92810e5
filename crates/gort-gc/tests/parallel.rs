//! Several tasks that mark find what one finds: exactly what can be reached.
#![cfg(not(loom))]

mod modes;

use std::sync::atomic::{AtomicBool, Ordering};

use gort_gc::{Collector, Config, Field, GcSlice, Root, Trace};
use proptest::prelude::*;

#[derive(Trace)]
struct Node {
    number: usize,
    to: [Field<Node>; 3],
}

fn collector(workers: usize) -> Collector {
    let config = Config { range_shift: 32, gc_percent: None, ..modes::config() };
    Collector::new(Config { mark_workers: Some(workers), ..config }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    /// HELP-1, GREY-1: the objects that are left are those that a walk over the graph's numbers finds.
    #[test]
    fn as_many_as_a_walk_finds(
        edges in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 1..30_000),
        roots in prop::collection::vec(any::<u32>(), 0..4),
        workers in 1usize..5,
    ) {
        let collector = collector(workers);
        let mut mu = collector.pin();
        let n = edges.len();
        let table: Root<GcSlice<Node>> = Root::new(&mu, mu.alloc_slice(n).unwrap());
        let fields = table.get(&mu).slice();
        for (number, field) in fields.iter().enumerate() {
            field.store(&mu, Some(mu.alloc(NodeInit { number, to: [None; 3] })));
        }
        let at = |x: u32| x as usize % n;
        for (from, &(a, b, c)) in edges.iter().enumerate() {
            let node = fields[from].load().unwrap().get();
            for (field, x) in node.to.iter().zip([a, b, c]) {
                // Mostly near ones, so that long paths exist beside dense parts.
                let to = if x % 3 == 0 { at(x) } else { (from + 1 + x as usize % 7) % n };
                field.store(&mu, if x % 5 == 0 { None } else { fields[to].load() });
            }
        }
        let kept: Vec<Root<Node>> =
            roots.iter().map(|&r| Root::new(&mu, fields[at(r)].load().unwrap())).collect();
        let mut seen = vec![false; n];
        let mut grey: Vec<usize> = roots.iter().map(|&r| at(r)).collect();
        while let Some(i) = grey.pop() {
            if std::mem::replace(&mut seen[i], true) {
                continue;
            }
            let (a, b, c) = edges[i];
            for x in [a, b, c].into_iter().filter(|x| x % 5 != 0) {
                grey.push(if x % 3 == 0 { at(x) } else { (i + 1 + x as usize % 7) % n });
            }
        }
        drop(table);
        for _ in 0..2 {
            mu.collect();
            let s = collector.stats();
            let alive = seen.iter().filter(|&&seen| seen).count() as u64;
            prop_assert_eq!(s.alloc_objects - s.freed_objects, alive);
        }
        drop(kept);
    }
}

/// Helpers beside mutators that change the graph: cycle after cycle, nothing that is reachable goes.
#[test]
fn beside_mutators() {
    let collector = collector(3);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mu = collector.pin();
                let root = Root::new(&mu, mu.alloc_slice::<Node>(1000).unwrap());
                let mut turn = 0usize;
                while !stop.load(Ordering::Relaxed) {
                    let fields = root.get(&mu).slice();
                    let (i, j) = (turn * 7 % 1000, turn * 31 % 1000);
                    // Chains of three on average: what is alive stays small.
                    let to = if turn.is_multiple_of(3) { None } else { fields[j].load() };
                    let to = [to, None, None];
                    fields[i].store(&mu, Some(mu.alloc(NodeInit { number: i, to })));
                    let mut at = fields[j].load();
                    for _ in 0..8 {
                        let Some(node) = at else { break };
                        assert!(node.number < 1000);
                        at = node.get().to[0].load();
                    }
                    if turn.is_multiple_of(50) {
                        fields[j].store(&mu, None);
                        mu.safepoint();
                    }
                    turn += 1;
                }
            });
        }
        for _ in 0..15 {
            collector.collect().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}
