//! The door to whoever owns the pages.

use super::MemError;
use crate::stat::SysStat;
use core::ptr::NonNull;

/// A run of bytes by whole operating-system pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// First byte; carries the provenance of the reservation it was cut from.
    pub base: NonNull<u8>,
    /// Length in bytes.
    pub len: usize,
}

impl PageRange {
    /// A range from its first byte and length.
    pub const fn new(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len }
    }

    /// Address of the first byte.
    pub fn addr(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Address behind the last byte.
    pub fn end(&self) -> usize {
        self.addr() + self.len
    }

    /// The part from `offset`, `len` bytes long, or `None` if it does not lie inside.
    pub fn part(&self, offset: usize, len: usize) -> Option<PageRange> {
        let end = offset.checked_add(len)?;
        if end > self.len {
            return None;
        }
        // SAFETY: MEM-2 — `offset <= len`, so the pointer stays inside the reservation or at its end.
        let base = unsafe { self.base.add(offset) };
        Some(PageRange { base, len })
    }
}

/// How to give pages back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// At once: the pages leave the resident set and read as zero afterwards (`MADV_DONTNEED`).
    DontNeed,
    /// When the kernel wants them (`MADV_FREE`): cheap to take back, but still resident until then.
    Free,
    /// At once, and inaccessible until used again.
    Hard,
}

/// What became of a range that was given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Bytes that have left the resident set, or may leave it whenever the kernel wants them ([`Release::Free`]); 0 if
    /// nothing was done.
    pub bytes: usize,
    /// The range reads as zero now. Otherwise each page reads as it was or as zero, and stays so once it is written.
    pub zero: bool,
}

impl Gone {
    /// Nothing was given back.
    pub const NOTHING: Gone = Gone { bytes: 0, zero: false };
}

/// What is wished about huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugeHint {
    /// Huge pages are welcome.
    Prefer,
    /// Huge pages are unwelcome.
    Avoid,
    /// Put the range together into huge pages now.
    CollapseNow,
}

/// Owner of address space. All lengths and addresses are multiples of [`Backend::page_size`].
///
/// # Safety
/// An implementation returns ranges that nobody else uses, and a range that was mapped (`map`) may be read and
/// written and reads as zero until it is first written.
pub unsafe trait Backend: Sync + Send + 'static {
    /// Size of the operating system's page, a power of two between 4 KiB and 64 KiB.
    fn page_size(&self) -> usize;

    /// Size of a huge page, if there are any.
    fn huge_page_size(&self) -> Option<usize>;

    /// Most bytes that this backend can ever have, if it is a small box and not the system: owners then take what they
    /// need and no more.
    fn bound(&self) -> Option<usize> {
        None
    }

    /// None to Reserved: `len` bytes at a multiple of `align` (a power of two). With a `hint` the range lies at that
    /// address or elsewhere; the caller compares.
    ///
    /// # Errors
    /// `MemOp::Reserve` when there is no such range.
    fn reserve(
        &self,
        len: usize,
        align: usize,
        hint: usize,
        st: &SysStat,
    ) -> Result<PageRange, MemError>;

    /// Reserved to Ready; the memory is zero.
    ///
    /// # Errors
    /// `MemOp::Map` when the system has no memory to promise; the range is Reserved as before.
    ///
    /// # Safety
    /// `r` lies in one reservation of this backend, and is Reserved.
    unsafe fn map(&self, r: PageRange, st: &SysStat) -> Result<(), MemError>;

    /// Lets a Reserved range be read, as zero; it stays Reserved. `false`: it cannot be read.
    ///
    /// # Safety
    /// `r` lies in one reservation of this backend, and is Reserved.
    unsafe fn readable(&self, r: PageRange) -> bool {
        let _ = r;
        false
    }

    /// Drops the contents of a Ready range, which stays Ready. Best effort; [`Gone`] says what became of it.
    /// ([`Release::Hard`] is as [`Release::DontNeed`] here.)
    ///
    /// # Safety
    /// `r` is Ready and nobody uses it.
    unsafe fn discard(&self, r: PageRange, how: Release) -> Gone {
        let _ = (r, how);
        Gone::NOTHING
    }

    /// Moves what is behind the Ready range `from` to the Ready range `to` of the same length, without a copy; `from` stays
    /// Ready and reads as zero. `false`: nothing was moved.
    ///
    /// # Safety
    /// Nobody else uses the two ranges, which do not overlap.
    unsafe fn remap(&self, from: PageRange, to: PageRange) -> bool {
        let _ = (from, to);
        false
    }

    /// Makes a Ready range inaccessible, or accessible again; it stays Ready and keeps its contents. `false`: it cannot be
    /// done.
    ///
    /// # Safety
    /// `r` is Ready and nobody else uses it.
    unsafe fn guard(&self, r: PageRange, on: bool) -> bool {
        let _ = (r, on);
        false
    }

    /// Ready to Prepared: contents are lost (with [`Release::Free`]: may be lost). Says how many bytes went.
    ///
    /// # Errors
    /// `MemOp::Unused`; the range is Ready as before.
    ///
    /// # Safety
    /// `r` is Ready and nobody uses it.
    unsafe fn unused(&self, r: PageRange, how: Release, st: &SysStat) -> Result<Gone, MemError>;

    /// Prepared to Ready. The memory is zero unless it was released by [`Release::Free`].
    ///
    /// # Errors
    /// `MemOp::Map`; the range is Prepared as before.
    ///
    /// # Safety
    /// `r` is Prepared.
    unsafe fn used(&self, r: PageRange, st: &SysStat) -> Result<(), MemError>;

    /// Puts memory behind the range now, in one call. Best effort.
    ///
    /// # Safety
    /// `r` is Ready.
    unsafe fn populate(&self, r: PageRange);

    /// States a wish about huge pages. Best effort: `false` if the system has not heard it, or has no huge page to give
    /// now ([`HugeHint::CollapseNow`]).
    ///
    /// # Safety
    /// `r` is mapped.
    unsafe fn huge(&self, r: PageRange, hint: HugeHint) -> bool;

    /// Ready to Reserved: a later access is a fault, never silence.
    ///
    /// # Errors
    /// `MemOp::Unused`; the range is Ready as before.
    ///
    /// # Safety
    /// `r` is Ready and nobody uses it.
    unsafe fn fault(&self, r: PageRange, st: &SysStat) -> Result<(), MemError>;

    /// Any state to None. `ready` and `released` say how many of its bytes are Ready and Prepared, for the account.
    ///
    /// # Safety
    /// `r` is one whole reservation (or, on Linux, any part of one) and nobody uses it.
    unsafe fn free(&self, r: PageRange, ready: usize, released: usize, st: &SysStat);

    /// Gives the range a name that `/proc/self/maps` shows. Best effort.
    ///
    /// # Safety
    /// `r` lies in one reservation of this backend.
    unsafe fn name(&self, r: PageRange, name: &'static core::ffi::CStr);
}

