//! An object gives out shared references only.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    let out = std::mem::replace(&mut node.next, Field::null());
    drop(out);
}
