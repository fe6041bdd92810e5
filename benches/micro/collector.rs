//! The collector's side: guards, fields, the barrier off and on.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use gort::gc::{self, Field, Gc, Mutator, Root, Trace};

/// 64 bytes, two fields among them.
#[derive(Trace)]
struct Node {
    to: Field<Node>,
    other: Field<Node>,
    words: [u64; 6],
}

fn node(mutator: &Mutator) -> Gc<'_, Node> {
    mutator.alloc(NodeInit { to: None, other: None, words: [0; 6] })
}

/// One object of 64 bytes that dies at once, its sweep included.
pub(crate) fn alloc(times: u64) {
    let mut mutator = gc::pin();
    for at in 0..times {
        black_box(node(&mutator));
        if at % 16 == 0 {
            mutator.safepoint();
        }
    }
}

/// One load of a field: to be compared with [`plain_load`].
pub(crate) fn field_load(times: u64) {
    let mutator = gc::pin();
    let first = node(&mutator);
    first.to.store(&mutator, Some(first));
    for _ in 0..times {
        black_box(black_box(&first.to).load());
    }
}

/// One relaxed load of a word.
pub(crate) fn plain_load(times: u64) {
    let word = AtomicUsize::new(1);
    for _ in 0..times {
        // ORDER: Relaxed: nobody else has the word.
        black_box(black_box(&word).load(Ordering::Relaxed));
    }
}

/// One store into a field while no cycle runs.
pub(crate) fn store_off(times: u64) {
    let mutator = gc::pin();
    let (a, b) = (node(&mutator), node(&mutator));
    for _ in 0..times {
        black_box(&a.to).store(&mutator, Some(black_box(b)));
    }
}

/// One store while the barrier is on, old and new value marked already.
pub(crate) fn store_on(times: u64) {
    let mut mutator = gc::pin();
    let keep = Root::new(&mutator, node(&mutator));
    let collector = std::thread::spawn(gc::collect);
    // Each pass answers one handshake; after the first the barrier is on, and it stays on
    // until this guard passes again.
    while !mutator.barrier_is_on() {
        mutator.safepoint();
        std::thread::yield_now();
    }
    let (a, b) = (keep.get(&mutator), node(&mutator));
    for _ in 0..times {
        black_box(&a.to).store(&mutator, Some(black_box(b)));
    }
    drop(mutator);
    drop(collector.join());
}

/// One guard, taken and dropped.
pub(crate) fn pin_unpin(times: u64) {
    for _ in 0..times {
        drop(black_box(gc::pin()));
    }
}

/// One pass that has nothing to answer.
pub(crate) fn safepoint(times: u64) {
    let mut mutator = gc::pin();
    for _ in 0..times {
        black_box(&mut mutator).safepoint();
    }
}
