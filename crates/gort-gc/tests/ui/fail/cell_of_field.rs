//! No cell in the heap may hold a field: it could be moved out.

use std::cell::Cell;

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Bad {
    next: Cell<Field<Bad>>,
}

fn main() {}
