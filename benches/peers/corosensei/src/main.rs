//! S15, `raw_switch`, on corosensei: one coroutine is resumed and suspends itself,
//! fifty million times.

use std::process::ExitCode;
use std::time::Instant;

use corosensei::{Coroutine, CoroutineResult};
use gort_bench_kit::parameters::raw_switch::ROUNDS;
use gort_bench_kit::{Wrong, fail, metric, per_op, verify};

fn main() -> ExitCode {
    gort_bench_kit::run(&[("raw_switch", run)])
}

fn run() -> Result<(), Wrong> {
    let rounds = ROUNDS.get();
    let mut coroutine = Coroutine::<(), (), u64>::new(move |yielder, ()| {
        let mut resumed = 0;
        while resumed < rounds {
            resumed += 1;
            yielder.suspend(());
        }
        resumed
    });

    let start = Instant::now();
    for _ in 0..rounds {
        if let CoroutineResult::Return(_) = coroutine.resume(()) {
            return fail("the coroutine ended too early");
        }
    }
    let elapsed = start.elapsed();

    let CoroutineResult::Return(resumed) = coroutine.resume(()) else {
        return fail("the coroutine did not end");
    };
    verify("number of resumptions", resumed, rounds)?;
    metric("raw_switch", per_op(elapsed, rounds), "ns/resume+suspend");
    Ok(())
}
