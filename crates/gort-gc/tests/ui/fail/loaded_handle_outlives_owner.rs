//! A loaded handle lives as long as its owner's guard, whatever other guard is held.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mu2 = gort_gc::pin();
    let mut mu1 = gort_gc::pin();
    let owner = mu1.alloc(NodeInit { key: 1, next: None });
    owner.next.store(&mu2, Some(owner));
    let loaded = owner.get().next.load().unwrap();
    mu1.safepoint();
    println!("{}", loaded.key);
    drop(mu2);
}
