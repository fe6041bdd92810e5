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
    spawn(move || println!("{}", node.key));
}

/// Of this file, so that the message does not depend on whether the standard library's source is there.
fn spawn(f: impl FnOnce() + Send + 'static) {
    let _ = std::thread::spawn(f);
}
