//! M2, `binary_trees`: an arena for each depth, on a thread of its own; on one processor
//! the depths follow each other.

use std::thread;
use std::time::Instant;

use gc_arena::{Arena, Collect, Gc, Mutation, Rootable};
use gort_bench_kit::parameters::binary_trees::{DEPTH, MIN_DEPTH};
use gort_bench_kit::{Wrong, fail, metric, millis, pin_to_processors, processors, verify};

#[derive(Collect)]
#[collect(no_drop)]
struct Tree<'gc> {
    left: Option<Gc<'gc, Tree<'gc>>>,
    right: Option<Gc<'gc, Tree<'gc>>>,
}

pub(crate) fn run() -> Result<(), Wrong> {
    pin_to_processors()?;
    let deepest = DEPTH.get();
    let trees = move |depth: u64| 1 << (deepest - depth + MIN_DEPTH);
    let start = Instant::now();
    let stretch = short_lived(deepest + 1, 1);
    let long_lived =
        Arena::<Rootable![Gc<'_, Tree<'_>>]>::new(|context| bottom_up(context, deepest));
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
    let kept = long_lived.mutate(|_, tree| count(*tree));
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
    let mut arena = Arena::<Rootable![()]>::new(|_| ());
    let mut sum = 0;
    for _ in 0..trees {
        sum += arena.mutate(|context, ()| count(bottom_up(context, depth)));
        arena.collect_debt();
    }
    sum
}

fn bottom_up<'gc>(context: &Mutation<'gc>, depth: u64) -> Gc<'gc, Tree<'gc>> {
    let child = || (depth > 0).then(|| bottom_up(context, depth - 1));
    let (left, right) = (child(), child());
    Gc::new(context, Tree { left, right })
}

fn count(tree: Gc<'_, Tree<'_>>) -> u64 {
    match (tree.left, tree.right) {
        (Some(left), Some(right)) => 1 + count(left) + count(right),
        _ => 1,
    }
}

/// The number of nodes of a full tree.
fn nodes(depth: u64) -> u64 {
    (2 << depth) - 1
}