macro_rules! pass {
    ($f:ident($($arg:ident: $ty:ty),+) -> $ret:ty) => {
        unsafe fn $f(&self, $($arg: $ty),+) -> $ret {
            // SAFETY: MEM-2 — the caller's promise is passed on with the call.
            unsafe { (**self).$f($($arg),+) }
        }
    };
}

/// A shared backend is a backend: the heap takes it by value, and its maker keeps a handle to ask it things.
macro_rules! shared {
    ($handle:ty) => {
        // SAFETY: the contract of `Backend` — every call goes to a backend that keeps it.
        unsafe impl<B: Backend> Backend for $handle {
            fn page_size(&self) -> usize {
                (**self).page_size()
            }

            fn huge_page_size(&self) -> Option<usize> {
                (**self).huge_page_size()
            }

            fn bound(&self) -> Option<usize> {
                (**self).bound()
            }

            fn reserve(
                &self,
                len: usize,
                align: usize,
                hint: usize,
                st: &SysStat,
            ) -> Result<PageRange, MemError> {
                (**self).reserve(len, align, hint, st)
            }

            pass!(map(r: PageRange, st: &SysStat) -> Result<(), MemError>);
            pass!(readable(r: PageRange) -> bool);
            pass!(discard(r: PageRange, how: Release) -> Gone);
            pass!(remap(from: PageRange, to: PageRange) -> bool);
            pass!(guard(r: PageRange, on: bool) -> bool);
            pass!(unused(r: PageRange, how: Release, st: &SysStat) -> Result<Gone, MemError>);
            pass!(used(r: PageRange, st: &SysStat) -> Result<(), MemError>);
            pass!(populate(r: PageRange) -> ());
            pass!(huge(r: PageRange, hint: HugeHint) -> bool);
            pass!(fault(r: PageRange, st: &SysStat) -> Result<(), MemError>);
            pass!(free(r: PageRange, ready: usize, released: usize, st: &SysStat) -> ());
            pass!(name(r: PageRange, name: &'static core::ffi::CStr) -> ());
        }
    };
}

shared!(&'static B);
shared!(std::sync::Arc<B>);
