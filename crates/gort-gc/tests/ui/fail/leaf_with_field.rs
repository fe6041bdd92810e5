//! A Leaf holds no field.

use gort_gc::{Field, Leaf};

#[derive(Leaf)]
struct Bad {
    next: Option<Field<u64>>,
}

fn main() {}
