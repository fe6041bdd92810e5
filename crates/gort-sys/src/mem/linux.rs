//! The kernel as backend: private anonymous mappings, `mprotect` and `madvise`.
//!
//! Reserved memory is `PROT_NONE`, so an overcommit limit does not count it. No `brk` (SYS-3). Errors are values: `errno` is
//! the caller's own business, and stays as it was.

use super::exhausted::exhausted;
use super::{Backend, Gone, HugeHint, MemError, MemOp, PageRange, Release};
use crate::errno::Kept;
use crate::platform::{self, Features};
use crate::stat::{MemState, SysBytes, SysStat};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Linux's memory. Has no state of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linux;

/// `PR_SET_VMA` and its one option, which libc does not name on all targets.
const PR_SET_VMA: libc::c_int = 0x5356_4d41;
const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;
/// `MADV_POPULATE_WRITE` (Linux 5.14) and `MADV_COLLAPSE` (6.1).
pub(crate) const MADV_POPULATE_WRITE: libc::c_int = 23;
const MADV_COLLAPSE: libc::c_int = 25;
/// `MREMAP_DONTUNMAP` (5.7).
const MREMAP_DONTUNMAP: libc::c_int = 4;

/// What all mappings of this backend come to, over all rows.
static TOTAL: SysStat = SysStat::new();
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Bytes by state of all memory that [`Linux`] holds for this process.
pub fn total() -> SysBytes {
    TOTAL.bytes()
}

/// Changes of mappings that [`Linux`] has asked the kernel for: about as many system calls.
pub fn calls() -> u64 {
    CALLS.load(Relaxed) // ORDER: Relaxed — a counter that publishes nothing.
}

fn account(st: &SysStat, from: Option<MemState>, to: Option<MemState>, len: usize) {
    st.shift(from, to, len);
    TOTAL.shift(from, to, len);
    CALLS.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
}

fn errno() -> i32 {
    crate::errno::last()
}

fn mmap(hint: usize, len: usize) -> Result<NonNull<u8>, i32> {
    let _errno = Kept::new();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: MEM-2 — without MAP_FIXED a new mapping never replaces one that exists.
    let p = unsafe {
        libc::mmap(ptr::without_provenance_mut(hint), len, libc::PROT_NONE, flags, -1, 0)
    };
    match NonNull::new(p.cast::<u8>()) {
        Some(p) if p.as_ptr() as isize != -1 => Ok(p),
        _ => Err(errno()),
    }
}

fn munmap(base: NonNull<u8>, len: usize) {
    if len != 0 {
        // SAFETY: MEM-2 — the caller owns the range and nobody uses it (contract of `free`).
        unsafe { libc::munmap(base.as_ptr().cast(), len) };
    }
}

fn protect(r: PageRange, prot: libc::c_int) -> Result<(), i32> {
    let _errno = Kept::new();
    // SAFETY: MEM-2 — the range lies in a reservation of ours (contract of the callers).
    if unsafe { libc::mprotect(r.base.as_ptr().cast(), r.len, prot) } == 0 {
        Ok(())
    } else {
        Err(errno())
    }
}

fn advise(r: PageRange, advice: libc::c_int) -> Result<(), i32> {
    let _errno = Kept::new();
    // SAFETY: MEM-2 — the range lies in a reservation of ours (contract of the callers).
    if unsafe { libc::madvise(r.base.as_ptr().cast(), r.len, advice) } == 0 {
        Ok(())
    } else {
        Err(errno())
    }
}

/// Gives a range of ours a name, if the kernel takes it.
pub(crate) fn try_name(r: PageRange, name: &'static core::ffi::CStr) -> Result<(), i32> {
    let _errno = Kept::new();
    let (base, name) = (r.base.as_ptr(), name.as_ptr());
    // SAFETY: MEM-2 — names a range of ours.
    let done = unsafe { libc::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, base, r.len, name) };
    if done == 0 { Ok(()) } else { Err(errno()) }
}

