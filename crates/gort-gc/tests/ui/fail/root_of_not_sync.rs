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
    std::thread::spawn(move || drop(root));
}
