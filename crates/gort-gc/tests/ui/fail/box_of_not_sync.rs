//! A trait object that may not be shared makes its owner one that may not move to another thread.
use gort_gc::{GcBox, Trace};

trait Shape {}
#[derive(Trace)]
struct Picture(GcBox<dyn Shape>);
impl Shape for u64 {}

fn main() {
    let mu = gort_gc::pin();
    let shape = mu.alloc(1u64).coerce(|s| s as &dyn Shape);
    let _ = mu.alloc(PictureInit(shape));
}
