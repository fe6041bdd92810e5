//! Tiny objects: they share blocks, keep their contents over cycles, and never share one with the dead.

use crate::config::Rules;
use crate::{Collector, Config, Gc, Leaf, Mutant, Mutator, Root};
use proptest::prelude::*;

fn collector(mutant: Mutant) -> Collector {
    let config = Config { range_shift: 32, gc_percent: None, ..Config::default() };
    let config = Config { check_mark: mutant == Mutant::None, ..config };
    Collector::with_rules(config, Rules { run_glue: true, mutant }).expect("address space")
}

/// Bytes of a kind that have a number in each of them.
#[derive(Leaf, Clone, Copy, PartialEq, Eq, Debug)]
struct Part<const N: usize>([u8; N]);

/// A root of any of the sizes.
enum Kept {
    One(Root<u8>),
    Two(Root<u16>),
    Three(Root<Part<3>>),
    Four(Root<u32>),
    Eight(Root<u64>),
    Twelve(Root<[u32; 3]>),
    Fifteen(Root<Part<15>>),
    Sixteen(Root<[u64; 2]>),
}

fn make(mu: &Mutator, size: usize, n: u8) -> Kept {
    let b = u64::from_ne_bytes([n; 8]);
    match size {
        0 => Kept::One(Root::new(mu, mu.alloc(n))),
        1 => Kept::Two(Root::new(mu, mu.alloc(b as u16))),
        2 => Kept::Three(Root::new(mu, mu.alloc(Part([n; 3])))),
        3 => Kept::Four(Root::new(mu, mu.alloc(b as u32))),
        4 => Kept::Eight(Root::new(mu, mu.alloc(b))),
        5 => Kept::Twelve(Root::new(mu, mu.alloc([b as u32; 3]))),
        6 => Kept::Fifteen(Root::new(mu, mu.alloc(Part([n; 15])))),
        _ => Kept::Sixteen(Root::new(mu, mu.alloc([b; 2]))),
    }
}

fn is_whole(mu: &Mutator, kept: &Kept, n: u8) -> bool {
    let b = u64::from_ne_bytes([n; 8]);
    match kept {
        Kept::One(r) => *r.get(mu) == n,
        Kept::Two(r) => *r.get(mu) == b as u16,
        Kept::Three(r) => *r.get(mu) == Part([n; 3]),
        Kept::Four(r) => *r.get(mu) == b as u32,
        Kept::Eight(r) => *r.get(mu) == b,
        Kept::Twelve(r) => *r.get(mu) == [b as u32; 3],
        Kept::Fifteen(r) => *r.get(mu) == Part([n; 15]),
        Kept::Sixteen(r) => *r.get(mu) == [b; 2],
    }
}

/// Runs steps (what to make, whether to drop one, whether to collect); whether every kept object was whole at all times.
fn run(collector: &Collector, steps: &[(usize, u8, u8)]) -> bool {
    let mut kept: Vec<(Kept, u8)> = Vec::new();
    let mut number = 0u8;
    for &(size, drops, collects) in steps {
        let mut mu = collector.pin();
        number = number.wrapping_add(1);
        kept.push((make(&mu, size, number), number));
        if drops < 140 {
            let i = usize::from(drops) % kept.len();
            kept.swap_remove(i);
        }
        if collects < 12 {
            mu.collect();
        }
        if !kept.iter().all(|(kept, n)| is_whole(&mu, kept, *n)) {
            return false;
        }
    }
    true
}

fn steps() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    prop::collection::vec((0..8usize, any::<u8>(), any::<u8>()), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn contents_stay(steps in steps()) {
        prop_assert!(run(&collector(Mutant::None), &steps));
    }
}

/// TINY-1: a block that is kept over the flip has been freed: its next part lies in somebody else's slot.
#[test]
fn a_kept_block_is_noticed() {
    let steps: Vec<(usize, u8, u8)> = (0..300)
        .map(|i: usize| match i % 5 {
            // A tiny object, dropped at once; a cycle; slots of 16 bytes; a tiny one again.
            0 => (3, 139, 0),
            1..=3 => (7, 255, 255),
            _ => (3, 255, 255),
        })
        .collect();
    assert!(run(&collector(Mutant::None), &steps));
    let noticed = (0..50).step_by(7).any(|from| !run(&collector(Mutant::TinyKept), &steps[from..]));
    assert!(noticed, "the mutant lives");
}

/// Several share a block, and it lives while one of them does.
#[test]
fn they_share() {
    let collector = collector(Mutant::None);
    let mut mu = collector.pin();
    let block = |object: Gc<'_, u32>| core::ptr::from_ref(object.get()).addr() / 16;
    let mut roots: Vec<Root<u32>> = (0..4).map(|n| Root::new(&mu, mu.alloc(n))).collect();
    let blocks: Vec<usize> = roots.iter().map(|root| block(root.get(&mu))).collect();
    assert!(blocks.iter().all(|&b| b == blocks[0]), "{blocks:?}");
    assert_eq!(collector.stats().tiny_allocs, 3);
    let last = roots.pop();
    drop(roots);
    mu.collect();
    assert_eq!(last.as_ref().map(|root| *root.get(&mu)), Some(3));
    assert_ne!(block(mu.alloc(9u32)), blocks[0], "not at hand any more, and not free");
}
