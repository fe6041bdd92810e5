//! A union's members are not known to be pointers.

use gort_gc::Trace;

#[derive(Trace)]
union Either {
    a: u64,
    b: u32,
}

fn main() {}
