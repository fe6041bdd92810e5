//! An array in the heap gives its elements by reference.
use gort_gc::{Array, ArrayInit, Field, Trace};

#[derive(Trace)]
struct Slot(Field<u64>);
#[derive(Trace)]
struct Two(Array<Slot, 2>);

fn main() {
    let mu = gort_gc::pin();
    let one = mu.alloc(1);
    let two = mu.alloc(TwoInit(ArrayInit([SlotInit(Some(one)), SlotInit(None)])));
    let [first, _] = *two.get().0;
    drop(first);
}
