//! And an initialiser that holds one.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    let init = NodeInit { key: 2, next: Some(node) };
    mu.safepoint();
    mu.alloc(init);
}
