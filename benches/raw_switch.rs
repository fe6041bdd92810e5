//! S15, `raw_switch`: no scheduler, `gort-stack` alone: one context is resumed and
//! suspends itself, fifty million times.

use std::time::Instant;

use gort_bench_kit::parameters::raw_switch::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};
use gort_stack::switch::switch;
use gort_stack::{Class, StackPool, frame};

/// What both sides see.
struct Pair {
    /// Where the resumer is saved, while the context runs.
    resumer: usize,
    /// Where the context is saved, while the resumer runs.
    context: usize,
    resumed: u64,
}

pub(crate) fn run() -> Result<(), Wrong> {
    let rounds = ROUNDS.get();
    let pool = StackPool::new(Default::default());
    let stack = pool.take(Class::SMALLEST).or_else(fail)?;
    let mut pair = Pair { resumer: 0, context: 0, resumed: 0 };
    let pair = &raw mut pair;
    // SAFETY: WORKLOAD-2: the stack is alive and unused, and `pair` outlives the context.
    unsafe { (*pair).context = frame::first(stack.top(), body, pair.cast()) };

    let start = Instant::now();
    for _ in 0..rounds {
        // SAFETY: WORKLOAD-2: the context was saved by its first frame or by its last switch.
        unsafe { switch(&raw mut (*pair).resumer, (*pair).context) };
    }
    let elapsed = start.elapsed();

    // SAFETY: WORKLOAD-2: the context is suspended for good; nobody else uses the pair.
    let resumed = unsafe { (*pair).resumed };
    // The context has no destructor to run: its stack may go under it.
    pool.give(stack);
    verify("number of resumptions", resumed, rounds)?;
    metric("raw_switch", per_op(elapsed, rounds), "ns/resume+suspend");
    Ok(())
}

extern "C" fn body(pair: *mut u8) -> ! {
    let pair = pair.cast::<Pair>();
    loop {
        // SAFETY: WORKLOAD-2: the resumer is suspended in its switch, and was saved by it.
        unsafe {
            (*pair).resumed += 1;
            switch(&raw mut (*pair).context, (*pair).resumer);
        }
    }
}
