//! Spans, pages and addresses as the heap shows them, against what was done; and the report that tools read.

mod common;

use common::{fill, free, take};
use gort_heap::{Cache, GortAlloc, Heap, HeapConfig, Kind, Linux, PageState, Place};
use serde_json::Value;
use std::process::Command;
use std::ptr::NonNull;

#[global_allocator]
static ALLOCATOR: GortAlloc = GortAlloc;

/// A heap full of holes: of each 16 blocks one is left.
fn cheese() -> (Heap, Cache, Vec<NonNull<u8>>) {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let all = fill(&mut cache, 512, 16_000);
    fill(&mut cache, 100_000, 5);
    let mut kept = Vec::new();
    for (i, p) in all.into_iter().enumerate() {
        match i % 16 {
            0 => kept.push(p),
            _ => free(&mut cache, p, 512),
        }
    }
    cache.flush();
    (heap, cache, kept)
}

fn adds_up(heap: &Heap) {
    let s = heap.stats();
    let pages =
        |kind: Kind| -> usize { heap.spans().filter(|x| x.kind == kind).map(|x| x.pages).sum() };
    assert_eq!(pages(Kind::Explicit) as u64 * 8192, s.explicit_in_use);
    assert_eq!(pages(Kind::Gc) as u64 * 8192, s.gc_in_use);
    let mut sums = (0, 0, 0);
    for kind in [Kind::Gc, Kind::Explicit] {
        for chunk in heap.map().chunks(kind) {
            let (used, free, released) = chunk.counts();
            sums = (sums.0 + used, sums.1 + free, sums.2 + released);
            let runs = chunk.runs().fold((0, [0; 3]), |(at, mut n), (first, len, state)| {
                assert_eq!(first, at);
                n[state as usize] += len;
                (at + len, n)
            });
            assert_eq!(runs, (512, [used, free, released]));
        }
    }
    // Pages in caches are in use for the map, and free for the figures.
    let free = (sums.1 + sums.2) as u64 * 8192;
    assert!(free <= s.heap_free + s.heap_released);
    assert_eq!((sums.0 as u64 * 8192) + free, s.heap_in_use + s.heap_free + s.heap_released);
}

#[test]
fn spans_and_pages_add_up() {
    let (heap, mut cache, kept) = cheese();
    adds_up(&heap);
    let holes = heap.spans().filter(|s| s.slot_size == 512 && s.free * 16 >= s.slots * 14).count();
    assert!(holes > 100, "{holes}");
    heap.scavenge(u64::MAX, true);
    adds_up(&heap);
    let mut gc = heap.cache(Kind::Gc).unwrap();
    for _ in 0..3000 {
        take(&mut gc, 64);
    }
    adds_up(&heap);
    let text = heap.map().to_string();
    assert!(text.lines().count() >= 4 && text.contains('#') && text.contains("  "), "{text}");
    for p in kept {
        free(&mut cache, p, 512);
    }
    drop(cache);
    adds_up(&heap);
    let released =
        |heap: &Heap| heap.map().chunks(Kind::Explicit).any(|c| c.page(0) == PageState::Released);
    heap.scavenge(u64::MAX, true);
    assert!(heap.spans().all(|s| s.class == 0 || s.kind == Kind::Gc));
    assert!(released(&heap) || heap.spans().any(|s| s.kind == Kind::Explicit));
}

#[test]
fn addresses() {
    let (heap, mut cache, kept) = cheese();
    let large = heap.spans().find(|s| s.class == 0).unwrap();
    let at = |addr: usize| heap.check_ptr(addr);
    for p in &kept {
        let addr = p.as_ptr() as usize;
        for inside in [0, 1, 511] {
            match at(addr + inside) {
                Place::Slot { span, start, live, index } => {
                    assert!(live && start == addr && span.slot_size == 512);
                    assert_eq!(span.addr + index * 512, addr);
                }
                other => panic!("{other:?}"),
            }
        }
        // Its neighbours were freed and given back.
        let beside = at(addr + 512);
        let free = match beside {
            Place::Slot { live, .. } => !live,
            _ => true,
        };
        assert!(free || kept.iter().any(|q| q.as_ptr() as usize == addr + 512), "{beside:?}");
    }
    assert!(
        matches!(at(large.addr + 8192), Place::Slot { live: true, start, .. } if start == large.addr)
    );
    let local = 0u8;
    assert_eq!(at(std::ptr::from_ref(&local) as usize), Place::Foreign);
    assert_eq!(at(0), Place::Foreign);
    assert_eq!(at(usize::MAX), Place::Foreign);
    // The last pages of what was grown are in no span; 144 bytes divide no number of pages below nine.
    let end = heap.map().chunks(Kind::Explicit).map(|c| c.addr + (4 << 20)).max().unwrap();
    assert_eq!(at(end - 1), Place::NoSpan);
    fill(&mut cache, 144, 1);
    let tail = heap.spans().find(|s| s.slots * s.slot_size < s.pages * 8192 && s.class != 0);
    let tail = tail.unwrap();
    assert_eq!(at(tail.addr + tail.slots * tail.slot_size), Place::Tail(tail));
    let mut gc = heap.cache(Kind::Gc).unwrap();
    let p = take(&mut gc, 64).as_ptr() as usize;
    assert!(matches!(at(p + 5), Place::Slot { live: true, start, .. } if start == p));
    assert!(matches!(at(p + 64), Place::Slot { live: false, .. }));
}

