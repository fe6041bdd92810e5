//! A handle does not go to a thread that may outlive the guard.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mu = gort_gc::pin();
    let node = mu.alloc(NodeInit { key: 1, next: None });
    std::thread::spawn(move || println!("{}", node.key));
}
