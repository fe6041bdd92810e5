//! A text's bytes are the heap's.
fn main() {
    let mut mu = gort_gc::pin();
    let text = mu.alloc_str("short").unwrap().text();
    mu.safepoint();
    println!("{text}");
}