/// Gives the kernel advice about a range of ours; whether the kernel took it.
pub(crate) fn try_advice(r: PageRange, advice: libc::c_int) -> bool {
    advise(r, advice).is_ok()
}

/// Tells the kernel that the contents are not needed. Where it does not know `MADV_FREE`, or refuses it for this memory,
/// the pages go at once.
fn give_back(r: PageRange, how: Release) -> Result<Gone, i32> {
    let lazy = how == Release::Free && !platform::hidden(Features::LAZY_FREE);
    if lazy && advise(r, libc::MADV_FREE).is_ok() {
        return Ok(Gone { bytes: r.len, zero: false });
    }
    advise(r, libc::MADV_DONTNEED).map(|()| Gone { bytes: r.len, zero: true })
}

// SAFETY: the contract of `Backend` — the kernel gives no range twice, and anonymous memory is zero.
unsafe impl Backend for Linux {
    fn page_size(&self) -> usize {
        static SIZE: AtomicUsize = AtomicUsize::new(0);
        let known = SIZE.load(Relaxed); // ORDER: Relaxed — a constant; every thread would store the same.
        if known != 0 {
            return known;
        }
        // SAFETY: MEM-2 — asks for a constant of the system.
        let size = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        SIZE.store(size, Relaxed); // ORDER: Relaxed — see above.
        size
    }

    fn huge_page_size(&self) -> Option<usize> {
        static SIZE: AtomicUsize = AtomicUsize::new(0);
        let known = SIZE.load(Relaxed); // ORDER: Relaxed — a constant; every thread would store the same.
        if known != 0 {
            return Some(known);
        }
        // Where the system does not tell: a table page maps as many pages as it has words, 2 MiB for 4 KiB pages.
        let page = self.page_size();
        let size = platform::huge_page("").unwrap_or(page * (page / 8));
        SIZE.store(size, Relaxed); // ORDER: Relaxed — see above.
        Some(size)
    }

    fn reserve(
        &self,
        len: usize,
        align: usize,
        hint: usize,
        st: &SysStat,
    ) -> Result<PageRange, MemError> {
        let fail = |errno| exhausted(MemOp::Reserve, len, errno);
        let page = self.page_size();
        if len == 0 || !len.is_multiple_of(page) || !align.is_power_of_two() {
            return Err(MemError::os(MemOp::Order, len, libc::EINVAL));
        }
        let first = mmap(hint, len).map_err(fail)?;
        if (first.as_ptr() as usize).is_multiple_of(align.max(page)) {
            account(st, None, Some(MemState::Reserved), len);
            return Ok(PageRange::new(first, len));
        }
        // Not aligned: take enough to contain an aligned run, give the two ends back.
        munmap(first, len);
        let wide = len.checked_add(align).ok_or_else(|| fail(libc::ENOMEM))?;
        // The kernel was asked for more than the caller wants; the error names the caller's figure.
        let base =
            mmap(0, wide).map_err(|e| MemError { len, ..exhausted(MemOp::Reserve, wide, e) })?;
        let addr = base.as_ptr() as usize;
        let head = addr.next_multiple_of(align) - addr;
        // SAFETY: MEM-2 — `head < align`, and the mapping is `len + align` long.
        let start = unsafe { base.add(head) };
        munmap(base, head);
        // SAFETY: MEM-2 — `head + len <= wide`: inside the mapping or at its end.
        munmap(unsafe { start.add(len) }, wide - len - head);
        account(st, None, Some(MemState::Reserved), len);
        Ok(PageRange::new(start, len))
    }

    unsafe fn map(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        protect(r, libc::PROT_READ | libc::PROT_WRITE)
            .map_err(|e| exhausted(MemOp::Map, r.len, e))?;
        account(st, Some(MemState::Reserved), Some(MemState::Ready), r.len);
        Ok(())
    }

    unsafe fn readable(&self, r: PageRange) -> bool {
        // The kernel puts its one page of zeros behind what is read: nothing is promised, nothing is used.
        protect(r, libc::PROT_READ).is_ok()
    }

