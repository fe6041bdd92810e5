//! A handle cannot be used where the guard is not held.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    let key = mu.unpinned(|| node.key);
    println!("{key}");
}
