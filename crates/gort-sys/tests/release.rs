//! Giving memory back, seen by the kernel: what is resident, what is only lazily free, which huge pages are wished.
#![cfg(not(miri))]

mod common;

use common::{bytes, discard, fill, free, huge, map, resident, unused, used};
use gort_sys::mem::{self, HugeHint};
use gort_sys::platform::{Features, platform};
use gort_sys::{Backend, Linux, PageRange, Release, SysStat, TestBackend};
use proptest::prelude::*;

const PAGES: usize = 24;

/// A field of the range's entry in smaps, in bytes; the sum if the kernel has it in parts.
fn smaps(r: PageRange, field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut inside, mut sum) = (false, 0);
    for line in text.lines() {
        let first = line.split(' ').next().unwrap();
        if let Some((from, to)) = first.split_once('-') {
            let hex = |s| usize::from_str_radix(s, 16).unwrap();
            inside = hex(from) < r.end() && r.addr() < hex(to);
        } else if inside && first == format!("{field}:") {
            let kib: u64 = line[field.len() + 1..].trim().trim_end_matches(" kB").parse().unwrap();
            sum += kib << 10;
        }
    }
    sum
}

fn flags(r: PageRange) -> String {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let entry = text.split_once(&format!("{:x}-", r.addr())).unwrap().1;
    entry.split_once("VmFlags:").unwrap().1.lines().next().unwrap().to_owned()
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Write,
    Unused(Release),
    Used,
    Discard(Release),
}

fn op() -> impl Strategy<Value = (Op, usize, usize)> {
    let how = prop_oneof![Just(Release::DontNeed), Just(Release::Free), Just(Release::Hard)];
    let op = prop_oneof![
        3 => Just(Op::Write),
        2 => how.clone().prop_map(Op::Unused),
        2 => Just(Op::Used),
        1 => how.prop_map(Op::Discard),
    ];
    (op, 0..PAGES, 1..6usize)
}

/// What is known of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    prepared: bool,
    /// What it may read as: its value, and whether the kernel may have put zero there.
    value: u8,
    lazy: bool,
}

