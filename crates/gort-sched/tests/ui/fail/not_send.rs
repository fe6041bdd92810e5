//! What a goroutine is given may be used on another thread.

struct Here(*mut u8);

fn main() {
    let here = Here(std::ptr::null_mut());
    gort_sched::go(move || {
        let here = here;
        here.0.is_null()
    });
}
