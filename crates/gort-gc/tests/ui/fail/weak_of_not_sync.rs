//! A weak name gives references to its thread.
use gort_gc::Weak;
use std::cell::Cell;

fn main() {
    let mu = gort_gc::pin();
    let weak = Weak::new(&mu, mu.alloc(Cell::new(1u64)));
    spawn(move || drop(weak));
}

/// Of this file, so that the message does not depend on whether the standard library's source is there.
fn spawn(f: impl FnOnce() + Send + 'static) {
    let _ = std::thread::spawn(f);
}
