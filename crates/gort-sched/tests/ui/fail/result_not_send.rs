//! So may what it returns.

struct Here(*mut u8);

fn main() {
    gort_sched::go(|| Here(std::ptr::null_mut()));
}
