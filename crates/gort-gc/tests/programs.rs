//! Programs of several mutators, each checked against a model of its own: memory under a limit, objects that travel, names that
//! race with death. `GORT_TEST_SCALE` makes them longer.
#![cfg(not(loom))]

mod modes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use gort_gc::{Collector, Config, Field, Gc, GcPacked, GcSlice, Mutator, Root, Trace, Weak};
use gort_sys::chance::Chance;

fn scale(n: u32) -> u32 {
    let by = std::env::var("GORT_TEST_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    modes::steps(n) * by
}

#[derive(Trace)]
struct Page {
    number: u64,
    bytes: Field<GcPacked<u8>>,
}

/// Pages come and go in a table of 16 MiB; what the heap has of the system stays below the limit and 16 MiB.
fn churn(gc_percent: Option<u32>) {
    const LIMIT: u64 = 64 << 20;
    let config =
        Config { range_shift: 34, gc_percent, memory_limit: Some(LIMIT), ..modes::config() };
    let collector = Collector::new(config).unwrap();
    let most = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..2u64 {
            let (collector, most) = (&collector, &most);
            scope.spawn(move || {
                let mut rng = Chance::seed(thread);
                let mut mu = collector.pin();
                let table: Gc<'_, GcSlice<Page>> = mu.alloc_slice(512).unwrap();
                let table = Root::new(&mu, table);
                let mut model = HashMap::new();
                for step in 0..scale(20_000) {
                    let (i, number) = (rng.below(512) as usize, rng.draw());
                    let len = 1 + rng.below(32 << 10) as usize;
                    let bytes = mu.alloc_packed(&vec![number as u8; len]).unwrap();
                    let page = mu.alloc(PageInit { number, bytes: Some(bytes) });
                    let field = &table.get(&mu).slice()[i];
                    let old = field.swap(&mu, Some(page));
                    assert_eq!(old.map(|p| p.number), model.insert(i, number));
                    if let Some(old) = old {
                        let bytes = old.get().bytes.load().unwrap().values();
                        assert!(bytes[0] == old.number as u8 && bytes.last() == bytes.first());
                    }
                    if step % 64 == 0 {
                        most.fetch_max(collector.stats().committed, Ordering::Relaxed);
                    }
                    mu.safepoint();
                }
            });
        }
    });
    let most = most.into_inner();
    assert!(most <= LIMIT + (16 << 20), "{} MiB under a limit of 64", most >> 20);
    assert!(collector.stats().cycles > 0);
}

#[test]
fn a_limit_beside_a_percentage() {
    churn(Some(400));
}

#[test]
fn a_limit_alone() {
    churn(None);
}

#[derive(Trace)]
struct Link {
    value: u64,
    next: Field<Link>,
}

fn sum(mut at: Option<Gc<'_, Link>>) -> u64 {
    let mut sum = 0;
    while let Some(link) = at {
        sum += link.value;
        at = link.get().next.load();
    }
    sum
}

/// A message carries a root and what its list should add up to; whoever has it pushes a link and sends it on.
#[test]
fn objects_through_channels() {
    const TASKS: usize = 4;
    let collector = Collector::new(Config { range_shift: 32, ..modes::config() }).unwrap();
    let ends: Vec<_> = (0..TASKS).map(|_| mpsc::channel::<(Root<Link>, u64)>()).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
    let hops = AtomicUsize::new(0);
    let total = scale(20_000) as usize;
    std::thread::scope(|scope| {
        for (task, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(task + 1) % TASKS].clone();
            let (collector, hops) = (&collector, &hops);
            scope.spawn(move || {
                let mut mu = collector.pin();
                let start = mu.alloc(LinkInit { value: task as u64, next: None });
                let _ = next.send((Root::new(&mu, start), task as u64));
                loop {
                    let Ok((list, want)) = mu.unpinned(|| receiver.recv()) else { return };
                    let head = list.get(&mu);
                    assert_eq!(sum(Some(head)), want);
                    if hops.fetch_add(1, Ordering::Relaxed) >= total {
                        return;
                    }
                    // A long list begins anew: the old one is garbage.
                    let (next_link, before) =
                        if want > 2000 { (None, 0) } else { (Some(head), want) };
                    let value = want % 97 + 1;
                    let head = mu.alloc(LinkInit { value, next: next_link });
                    if next.send((Root::new(&mu, head), before + value)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(senders);
        while hops.load(Ordering::Relaxed) < total {
            collector.collect().unwrap();
        }
    });
    assert!(collector.stats().cycles > 0);
}

/// Weak names and cleanups of objects that die on one thread while others ask: no name gives an object whose cleanup ran, and in
/// the end each object has died once.
#[test]
fn names_race_with_death() {
    let collector = Collector::new(Config { range_shift: 32, ..modes::config() }).unwrap();
    type Names = Vec<(Weak<Link>, Arc<AtomicBool>)>;
    let names = Mutex::new(Names::new());
    let (died, made, stop) =
        (Arc::new(AtomicU64::new(0)), scale(3000) as u64, AtomicBool::new(false));
    let ask = |mu: &Mutator| {
        let names = names.lock().unwrap();
        for (name, cleaned) in names.iter().rev().take(64) {
            if let Some(link) = name.get(mu) {
                assert!(!cleaned.load(Ordering::SeqCst), "{} was cleaned up", link.value);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut mu = collector.pin();
                while !stop.load(Ordering::Relaxed) {
                    ask(&mu);
                    mu.unpinned(std::thread::yield_now);
                }
            });
        }
        let mut mu = collector.pin();
        for value in 0..made {
            let link = mu.alloc(LinkInit { value, next: None });
            let cleaned = Arc::new(AtomicBool::new(false));
            names.lock().unwrap().push((Weak::new(&mu, link), cleaned.clone()));
            let cleanup = (cleaned, died.clone());
            mu.add_cleanup(link, cleanup, |(cleaned, died)| {
                assert!(!cleaned.swap(true, Ordering::SeqCst));
                died.fetch_add(1, Ordering::SeqCst);
            });
            if value % 100 == 0 {
                mu.collect();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    collector.collect().unwrap();
    let mu = collector.pin();
    assert!(names.lock().unwrap().iter().all(|(name, _)| name.get(&mu).is_none()));
    for _ in 0..20_000 {
        if died.load(Ordering::SeqCst) == made {
            return;
        }
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
    panic!("{} of {made} cleanups ran", died.load(Ordering::SeqCst));
}
