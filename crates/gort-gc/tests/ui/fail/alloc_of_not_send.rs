//! Drop glue runs on another thread.

use std::rc::Rc;

use gort_gc::Trace;

#[derive(Trace)]
struct Local {
    rc: Rc<u32>,
}

fn main() {
    let mu = gort_gc::pin();
    mu.alloc(LocalInit { rc: Rc::new(1) });
}
