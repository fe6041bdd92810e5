//! A field outside the heap is null.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    let field: Field<Node> = Field::new(node);
    drop(field);
}
