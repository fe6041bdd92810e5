//! M2, `binary_trees`: a thread for each depth; no tree leaves its thread. On one
//! processor the depths follow each other.

use std::thread;
use std::time::Instant;

use dumpster::Trace;
use dumpster::unsync::Gc;
use gort_bench_kit::parameters::binary_trees::{DEPTH, MIN_DEPTH};
use gort_bench_kit::{Wrong, fail, metric, millis, pin_to_processors, processors, verify};

#[derive(Trace)]
struct Tree {
    left: Option<Gc<Tree>>,
    right: Option<Gc<Tree>>,
}

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let deepest = DEPTH.get();
    let trees = move |depth: u64| 1 << (deepest - depth + MIN_DEPTH);
    let start = Instant::now();
    let stretch = short_lived(deepest + 1, 1);
    let long_lived = bottom_up(deepest);
    let depths = (MIN_DEPTH..=deepest).step_by(2);
    let mut sums = Vec::new();
    if processors() == 1 {
        // A process of one thread takes no locks in malloc.
        sums.extend(depths.map(|depth| (depth, short_lived(depth, trees(depth)))));
    } else {
        let spawn = |depth| (depth, thread::spawn(move || short_lived(depth, trees(depth))));
        for (depth, thread) in depths.map(spawn).collect::<Vec<_>>() {
            sums.push((depth, thread.join().or_else(|_| fail("a thread panicked"))?));
        }
    }
    let kept = count(&long_lived);
    let elapsed = start.elapsed();

    verify("nodes of the stretch tree", stretch, nodes(deepest + 1))?;
    verify("nodes of the long-lived tree", kept, nodes(deepest))?;
    for (depth, sum) in sums {
        verify("nodes of the short-lived trees", sum, nodes(depth) * trees(depth))?;
    }
    metric("binary_trees", millis(elapsed), "ms");
    Ok(())
}

fn short_lived(depth: u64, trees: u64) -> u64 {
    (0..trees).map(|_| count(&bottom_up(depth))).sum()
}

fn bottom_up(depth: u64) -> Gc<Tree> {
    let child = || (depth > 0).then(|| bottom_up(depth - 1));
    let (left, right) = (child(), child());
    Gc::new(Tree { left, right })
}

fn count(tree: &Tree) -> u64 {
    match (&tree.left, &tree.right) {
        (Some(left), Some(right)) => 1 + count(left) + count(right),
        _ => 1,
    }
}

/// The number of nodes of a full tree.
fn nodes(depth: u64) -> u64 {
    (2 << depth) - 1
}
