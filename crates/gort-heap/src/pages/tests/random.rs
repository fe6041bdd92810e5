//! The page allocator against one flat vector, step by step.

use super::{C, Pages};
use crate::pages::alloc::Run;
use crate::pages::cache::PageCache;
use crate::pages::candidate::Wish;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Grow(usize),
    Alloc(usize),
    Aligned(usize, u32),
    Free(usize),
    Cache,
    Serve(usize),
    Flush,
    /// Gives warm pages back: least length as a power of two, by force or not.
    Release(u32, bool),
    Generation,
}

fn op() -> impl Strategy<Value = Op> {
    let pages = prop_oneof![6 => 1..20usize, 2 => 20..600usize, 1 => 600..3000usize];
    prop_oneof![
        2 => (0..20usize).prop_map(Op::Grow),
        8 => pages.clone().prop_map(Op::Alloc),
        1 => (pages, 0..7u32).prop_map(|(n, a)| Op::Aligned(n, a)),
        7 => any::<usize>().prop_map(Op::Free),
        1 => Just(Op::Cache),
        4 => (1..16usize).prop_map(Op::Serve),
        1 => Just(Op::Flush),
        3 => (0..4u32, any::<bool>()).prop_map(|(shift, force)| Op::Release(shift, force)),
        1 => Just(Op::Generation),
    ]
}

/// The flat model: per page, not there, free (with or without memory behind it), or in use.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Page {
    None,
    Scavenged,
    Warm,
    Used,
}

fn is_free(p: &Page) -> bool {
    matches!(p, Page::Scavenged | Page::Warm)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// PAGE-1, P-1 to P-4.
    #[test]
    fn agrees_with_one_flat_vector(ops in prop::collection::vec(op(), 1..120)) {
        let mut p = Pages::new(22);
        let mut model = vec![Page::None; 20 * C];
        let mut live: Vec<(usize, usize)> = vec![];
        let mut cache = PageCache::default();
        let find = |model: &[Page], n: usize| {
            let mut run = 0;
            model.iter().position(|p| { run = if is_free(p) { run + 1 } else { 0 }; run == n }).map(|end| end + 1 - n)
        };
        let taken = |model: &mut [Page], live: &mut Vec<_>, got: Option<Run>, want: Option<usize>, n: usize| {
            assert_eq!(got.map(|r| r.page), want);
            if let Some(r) = got {
                let pages = &mut model[r.page..r.page + n];
                assert_eq!(r.scavenged, pages.iter().filter(|p| **p == Page::Scavenged).count());
                pages.fill(Page::Used);
                live.push((r.page, n));
            }
        };
        for op in ops {
            let mut release = None;
            match op {
                Op::Generation => p.alloc.next_generation(),
                Op::Release(shift, force) => {
                    let shift = if force { 0 } else { shift };
                    release = Some((Wish { align: 1 << shift, most: 100, huge: 256 }, force));
                }
                Op::Grow(c) if model[c * C] == Page::None => {
                    p.grow(c, 1);
                    model[c * C..(c + 1) * C].fill(Page::Scavenged);
                }
                Op::Grow(_) => {}
                Op::Alloc(n) => {
                    let want = find(&model, n);
                    taken(&mut model, &mut live, p.alloc.alloc(n), want, n);
                }
                Op::Aligned(n, shift) => {
                    let align = 1 << shift;
                    let want = find(&model, n + align - 1).map(|at| at.next_multiple_of(align));
                    taken(&mut model, &mut live, p.alloc.alloc_aligned(n, align), want, n);
                }
                Op::Free(which) if !live.is_empty() => {
                    let (at, n) = live.swap_remove(which % live.len());
                    p.alloc.free(at, n);
                    model[at..at + n].fill(Page::Warm);
                }
                Op::Free(_) => {}
                Op::Cache if cache.free == 0 => {
                    let want = find(&model, 1).map(|at| at & !63);
                    let got = p.alloc.alloc_to_cache();
                    prop_assert_eq!(got.map(|c| c.base), want);
                    if let Some(got) = got {
                        for (i, page) in model[got.base..got.base + 64].iter_mut().enumerate() {
                            prop_assert_eq!(got.free >> i & 1 != 0, is_free(page));
                            prop_assert_eq!(got.scav >> i & 1 != 0, *page == Page::Scavenged);
                            if is_free(page) { *page = Page::Used }
                        }
                        cache = got;
                    }
                }
                Op::Cache => {}
                Op::Serve(n) => {
                    if let Some(r) = cache.alloc(n) {
                        live.push((r.page, n));
                    }
                }
                Op::Flush => {
                    for i in (0..64).filter(|i| cache.free >> i & 1 != 0) {
                        model[cache.base + i] = if cache.scav >> i & 1 != 0 { Page::Scavenged } else { Page::Warm };
                    }
                    p.alloc.free_cache(&mut cache);
                }
            }
            while let Some((page, n)) = release.and_then(|(wish, force)| p.alloc.take_warm(wish, force)) {
                // Free and warm, all of it; by force nothing of that kind is left above.
                prop_assert!(model[page..page + n].iter().all(|p| *p == Page::Warm));
                prop_assert!(!release.is_some_and(|(_, force)| force) || model[page + n..].iter().all(|p| *p != Page::Warm));
                p.alloc.free_as(page, n, true);
                model[page..page + n].fill(Page::Scavenged);
            }
            if release.is_some_and(|(wish, force)| force && wish.align == 1) {
                prop_assert!(model.iter().all(|p| *p != Page::Warm), "warm pages were left");
            }
            if let Err(id) = p.alloc.check() {
                prop_assert!(false, "{}", id);
            }
            let free = model.iter().filter(|p| is_free(p)).count();
            let scavenged = model.iter().filter(|p| **p == Page::Scavenged).count();
            prop_assert_eq!(p.alloc.free_pages(), (free, scavenged));
        }
    }
}
