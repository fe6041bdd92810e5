//! Packed values are not scanned, so they hold no pointer.
use gort_gc::Field;

fn main() {
    let mu = gort_gc::pin();
    let _ = mu.alloc_packed(&[Field::<u64>::null()]);
}
