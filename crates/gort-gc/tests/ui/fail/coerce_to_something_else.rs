//! The view of an object must be good for as long as the object is: a reference to anything that lives shorter is none.
fn main() {
    let mu = gort_gc::pin();
    let number = mu.alloc(1u64);
    let local = 2u64;
    let _ = number.coerce(|_| &local);
}
