//! Recursion through a guard, and across!.

use gort_gc::{Field, Root, Trace, across};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn main() {
    let mut mu = gort_gc::pin();
    let a = mu.alloc(NodeInit { key: 1, next: None });
    let b = mu.alloc(NodeInit { key: 2, next: Some(a) });
    a.next.store(&mu, Some(b));
    across!(mu, [a, b] => mu.collect());
    assert!(a.next.load().unwrap().ptr_eq(b));
    let keep = Root::new(&mu, a);
    mu.safepoint();
    assert_eq!(keep.get(&mu).get().next.load().unwrap().key, 2);
}
