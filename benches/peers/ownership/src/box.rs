//! M2, `binary_trees`, on owned nodes: every handle is a `Box`.

mod trees;

use std::process::ExitCode;

struct Tree {
    left: Option<Box<Tree>>,
    right: Option<Box<Tree>>,
}

fn main() -> ExitCode {
    gort_bench_kit::run(&[("binary_trees", || {
        trees::run(short_lived, bottom_up, |tree| count(tree))
    })])
}

fn short_lived(depth: u64, trees: u64) -> u64 {
    (0..trees).map(|_| count(&bottom_up(depth))).sum()
}

fn bottom_up(depth: u64) -> Box<Tree> {
    let child = || (depth > 0).then(|| bottom_up(depth - 1));
    let (left, right) = (child(), child());
    Box::new(Tree { left, right })
}

fn count(tree: &Tree) -> u64 {
    match (&tree.left, &tree.right) {
        (Some(left), Some(right)) => 1 + count(left) + count(right),
        _ => 1,
    }
}
