//! An enum with fields cannot be traced yet.

use gort_gc::{Field, Trace};

#[derive(Trace)]
enum Tree {
    Leaf,
    Fork(Field<Tree>, Field<Tree>),
}

fn main() {}
