//! A static is shared.
use gort_gc::RootCell;
use std::cell::Cell;

static HEAD: RootCell<Cell<u64>> = RootCell::new();

fn main() {
    HEAD.set(&gort_gc::pin(), None);
}
