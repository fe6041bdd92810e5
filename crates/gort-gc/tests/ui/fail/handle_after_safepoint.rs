//! A handle ends at a safepoint.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    mu.safepoint();
    println!("{}", node.key);
}