/// The lines of a report, by key.
fn parse(text: &str) -> Vec<(String, Value)> {
    let line = |l: &str| {
        let value: Value = serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"));
        let (key, inner) = value.as_object().unwrap().iter().next().unwrap();
        match inner {
            Value::Object(_) | Value::String(_) => (key.clone(), inner.clone()),
            _ => ("".into(), value.clone()),
        }
    };
    text.lines().map(line).collect()
}

fn total(lines: &[(String, Value)], key: &str, field: &str) -> u64 {
    let of = lines.iter().filter(|l| l.0 == key);
    of.map(|l| l.1[field].as_u64().unwrap()).sum()
}

#[test]
fn the_report_says_the_same() {
    let (heap, _cache, _kept) = cheese();
    heap.scavenge(1 << 20, true);
    let mut text = String::new();
    heap.write_report(&mut text).unwrap();
    let (lines, s) = (parse(&text), heap.stats());
    assert_eq!(lines[0].1["gort_heap_report"], 1);
    assert_eq!(lines.last().unwrap().1["end"], true);
    assert_eq!(total(&lines, "stats", "live_bytes"), s.live_bytes);
    assert_eq!(total(&lines, "class", "live_bytes"), s.live_bytes);
    assert_eq!(total(&lines, "class", "span_bytes"), s.heap_in_use);
    assert_eq!(total(&lines, "span", "pages") * 8192, s.heap_in_use);
    let free: u64 =
        lines.iter().filter(|l| l.0 == "free").map(|l| l.1["pages"].as_u64().unwrap()).sum();
    assert!(free * 8192 <= s.heap_free + s.heap_released && free > 0);
    let mapped = s.committed + s.heap_released;
    assert_eq!(total(&lines, "mapping", "mapped"), mapped);
    // What the kernel says of the same ranges.
    let smaps: Vec<&str> =
        lines.iter().filter(|l| l.0 == "smaps").map(|l| l.1.as_str().unwrap()).collect();
    assert!(smaps.iter().any(|l| l.starts_with("KernelPageSize:")));
    assert!(smaps.iter().any(|l| l.starts_with("MMUPageSize:")));
}

/// The map of the process's own heap is read while it allocates, and a child says at its end what it had.
#[test]
fn the_process_reports_at_its_end() {
    let part = "GORT_HEAP_PART";
    if std::env::var_os(part).is_some() {
        std::mem::forget(vec![1u8; 3_000_000]);
        let place =
            GortAlloc::heap().unwrap().check_ptr(std::ptr::from_ref(&*Box::new(7u64)) as usize);
        assert!(matches!(place, Place::Slot { .. }));
        return;
    }
    let dir = std::env::temp_dir();
    let name = format!("gort-report-{}", std::process::id());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env(part, "x").env("GORT_HEAP_REPORT", dir.join(format!("{name}-%p")));
    child.args(["--exact", "the_process_reports_at_its_end"]);
    let mut child = child.stdout(std::process::Stdio::null()).spawn().unwrap();
    let path = dir.join(format!("{name}-{}", child.id()));
    assert!(child.wait().unwrap().success());
    let lines = parse(&std::fs::read_to_string(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lines.last().unwrap().1["end"], true);
    assert!(total(&lines, "stats", "live_bytes") > 3_000_000);
    let mut text = String::new();
    GortAlloc::heap().unwrap().write_report(&mut text).unwrap();
    assert!(parse(&text).len() > 20);
}
