//! Free pages of a real heap go back to the system: what the kernel says of them, what they hold afterwards, and what is
//! wished about huge pages.
use gort_heap::scavenger::{Next, Scavenger};
use gort_heap::{Backend, Cache, Heap, HeapConfig, Huge, Kind, Linux, MemError, Release};
use gort_sys::mem::{Gone, HugeHint};
use gort_sys::{PageRange, SysStat, TestBackend};
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

const MIB: usize = 1 << 20;
const S: u64 = 1_000_000_000;

fn fill<B: Backend>(cache: &mut Cache<B>, n: usize, size: usize) -> Vec<(NonNull<u8>, Layout)> {
    let l = Layout::from_size_align(size, 8).unwrap();
    (0..n)
        .map(|_| {
            let p = cache.alloc(l).unwrap();
            // SAFETY: a block of `size` bytes, just allocated.
            unsafe { p.write_bytes(0xa5, size) };
            (p, l)
        })
        .collect()
}

fn free<B: Backend>(cache: &mut Cache<B>, blocks: impl IntoIterator<Item = (NonNull<u8>, Layout)>) {
    // SAFETY: a block of `blocks` with its layout, which ends here.
    blocks.into_iter().for_each(|(p, l)| unsafe { cache.dealloc(p, l) });
}

/// Bytes of these blocks that are resident.
fn resident(blocks: &[(usize, usize)]) -> usize {
    let mut sum = 0;
    for (at, len) in blocks {
        let mut pages = vec![0u8; len.div_ceil(4096)];
        let first = (*at as *mut u8).cast();
        // SAFETY: only asks; the vector has a byte for each page.
        assert_eq!(unsafe { libc::mincore(first, *len, pages.as_mut_ptr()) }, 0);
        sum += pages.iter().filter(|p| **p & 1 != 0).count() * 4096;
    }
    sum
}

/// The promise on a real process: with the clock turned by hand, nine tenths of the free memory have left it after five
/// seconds, and what is in use has not.
#[test]
fn five_seconds_after_the_work() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let mut blocks = fill(&mut cache, 160, MIB / 2);
    let places = |b: &[(NonNull<u8>, Layout)]| -> Vec<(usize, usize)> {
        b.iter().map(|(p, l)| (p.as_ptr().expose_provenance(), l.size())).collect()
    };
    // Kept in the middle.
    let (kept, gone) = (blocks.split_off(120), blocks);
    let (kept_at, gone_at) = (places(&kept), places(&gone));
    assert_eq!(resident(&gone_at), 60 * MIB);
    free(&mut cache, gone);
    assert_eq!(resident(&gone_at), 60 * MIB, "a free makes no system call");
    let mut scavenger = Scavenger::new(0);
    let mut now = 0;
    while now < 5 * S {
        // Each piece takes 350 µs of a processor.
        let (before, mut asked) = (scavenger.released(), 0);
        match scavenger.step(&heap, now, || {
            asked += 1;
            (asked - 1) * 350_000
        }) {
            Next::Again => now += if scavenger.released() > before { 350_000 } else { 1_000 },
            Next::Sleep(ns) => now += ns,
            Next::Idle => break,
        }
    }
    assert!(resident(&gone_at) <= 6 * MIB, "{} MiB are left", resident(&gone_at) / MIB);
    assert_eq!(resident(&kept_at), 20 * MIB);
    heap.check().unwrap();
    free(&mut cache, kept);
}

/// A heap full of holes takes little more than what lives in it (go-tests.md row 24).
#[test]
fn holes_are_not_resident() {
    let heap = Heap::with(Linux, HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let blocks = fill(&mut cache, 512, 64 << 10);
    let places: Vec<_> =
        blocks.iter().map(|(p, l)| (p.as_ptr().expose_provenance(), l.size())).collect();
    let (keep, drop): (Vec<_>, Vec<_>) =
        blocks.into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    free(&mut cache, drop.into_iter().map(|(_, b)| b));
    heap.free_os_memory();
    let (live, used) = (keep.len() << 16, resident(&places));
    assert!(used <= live + live / 10, "{used} bytes are resident for {live} that live");
    free(&mut cache, keep.into_iter().map(|(_, b)| b));
    heap.check().unwrap();
}

/// SYS-4: pages that the system may take when it wants are not known to be zero.
fn lazily<B: Backend>(backend: B) {
    let config = HeapConfig { release: Release::Free, ..HeapConfig::SMALL };
    let heap = Heap::with(backend, config).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let blocks = fill(&mut cache, 32, 128 << 10);
    free(&mut cache, blocks);
    let free_before = heap.stats().heap_free;
    assert!(heap.scavenge(u64::MAX, true) > 0);
    let s = heap.stats();
    assert!(s.heap_released >= free_before / 2 && s.heap_free < free_before, "{s:?}");
    for size in [64, 3000, 128 << 10, MIB] {
        let l = Layout::from_size_align(size, 8).unwrap();
        for _ in 0..20 {
            let p = cache.alloc_zeroed(l).unwrap();
            // SAFETY: a live block of `size` bytes, zeroed by the heap.
            let bytes = unsafe { std::slice::from_raw_parts(p.as_ptr(), size) };
            assert!(bytes.iter().all(|b| *b == 0), "{size} bytes are not zero");
        }
    }
    heap.check().unwrap();
}

#[test]
fn left_to_the_system() {
    lazily(Linux);
    lazily(TestBackend::new());
}

/// Notes what is wished, and that nobody holds a lock meanwhile.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    wishes: Vec<(HugeHint, usize)>,
    /// Asked for its figures, which takes the locks, in the middle of each release.
    heap: Option<Heap<Noted>>,
    releases: usize,
}

