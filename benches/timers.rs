//! S11, `timers`: a hundred thousand tasks sleep ten times, 1 to 10 ms each; how
//! late each wakes is noted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort_bench_kit::machine::cpu_millis;
use gort_bench_kit::parameters::timers::{SLEEPS, TASKS};
use gort_bench_kit::{Histogram, Random, Wrong, metric, millis, verify};

pub(crate) fn run() -> Result<(), Wrong> {
    let tasks = TASKS.get();
    let group: &'static WaitGroup = Box::leak(Box::new(WaitGroup::new()));
    // A place for each sleep, touched before: noting costs a store.
    let late: Vec<AtomicU64> = (0..tasks * SLEEPS).map(|_| AtomicU64::new(u64::MAX)).collect();
    let late: &'static [AtomicU64] = late.leak();

    let (start, cpu) = (Instant::now(), cpu_millis());
    group.add(tasks as isize);
    for task in 0..tasks {
        let from = (task * SLEEPS) as usize;
        let places = &late[from..from + SLEEPS as usize];
        gort::go(move || {
            sleep_and_note(task, places);
            group.done();
        });
    }
    group.wait();
    let (wall, cpu) = (start.elapsed(), cpu_millis() - cpu);

    let mut histogram = Histogram::new();
    // ORDER: Relaxed: the group's wait has published what the tasks noted.
    let noted = late.iter().map(|place| place.load(Relaxed)).filter(|nanos| *nanos != u64::MAX);
    noted.for_each(|nanos| histogram.record(nanos));
    verify("number of sleeps", histogram.total(), tasks * SLEEPS)?;
    metric("timers_wall", millis(wall), "ms");
    metric("timers_cpu", cpu, "ms");
    histogram.report("timers_late", &[50.0, 99.0]);
    Ok(())
}

fn sleep_and_note(task: u64, places: &[AtomicU64]) {
    let mut random = Random::new(task);
    for place in places {
        let nap = Duration::from_micros(1000 + random.below(9001));
        let start = Instant::now();
        gort::thread::sleep(nap);
        let late = start.elapsed().saturating_sub(nap);
        // ORDER: Relaxed: read after the group's wait.
        place.store(late.as_nanos() as u64, Relaxed);
    }
}
