//! A key is moved into the map by a plain value: it cannot hold a pointer into the heap.
use gort_gc::{Field, GcMap, Trace};

#[derive(Trace)]
struct Key(Field<u64>);

fn main() {
    let _ = GcMap::<Key, u64>::init();
}
