//! The page allocator against one flat vector of bits, and tables of cases.

use super::alloc::{PageAlloc, Run};
use super::bits::CHUNK_PAGES;
use super::cache::PageCache;
use gort_sys::{Linux, SysStat};
use proptest::prelude::*;

/// A page allocator on tables of its own; the pages themselves do not exist.
struct Pages {
    alloc: PageAlloc,
    st: SysStat,
}

impl Pages {
    fn new(shift: u32) -> Self {
        let st = SysStat::new();
        Self { alloc: PageAlloc::new(&Linux, 1 << shift, &st).unwrap(), st }
    }

    /// With the given chunks grown.
    fn with(shift: u32, chunks: &[usize]) -> Self {
        let mut p = Self::new(shift);
        for c in chunks {
            p.grow(*c, 1);
        }
        p
    }

    fn grow(&mut self, chunk: usize, n: usize) {
        self.alloc.prepare(&Linux, chunk * CHUNK_PAGES, n * CHUNK_PAGES, &self.st).unwrap();
        self.alloc.grow(chunk * CHUNK_PAGES, n * CHUNK_PAGES);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        unsafe { self.alloc.release(&Linux, &self.st) };
        assert_eq!(self.st.bytes(), Default::default());
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// pages, first page of the answer, scavenged pages among them
    Alloc(usize, Option<(usize, usize)>),
    Free(usize, usize),
}
use Step::{Alloc, Free};

fn run(shift: u32, chunks: &[usize], steps: &[Step]) {
    let mut p = Pages::with(shift, chunks);
    for (i, step) in steps.iter().enumerate() {
        match *step {
            Alloc(n, want) => {
                let got = p.alloc.alloc(n).map(|r| (r.page, r.scavenged));
                assert_eq!(got, want, "step {i}: {step:?}");
            }
            Free(page, n) => p.alloc.free(page, n),
        }
        p.alloc.check().unwrap_or_else(|id| panic!("{id} after step {i}"));
    }
}

const C: usize = CHUNK_PAGES;

#[test]
fn one_chunk() {
    run(
        22,
        &[0],
        &[
            Alloc(1, Some((0, 1))),
            Alloc(1, Some((1, 1))),
            Alloc(510, Some((2, 510))),
            Alloc(1, None),
        ],
    );
    run(22, &[0], &[Alloc(C, Some((0, C))), Alloc(1, None), Free(0, C), Alloc(C, Some((0, 0)))]);
    run(22, &[0], &[Alloc(C + 1, None), Alloc(C, Some((0, C)))]);
    // Freeing lets a lower address win again, and a long run is not cut for a short one before it.
    run(
        22,
        &[0],
        &[
            Alloc(100, Some((0, 100))),
            Alloc(100, Some((100, 100))),
            Alloc(1, Some((200, 1))),
            Free(50, 10),
            Alloc(11, Some((201, 11))),
            Alloc(10, Some((50, 0))),
            Free(0, 50),
            Alloc(50, Some((0, 0))),
            Alloc(300, Some((212, 300))),
            Alloc(1, None),
        ],
    );
}

#[test]
fn runs_over_chunks_and_levels() {
    run(22, &[0, 1], &[Alloc(C - 1, Some((0, C - 1))), Alloc(2, Some((C - 1, 2))), Alloc(C, None)]);
    run(
        22,
        &[0, 1, 2],
        &[Alloc(1, Some((0, 1))), Alloc(3 * C - 1, Some((1, 3 * C - 1))), Alloc(1, None)],
    );
    // A hole between chunks is not free.
    run(
        22,
        &[0, 2],
        &[Alloc(C + 1, None), Alloc(C, Some((0, C))), Alloc(C, Some((2 * C, C))), Alloc(1, None)],
    );
    // Over the border of a block of eight at each level: chunks 7|8, 63|64, 511|512, 4095|4096.
    for low in [7, 63, 511, 4095] {
        let at = low * C + C - 3;
        run(
            26,
            &[low, low + 1],
            &[
                Alloc(C - 3, Some((low * C, C - 3))),
                Alloc(6, Some((at, 6))),
                Free(at, 6),
                Alloc(C + 3, Some((at, C - 3 + 6))).scavenged(C - 3),
                Alloc(1, None),
            ],
        );
    }
}

impl Step {
    fn scavenged(self, n: usize) -> Step {
        match self {
            Alloc(pages, Some((page, _))) => Alloc(pages, Some((page, n))),
            other => other,
        }
    }
}

#[test]
fn large_runs() {
    let mut p = Pages::new(23);
    p.grow(0, 8192);
    // 2^22 pages: more than one entry of the root.
    assert_eq!(p.alloc.alloc(1 << 22), Some(Run { page: 0, scavenged: 1 << 22 }));
    assert_eq!(p.alloc.alloc(1), None);
    p.alloc.free(5, 1 << 21);
    assert_eq!(p.alloc.alloc((1 << 21) + 1), None);
    assert_eq!(p.alloc.alloc(1 << 21), Some(Run { page: 5, scavenged: 0 }));
    p.alloc.check().unwrap();
}

#[test]
fn aligned_runs() {
    let mut p = Pages::with(22, &[0, 1]);
    assert_eq!(p.alloc.alloc(3).map(|r| r.page), Some(0));
    assert_eq!(p.alloc.alloc_aligned(5, 16).map(|r| r.page), Some(16));
    assert_eq!(p.alloc.alloc(13).map(|r| r.page), Some(3));
    assert_eq!(p.alloc.alloc_aligned(1, 512).map(|r| r.page), Some(512));
    p.alloc.check().unwrap();
}

#[test]
fn to_the_cache_and_back() {
    let mut p = Pages::with(22, &[0, 1]);
    assert_eq!(
        p.alloc.alloc_to_cache(),
        Some(PageCache { base: 0, free: u64::MAX, scav: u64::MAX })
    );
    assert_eq!(p.alloc.alloc(70).map(|r| r.page), Some(64));
    let mut c = p.alloc.alloc_to_cache().unwrap();
    assert_eq!(c, PageCache { base: 128, free: u64::MAX << 6, scav: u64::MAX << 6 });
    assert_eq!(c.alloc(3), Some(Run { page: 134, scavenged: 3 }));
    p.alloc.free_cache(&mut c);
    assert_eq!(c, PageCache::default());
    assert_eq!(p.alloc.alloc(1), Some(Run { page: 137, scavenged: 1 }));
    p.alloc.free(135, 1);
    assert_eq!(
        p.alloc.alloc_to_cache(),
        Some(PageCache { base: 128, free: u64::MAX << 10 | 1 << 7, scav: u64::MAX << 10 })
    );
    p.alloc.check().unwrap();
}

#[derive(Clone, Debug)]
enum Op {
    Grow(usize),
    Alloc(usize),
    Aligned(usize, u32),
    Free(usize),
    Cache,
    Serve(usize),
    Flush,
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
            match op {
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
            if let Err(id) = p.alloc.check() {
                prop_assert!(false, "{}", id);
            }
            let free = model.iter().filter(|p| is_free(p)).count();
            let scavenged = model.iter().filter(|p| **p == Page::Scavenged).count();
            prop_assert_eq!(p.alloc.free_pages(), (free, scavenged));
        }
    }
}