// SAFETY: every call goes to the real backend, but `huge`, which does nothing.
unsafe impl Backend for Noted {
    fn page_size(&self) -> usize {
        Linux.page_size()
    }
    fn huge_page_size(&self) -> Option<usize> {
        Linux.huge_page_size()
    }
    fn reserve(
        &self,
        len: usize,
        align: usize,
        hint: usize,
        st: &SysStat,
    ) -> Result<PageRange, MemError> {
        Linux.reserve(len, align, hint, st)
    }
    unsafe fn map(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.map(r, st) }
    }
    unsafe fn discard(&self, r: PageRange, how: Release) -> Gone {
        let heap = self.0.lock().unwrap().heap.clone();
        if let Some(heap) = heap {
            // Takes `heap.pages`, `heap.grow` and the centrals: if one were held, this would never end.
            let mut cache = heap.cache(Kind::Explicit).unwrap();
            let l = Layout::from_size_align(5 * MIB, 8).unwrap();
            let p = cache.alloc(l).unwrap();
            // SAFETY: allocated above, with this layout.
            unsafe { cache.dealloc(p, l) };
        }
        self.0.lock().unwrap().releases += 1;
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.discard(r, how) }
    }
    unsafe fn unused(&self, r: PageRange, how: Release, st: &SysStat) -> Result<Gone, MemError> {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.unused(r, how, st) }
    }
    unsafe fn used(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.used(r, st) }
    }
    unsafe fn populate(&self, r: PageRange) {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.populate(r) }
    }
    unsafe fn huge(&self, r: PageRange, hint: HugeHint) -> bool {
        self.0.lock().unwrap().wishes.push((hint, r.len));
        true
    }
    unsafe fn fault(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.fault(r, st) }
    }
    unsafe fn free(&self, r: PageRange, ready: usize, released: usize, st: &SysStat) {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.free(r, ready, released, st) }
    }
    unsafe fn name(&self, r: PageRange, name: &'static core::ffi::CStr) {
        // SAFETY: the caller's promise, handed on.
        unsafe { Linux.name(r, name) }
    }
}

#[test]
fn no_lock_is_held_over_a_release() {
    let noted = Noted::default();
    let heap = Heap::with(noted.clone(), HeapConfig::SMALL).unwrap();
    let mut cache = heap.cache(Kind::Explicit).unwrap();
    let blocks = fill(&mut cache, 16, MIB);
    free(&mut cache, blocks);
    noted.0.lock().unwrap().heap = Some(heap.clone());
    // Not for ever: what is allocated meanwhile is warm afterwards.
    heap.scavenge(12 << 20, true);
    assert!(noted.0.lock().unwrap().releases > 2);
    noted.0.lock().unwrap().heap = None;
    heap.check().unwrap();
}

#[test]
fn wishes_about_huge_pages() {
    for huge in [Huge::Off, Huge::System, Huge::Dense] {
        let noted = Noted::default();
        let config = HeapConfig { huge, ..HeapConfig::SMALL };
        let heap = Heap::with(noted.clone(), config).unwrap();
        let mut cache = heap.cache(Kind::Explicit).unwrap();
        let blocks = fill(&mut cache, 15, MIB);
        let (mut scavenger, mut now) = (Scavenger::new(0), 0);
        while now < 10 * S {
            match scavenger.step(&heap, now, || 0) {
                Next::Again => now += 1_000_000,
                Next::Sleep(ns) => now += ns,
                Next::Idle => scavenger = Scavenger::new(now),
            }
        }
        let wishes = noted.0.lock().unwrap().wishes.clone();
        let of = |hint| wishes.iter().filter(|w| w.0 == hint).map(|w| w.1).sum::<usize>();
        let (avoid, collapse) = (of(HugeHint::Avoid), of(HugeHint::CollapseNow));
        match huge {
            Huge::Off => assert!(avoid >= 15 * MIB && collapse == 0, "{wishes:?}"),
            Huge::System => assert_eq!(wishes.len(), 0, "{wishes:?}"),
            // Three stretches of 4 MiB are full, and each is asked for once.
            Huge::Dense => assert_eq!((avoid, collapse), (0, 12 * MIB), "{wishes:?}"),
        }
        free(&mut cache, blocks);
    }
}
