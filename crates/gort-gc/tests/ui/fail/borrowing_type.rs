//! A traced type borrows nothing.

use gort_gc::Trace;

#[derive(Trace)]
struct Borrow<'a> {
    name: &'a str,
}

fn main() {}
