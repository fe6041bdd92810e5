//! M2, `binary_trees`: the benchmarks game's program on the collected heap, with
//! depth 18.
//!
//! One tree a level deeper that is dropped at once, one that lives all the time,
//! and many short-lived ones of depths 4, 6 .. 18, each depth in its own task. A
//! task lets the collector pass after each tree, where it holds no node.

use std::time::Instant;

use gort::gc::{self, Field, Gc, Mutator, Root, Trace};
use gort_bench_kit::parameters::binary_trees::{DEPTH, MIN_DEPTH};
use gort_bench_kit::{Wrong, metric, millis, verify};

/// Two pointers, nothing else.
#[derive(Trace)]
struct Tree {
    left: Field<Tree>,
    right: Field<Tree>,
}

pub(crate) fn run() -> Result<(), Wrong> {
    let deepest = DEPTH.get();
    let start = Instant::now();

    let (stretch, long_lived) = {
        let mut mutator = gc::pin();
        let stretch = count(bottom_up(&mutator, deepest + 1));
        mutator.safepoint();
        (stretch, Root::new(&mutator, bottom_up(&mutator, deepest)))
    };
    let depths = (MIN_DEPTH..=deepest).step_by(2);
    let tasks: Vec<_> = depths
        .clone()
        .map(|depth| gort::go(move || short_lived(depth, trees(depth, deepest))))
        .collect();
    let sums: Vec<u64> = tasks.into_iter().map(|task| task.join().unwrap_or(0)).collect();
    let kept = {
        let mutator = gc::pin();
        count(long_lived.get(&mutator))
    };
    let elapsed = start.elapsed();

    verify("nodes of the stretch tree", stretch, nodes(deepest + 1))?;
    verify("nodes of the long-lived tree", kept, nodes(deepest))?;
    for (depth, sum) in depths.zip(sums) {
        verify("nodes of the short-lived trees", sum, nodes(depth) * trees(depth, deepest))?;
    }
    metric("binary_trees", millis(elapsed), "ms");
    Ok(())
}

/// Builds and counts so many short-lived trees of one depth.
fn short_lived(depth: u64, trees: u64) -> u64 {
    let mut mutator = gc::pin();
    let mut sum = 0;
    for _ in 0..trees {
        sum += count(bottom_up(&mutator, depth));
        mutator.safepoint();
    }
    sum
}

/// A full tree, its leaves made first.
fn bottom_up(mutator: &Mutator, depth: u64) -> Gc<'_, Tree> {
    let (left, right) = if depth == 0 {
        (None, None)
    } else {
        (Some(bottom_up(mutator, depth - 1)), Some(bottom_up(mutator, depth - 1)))
    };
    mutator.alloc(TreeInit { left, right })
}

/// Walks the tree; its number of nodes.
fn count(tree: Gc<'_, Tree>) -> u64 {
    match (tree.left.load(), tree.right.load()) {
        (Some(left), Some(right)) => 1 + count(left) + count(right),
        _ => 1,
    }
}

/// The number of nodes of a full tree.
const fn nodes(depth: u64) -> u64 {
    (1 << (depth + 1)) - 1
}

/// How many short-lived trees of a depth there are: all depths have the same work.
const fn trees(depth: u64, deepest: u64) -> u64 {
    1 << (deepest - depth + MIN_DEPTH)
}
