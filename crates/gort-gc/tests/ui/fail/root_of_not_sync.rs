//! A root shares its object.

use std::cell::Cell;

use gort_gc::{Root, Trace};

#[derive(Trace)]
struct Counter {
    n: Cell<u32>,
}

fn main() {
    let mu = gort_gc::pin();
    let root = Root::new(&mu, mu.alloc(CounterInit { n: Cell::new(0) }));
    spawn(move || drop(root));
}

/// Of this file, so that the message does not depend on whether the standard library's source is there.
fn spawn(f: impl FnOnce() + Send + 'static) {
    let _ = std::thread::spawn(f);
}
