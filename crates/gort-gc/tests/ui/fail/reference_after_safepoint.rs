//! So does a reference into an object.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let key = &mu.alloc(NodeInit { key: 1, next: None }).get().key;
    mu.safepoint();
    println!("{key}");
}
