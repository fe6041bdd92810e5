//! Overflows of stacks, guarded either way; `tests/overflows.rs` runs them: `overflows KIND GUARD`.

use gort_sched::testing::run_with;
use gort_sched::thread::{self, Builder};
use gort_sched::{Config, go};
use std::ffi::{c_int, c_void};
use std::hint::black_box;

unsafe extern "C" {
    /// C's own sort: it calls back.
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: extern "C" fn(*const c_void, *const c_void) -> c_int,
    );
}

extern "C" fn compare_deeper(_: *const c_void, _: *const c_void) -> c_int {
    sort_deeper();
    0
}

/// Rust, C, Rust, C, ... until the stack ends.
fn sort_deeper() {
    let mut numbers = black_box([3u64, 1, 2]);
    // SAFETY: three numbers of eight bytes, and a comparison that only looks.
    unsafe { qsort(numbers.as_mut_ptr().cast(), 3, 8, compare_deeper) };
    black_box(numbers);
}

#[expect(unconditional_recursion, reason = "the overflow is wanted")]
fn dig(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    dig(depth + 1) + frame[3]
}

/// One frame larger than the whole stack.
fn huge() -> u64 {
    let frame = black_box([1u8; 700 << 10]);
    u64::from(frame[black_box(7)])
}

fn named(bytes: usize, f: fn() -> u64) -> u64 {
    let builder = Builder::new().name("deep".into()).stack_size(bytes);
    builder.spawn(f).expect("a stack").join().expect("no panic")
}

fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap_or_default();
    let mprotect_guards = args.next().as_deref() == Some("protect");
    let config = Config { procs: 2, mprotect_guards, ..Config::default() };
    run_with(config, move || match kind.as_str() {
        "main" => dig(0),
        "goroutine" => go(|| dig(0)).join().expect("no panic"),
        "small" => named(1, || dig(0)),
        "large" => named(16 << 20, || dig(0)),
        "huge" => named(1, huge),
        "foreign" => named(1, || {
            sort_deeper();
            0
        }),
        "foreign-main" => {
            sort_deeper();
            0
        }
        "unwinding" => named(1, || {
            struct Deep;
            impl Drop for Deep {
                fn drop(&mut self) {
                    black_box(dig(0));
                }
            }
            let _deep = Deep;
            std::panic::resume_unwind(Box::new(()));
        }),
        "resumed" => go(|| {
            thread::yield_now();
            thread::sleep(std::time::Duration::from_millis(1));
            dig(0)
        })
        .join()
        .expect("no panic"),
        other => panic!("no kind {other:?}"),
    });
}
