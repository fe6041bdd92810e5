//! A handle does not outlive its guard.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let node = {
        let mu = gort_gc::pin();
        mu.alloc(NodeInit { key: 1, next: None })
    };
    println!("{}", node.key);
}
