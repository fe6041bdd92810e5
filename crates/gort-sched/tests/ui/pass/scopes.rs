//! What a scope allows: borrows of outer values, goroutines that spawn into it, results that borrow.

use gort_sched::thread;

fn main() {
    let text = String::from("outer");
    let mut numbers = [1, 2];
    let (a, b) = numbers.split_at_mut(1);
    let sum = || {
        thread::scope(|s| {
            s.spawn(|| s.spawn(|| text.len()));
            s.spawn(|| a[0] += 1);
            s.spawn(|| b[0] += 1);
            let word: &str = s.spawn(|| text.as_str()).join().unwrap();
            word.len()
        })
    };
    // It only has to compile: there is no scheduler here.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(sum));
}
