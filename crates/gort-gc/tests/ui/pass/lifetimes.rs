//! What handles may do while their guard is held.

use gort_gc::{Field, Gc, Mutator, Root, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

fn make(mu: &Mutator, key: u64) -> Gc<'_, Node> {
    mu.alloc(NodeInit { key, next: None })
}

/// Made by one guard, from a handle of another.
fn push<'mu>(mu: &'mu Mutator, next: Gc<'_, Node>) -> Gc<'mu, Node> {
    mu.alloc(NodeInit { key: next.key + 1, next: Some(next) })
}

fn last<'a>(mut node: Gc<'a, Node>) -> Gc<'a, Node> {
    while let Some(next) = node.get().next.load() {
        node = next;
    }
    node
}

fn main() {
    let mut mu = gort_gc::pin();
    let list = push(&mu, push(&mu, make(&mu, 1)));
    let all: Vec<Gc<Node>> = vec![list, last(list)];
    assert_eq!(all.iter().map(|n| n.key).sum::<u64>(), 4);
    let root = Root::new(&mu, list);
    mu.safepoint();
    {
        let nested = gort_gc::pin();
        let list = root.get(&mu);
        list.next.store(&nested, Some(push(&nested, list)));
    }
    mu.unpinned(|| root.clone());
    assert_eq!(root.get(&mu).next.load().unwrap().key, 4);
}
