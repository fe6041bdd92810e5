//! A weak name gives references to its thread.
use gort_gc::Weak;
use std::cell::Cell;

fn main() {
    let mu = gort_gc::pin();
    let weak = Weak::new(&mu, mu.alloc(Cell::new(1u64)));
    std::thread::spawn(move || drop(weak));
}
