//! A vector exists in the heap only: there is no way to a value of it.
use gort_gc::GcVec;

fn main() {
    let row: GcVec<u64> = GcVec::init();
    println!("{}", row.len());
}