    unsafe fn guard(&self, r: PageRange, on: bool) -> bool {
        let open = libc::PROT_READ | libc::PROT_WRITE;
        protect(r, if on { libc::PROT_NONE } else { open }).is_ok()
    }

    unsafe fn discard(&self, r: PageRange, how: Release) -> Gone {
        CALLS.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
        give_back(r, how).unwrap_or(Gone::NOTHING)
    }

    unsafe fn remap(&self, from: PageRange, to: PageRange) -> bool {
        CALLS.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
        let _errno = Kept::new();
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | MREMAP_DONTUNMAP;
        let (old, new) = (from.base.as_ptr().cast(), to.base.as_ptr().cast::<libc::c_void>());
        // SAFETY: MEM-2 — both ranges are the caller's, who uses them alone; of one length, so that nothing else is replaced.
        let at = unsafe { libc::mremap(old, from.len, to.len, flags, new) };
        at == new
    }

    unsafe fn unused(&self, r: PageRange, how: Release, st: &SysStat) -> Result<Gone, MemError> {
        let hard = |gone| match how {
            Release::Hard => protect(r, libc::PROT_NONE).map(|()| gone),
            _ => Ok(gone),
        };
        let gone =
            give_back(r, how).and_then(hard).map_err(|e| exhausted(MemOp::Unused, r.len, e))?;
        account(st, Some(MemState::Ready), Some(MemState::Prepared), r.len);
        Ok(gone)
    }

    unsafe fn used(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        // Needed after `Release::Hard` only; then one system call that changes nothing in the other cases.
        protect(r, libc::PROT_READ | libc::PROT_WRITE)
            .map_err(|e| exhausted(MemOp::Map, r.len, e))?;
        account(st, Some(MemState::Prepared), Some(MemState::Ready), r.len);
        Ok(())
    }

    unsafe fn populate(&self, r: PageRange) {
        // An old kernel refuses; the pages come at first touch then.
        let _ = !platform::hidden(Features::POPULATE) && try_advice(r, MADV_POPULATE_WRITE);
    }

    unsafe fn huge(&self, r: PageRange, hint: HugeHint) -> bool {
        CALLS.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter that publishes nothing.
        let advice = match hint {
            HugeHint::Prefer => libc::MADV_HUGEPAGE,
            HugeHint::Avoid => libc::MADV_NOHUGEPAGE,
            HugeHint::CollapseNow => MADV_COLLAPSE,
        };
        advise(r, advice).is_ok()
    }

    unsafe fn fault(&self, r: PageRange, st: &SysStat) -> Result<(), MemError> {
        // Dropping the contents first: a range that comes back through `map` must read as zero.
        advise(r, libc::MADV_DONTNEED)
            .and_then(|()| protect(r, libc::PROT_NONE))
            .map_err(|e| exhausted(MemOp::Unused, r.len, e))?;
        account(st, Some(MemState::Ready), Some(MemState::Reserved), r.len);
        Ok(())
    }

    unsafe fn free(&self, r: PageRange, ready: usize, released: usize, st: &SysStat) {
        munmap(r.base, r.len);
        account(st, Some(MemState::Ready), None, ready);
        account(st, Some(MemState::Prepared), None, released);
        account(st, Some(MemState::Reserved), None, r.len - ready - released);
    }

    unsafe fn name(&self, r: PageRange, name: &'static core::ffi::CStr) {
        static REFUSED: AtomicBool = AtomicBool::new(false);
        // A kernel without names refuses, which harms nothing; it is asked once.
        // ORDER: Relaxed — whoever misses it asks once more.
        if platform::hidden(Features::VMA_NAMES) || REFUSED.load(Relaxed) {
            return;
        }
        if try_name(r, name) == Err(libc::EINVAL) {
            REFUSED.store(true, Relaxed); // ORDER: Relaxed — as above.
        }
    }
}
