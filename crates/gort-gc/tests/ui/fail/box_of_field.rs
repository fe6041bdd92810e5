//! No box either: its contents are not traced.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Bad {
    next: Box<Field<Bad>>,
}

fn main() {}
