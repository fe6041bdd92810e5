//! Regions whose state is in the type: a step out of order does not compile (SYS-1).

use super::{Backend, MemError, PageRange};
use crate::stat::SysStat;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

/// State of a [`Region`]: inaccessible address space.
#[derive(Debug)]
pub enum Reserved {}
/// State of a [`Region`]: memory that may be read and written.
#[derive(Debug)]
pub enum Ready {}

/// A whole reservation with one owner, unmapped when dropped.
///
/// ```
/// use gort_sys::{Linux, Region, SysStat};
/// static STAT: SysStat = SysStat::new();
/// let region = Region::reserve(&Linux, 1 << 20, 4096, &STAT).unwrap();
/// let ready = region.commit().map_err(|(_, e)| e).unwrap();
/// assert_eq!(ready.as_ptr().len(), 1 << 20);
/// ```
/// Reserved memory cannot be touched:
/// ```compile_fail,E0599
/// use gort_sys::{Linux, Region, SysStat};
/// static STAT: SysStat = SysStat::new();
/// Region::reserve(&Linux, 1 << 20, 4096, &STAT).unwrap().as_ptr();
/// ```
#[derive(Debug)]
pub struct Region<'a, B: Backend, S> {
    range: PageRange,
    ready: bool,
    backend: &'a B,
    stat: &'a SysStat,
    state: PhantomData<S>,
}

impl<'a, B: Backend, S> Region<'a, B, S> {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.range.len
    }

    /// Never: a reservation has at least a page.
    pub fn is_empty(&self) -> bool {
        self.range.len == 0
    }

    fn with_state<T>(self, ready: bool) -> Region<'a, B, T> {
        let old = ManuallyDrop::new(self);
        Region { range: old.range, ready, backend: old.backend, stat: old.stat, state: PhantomData }
    }
}

impl<'a, B: Backend> Region<'a, B, Reserved> {
    /// Reserves `len` bytes, aligned to `align`.
    ///
    /// # Errors
    /// Those of [`Backend::reserve`].
    pub fn reserve(
        backend: &'a B,
        len: usize,
        align: usize,
        stat: &'a SysStat,
    ) -> Result<Self, MemError> {
        let range = backend.reserve(len, align, 0, stat)?;
        Ok(Region { range, ready: false, backend, stat, state: PhantomData })
    }

    /// Makes all of it usable; it reads as zero.
    ///
    /// # Errors
    /// The region as it was, and the reason.
    pub fn commit(self) -> Result<Region<'a, B, Ready>, (Self, MemError)> {
        // SAFETY: MEM-2 — the type says Reserved, and `self` is the only owner.
        match unsafe { self.backend.map(self.range, self.stat) } {
            Ok(()) => Ok(self.with_state(true)),
            Err(e) => Err((self, e)),
        }
    }
}

impl<'a, B: Backend> Region<'a, B, Ready> {
    /// The memory. Valid while the region lives and stays Ready.
    pub fn as_ptr(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.range.base, self.range.len)
    }

    /// Drops the contents and makes the region inaccessible again.
    ///
    /// # Errors
    /// The region as it was, and the reason.
    pub fn decommit(self) -> Result<Region<'a, B, Reserved>, (Self, MemError)> {
        // SAFETY: MEM-2 — the type says Ready, and `self` is the only owner.
        match unsafe { self.backend.fault(self.range, self.stat) } {
            Ok(()) => Ok(self.with_state(false)),
            Err(e) => Err((self, e)),
        }
    }
}

impl<B: Backend, S> Drop for Region<'_, B, S> {
    fn drop(&mut self) {
        let ready = if self.ready { self.range.len } else { 0 };
        // SAFETY: MEM-2 — one whole reservation, and its only owner is going.
        unsafe { self.backend.free(self.range, ready, 0, self.stat) };
    }
}
