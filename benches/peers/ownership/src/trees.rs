//! What the ways of owning share: which trees there are; and the threads, one for each
//! depth, kept on as many processors as the bench asks for. On one processor the depths
//! follow each other.

use std::thread;
use std::time::Instant;

use gort_bench_kit::parameters::binary_trees::{DEPTH, MIN_DEPTH};
use gort_bench_kit::{Wrong, fail, metric, millis, pin_to_processors, processors, verify};

/// Builds so many trees of a depth, one after the other; the sum of their nodes.
pub(crate) type Work = fn(depth: u64, trees: u64) -> u64;

/// The whole workload: the long-lived tree is built once and counted at the end.
pub(crate) fn run<T>(
    short_lived: Work,
    build: impl FnOnce(u64) -> T,
    count: impl FnOnce(&T) -> u64,
) -> Result<(), Wrong> {
    pin_to_processors()?;
    let deepest = DEPTH.get();
    let trees = move |depth: u64| 1 << (deepest - depth + MIN_DEPTH);
    let start = Instant::now();
    let stretch = short_lived(deepest + 1, 1);
    let long_lived = build(deepest);
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

/// The number of nodes of a full tree.
fn nodes(depth: u64) -> u64 {
    (2 << depth) - 1
}