fn drive<B: Backend>(b: &B, ops: &[(Op, usize, usize)], looks: bool) {
    let st = SysStat::new();
    let page = b.page_size();
    let r = b.reserve(PAGES * page, page, 0, &st).unwrap();
    map(b, r, &st).unwrap();
    let mut model = [Page { prepared: false, value: 0, lazy: false }; PAGES];
    for (i, &(op, at, n)) in ops.iter().enumerate() {
        let n = n.min(PAGES - at);
        let part = r.part(at * page, n * page).unwrap();
        let prepared = model[at..at + n].iter().filter(|p| p.prepared).count();
        let gone = match op {
            Op::Write if prepared == 0 => {
                fill(part, i as u8 | 1);
                model[at..at + n].fill(Page { prepared: false, value: i as u8 | 1, lazy: false });
                continue;
            }
            Op::Used if prepared == n => {
                used(b, part, &st).unwrap();
                model[at..at + n].iter_mut().for_each(|p| p.prepared = false);
                continue;
            }
            Op::Unused(how) if prepared == 0 => {
                let gone = unused(b, part, how, &st).unwrap();
                model[at..at + n].iter_mut().for_each(|p| p.prepared = true);
                gone
            }
            Op::Discard(how) if prepared == 0 => discard(b, part, how),
            _ => continue,
        };
        assert_eq!(gone.bytes, part.len);
        for p in &mut model[at..at + n] {
            if gone.zero {
                (p.value, p.lazy) = (0, false);
            } else {
                p.lazy = true;
            }
        }
        if looks {
            let there = resident(part);
            // Gone at once, or whenever the kernel likes.
            assert!(!gone.zero || there.iter().all(|there| !there), "{op:?} of {part:?}");
        }
        for (i, p) in model.iter().enumerate().filter(|(_, p)| !p.prepared) {
            let at = r.part(i * page, page).unwrap();
            let seen = bytes(at);
            let same = |v| seen.iter().all(|b| *b == v);
            assert!(same(p.value) || (p.lazy && same(0)), "page {i}, {p:?}");
        }
        let released = model.iter().filter(|p| p.prepared).count() * page;
        assert_eq!(st.bytes().released, released as u64);
        assert_eq!(st.bytes().mapped, (r.len - released) as u64);
    }
    let released = model.iter().filter(|p| p.prepared).count() * page;
    free(b, r, r.len - released, released, &st);
    assert_eq!(st.bytes(), Default::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    /// SYS-4 on the kernel, by mincore.
    #[test]
    fn released_pages_are_gone(ops in prop::collection::vec(op(), 0..40)) {
        drive(&Linux, &ops, true);
    }

    /// The same on checked memory, whose lazily freed pages are half gone.
    #[test]
    fn the_test_backend_forgets_half(ops in prop::collection::vec(op(), 0..60)) {
        drive(&TestBackend::new(), &ops, false);
    }
}

/// `MADV_FREE` really is what the kernel has heard: the pages stand as lazily free in smaps.
#[test]
fn lazily_free_in_smaps() {
    if !platform().features.has(Features::LAZY_FREE) {
        return eprintln!("not shown: this kernel has no MADV_FREE");
    }
    let st = SysStat::new();
    let r = Linux.reserve(1 << 20, 4096, 0, &st).unwrap();
    map(&Linux, r, &st).unwrap();
    huge(&Linux, r, HugeHint::Avoid);
    fill(r, 7);
    let half = r.part(0, r.len / 2).unwrap();
    let rss = smaps(r, "Rss");
    unused(&Linux, half, Release::Free, &st).unwrap();
    let lazy = smaps(r, "LazyFree");
    // Pages in a batch of the kernel's are not counted yet, and under pressure some are gone already.
    assert!(lazy > 0 || smaps(r, "Rss") < rss, "{lazy} bytes are lazily free");
    used(&Linux, half, &st).unwrap();
    let gone = discard(&Linux, r, Release::DontNeed);
    assert_eq!((gone.bytes, gone.zero), (r.len, true));
    assert_eq!(smaps(r, "Rss"), 0);
    free(&Linux, r, r.len, 0, &st);
}

/// The wishes about huge pages arrive: as flags of the mapping, and as a huge page when there is one to be had.
#[test]
fn wishes_about_huge_pages() {
    let st = SysStat::new();
    let size = Linux.huge_page_size().unwrap();
    let r = Linux.reserve(2 * size, size, 0, &st).unwrap();
    map(&Linux, r, &st).unwrap();
    if !huge(&Linux, r, HugeHint::Prefer) {
        free(&Linux, r, r.len, 0, &st);
        return eprintln!("not shown: this kernel has no transparent huge pages");
    }
    assert!(flags(r).contains(" hg"), "{}", flags(r));
    assert!(huge(&Linux, r, HugeHint::Avoid));
    assert!(flags(r).contains(" nh"), "{}", flags(r));
    fill(r, 1);
    assert_eq!(smaps(r, "AnonHugePages"), 0);
    huge(&Linux, r, HugeHint::Prefer);
    if huge(&Linux, r, HugeHint::CollapseNow) {
        assert_eq!(smaps(r, "AnonHugePages"), r.len as u64);
        // Half of a huge page goes: the rest keeps its contents.
        let part = r.part(size, size / 2).unwrap();
        assert_eq!(discard(&Linux, part, Release::DontNeed).bytes, size / 2);
        let bytes = bytes(r);
        assert_eq!((bytes[size], bytes[size + size / 2]), (0, 1));
    }
    free(&Linux, r, r.len, 0, &st);
}

#[test]
fn the_default_is_a_setting() {
    assert_eq!(mem::release(), Release::DontNeed);
    mem::set_lazy_release(true);
    assert_eq!(mem::release(), Release::Free);
    mem::set_lazy_release(false);
    assert_eq!(mem::release(), Release::DontNeed);
}
