//! A traced type has no Drop of its own.

use gort_gc::{Field, Trace};

#[derive(Trace)]
struct Node {
    key: u64,
    next: Field<Node>,
}

impl Drop for Node {
    fn drop(&mut self) {
        println!("{}", self.key);
    }
}

fn main() {}
