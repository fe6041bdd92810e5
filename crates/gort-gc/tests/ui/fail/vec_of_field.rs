//! Nor a vector.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Bad {
    all: Vec<Field<Bad>>,
}

fn main() {}
