//! A native stack must not leave the call whose frame is its base.

use gort_gc::foreign::NativeStack;

fn main() {
    let _stack = NativeStack::below(|stack| stack);
}
