//! A handle is no member of an object.

use gort_gc::{Gc, Trace};

#[derive(Trace)]
struct Bad {
    next: Gc<'static, u64>,
}

fn main() {}
