//! M2, `binary_trees`, in bump arenas: nothing is freed but a whole tree at once. It is
//! the floor: no allocator does less.

mod trees;

use std::process::ExitCode;

use bumpalo::Bump;

struct Tree<'a> {
    left: Option<&'a Tree<'a>>,
    right: Option<&'a Tree<'a>>,
}

fn main() -> ExitCode {
    gort_bench_kit::run(&[("binary_trees", || {
        let arena = Bump::new();
        trees::run(short_lived, |depth| bottom_up(&arena, depth), |tree| count(tree))
    })])
}

fn short_lived(depth: u64, trees: u64) -> u64 {
    let mut arena = Bump::new();
    let mut sum = 0;
    for _ in 0..trees {
        sum += count(bottom_up(&arena, depth));
        arena.reset();
    }
    sum
}

fn bottom_up(arena: &Bump, depth: u64) -> &Tree<'_> {
    let child = || (depth > 0).then(|| bottom_up(arena, depth - 1));
    let (left, right) = (child(), child());
    arena.alloc(Tree { left, right })
}

fn count(tree: &Tree<'_>) -> u64 {
    match (tree.left, tree.right) {
        (Some(left), Some(right)) => 1 + count(left) + count(right),
        _ => 1,
    }
}
