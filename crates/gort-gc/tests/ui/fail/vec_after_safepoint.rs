//! And a collection of handles.

use gort_gc::{Field, Gc, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let nodes: Vec<Gc<Node>> = (0..3).map(|key| mu.alloc(NodeInit { key, next: None })).collect();
    mu.safepoint();
    println!("{}", nodes.len());
}
