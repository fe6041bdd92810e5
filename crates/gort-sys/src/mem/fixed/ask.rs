//! From `(base, size)` to a region that may be used, one state after the other (SYS-10).
//!
//! asked → checked → aligned → ready. Each state is a type, each step checks what the next one relies on, and every refusal is a
//! value with the numbers in it.

use super::book::{Book, INLINE};
use super::plan::{Strategy, plan};
use super::{Fixed, GUARD, RANK};
use crate::lock::Lock;
use crate::mem::Backend;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;

/// Bytes of the smallest region: one page.
pub const LEAST: usize = 4 << 10;

/// Why a region cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedError {
    /// The region is smaller than a page.
    Size {
        /// Its bytes.
        len: usize,
        /// Bytes that it needs.
        least: usize,
    },
    /// No memory lies at this address.
    Base {
        /// The address.
        base: usize,
    },
    /// The region ends behind the last address.
    Overflow {
        /// Where it begins.
        base: usize,
        /// Its bytes.
        len: usize,
    },
    /// Stack and guard leave no page for the heap.
    Room {
        /// Bytes of the region.
        len: usize,
        /// Bytes for the stack.
        stack: usize,
        /// Bytes of the guard.
        guard: usize,
    },
    /// The system refuses to make the guard inaccessible: the region is not its memory.
    Protect {
        /// Where the guard should be.
        at: usize,
    },
}

impl fmt::Display for FixedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size { len, least } => {
                write!(f, "fixed region: {len} bytes are fewer than {least}")
            }
            Self::Base { base } => write!(f, "fixed region: no memory can lie at {base:#x}"),
            Self::Overflow { base, len } => {
                write!(f, "fixed region: {len} bytes from {base:#x} end behind the last address")
            }
            Self::Room { len, stack, guard } => write!(
                f,
                "fixed region: of {len} bytes, {stack} for the stack and {guard} of guard leave no page for the heap"
            ),
            Self::Protect { at } => {
                write!(f, "fixed region: the guard at {at:#x} cannot be made inaccessible")
            }
        }
    }
}

impl core::error::Error for FixedError {}

#[derive(Clone, Copy, Debug)]
struct Wish {
    base: *mut u8,
    len: usize,
    guard: usize,
    stack: usize,
    protect: bool,
}

/// What the program asks for; nothing is known about it yet.
#[derive(Debug)]
pub struct Asked(Wish);

/// The numbers make sense: no null, no overflow, at least a page.
#[derive(Debug)]
pub struct Checked(Wish);

/// Whole pages, with room for stack, guard and one page of heap.
#[derive(Debug)]
pub struct Aligned {
    wish: Wish,
    page: usize,
    /// First page.
    start: usize,
    /// Pages, up to the reserved part of the stack.
    pages: usize,
}

impl Asked {
    /// `len` bytes from `base`, with a guard of [`GUARD`] bytes, and no part kept for a stack.
    pub const fn new(base: *mut u8, len: usize) -> Self {
        Self(Wish { base, len, guard: GUARD, stack: 0, protect: false })
    }

    /// Bytes of the guard, rounded up to 16; 0: none.
    #[must_use]
    pub const fn guard(mut self, bytes: usize) -> Self {
        self.0.guard = bytes.saturating_add(15) & !15;
        self
    }

    /// Bytes at the high end that are the stack's whether it needs them or not.
    #[must_use]
    pub const fn stack(mut self, bytes: usize) -> Self {
        self.0.stack = bytes;
        self
    }

    /// Makes the guard inaccessible instead of painting it. The region must be memory that the system has mapped, and the guard
    /// becomes whole pages of the system.
    #[must_use]
    pub const fn protect(mut self) -> Self {
        self.0.protect = true;
        self
    }

    /// asked → checked.
    ///
    /// # Errors
    /// [`FixedError::Base`], [`FixedError::Size`], [`FixedError::Overflow`].
    pub fn check(self) -> Result<Checked, FixedError> {
        let Wish { base, len, .. } = self.0;
        let at = base as usize;
        if at == 0 {
            return Err(FixedError::Base { base: at });
        }
        if len < LEAST {
            return Err(FixedError::Size { len, least: LEAST });
        }
        if at.checked_add(len).is_none() || len > isize::MAX as usize {
            return Err(FixedError::Overflow { base: at, len });
        }
        Ok(Checked(self.0))
    }
}

impl Checked {
    /// checked → aligned: the base goes up to a page, the heap's end down to one.
    ///
    /// # Errors
    /// [`FixedError::Size`] if the rounding leaves less than a page, [`FixedError::Room`] if stack and guard do.
    pub fn align(self) -> Result<Aligned, FixedError> {
        let mut wish = self.0;
        let page = if wish.protect { crate::Linux.page_size() } else { LEAST };
        if wish.protect {
            wish.guard = wish.guard.next_multiple_of(page);
        }
        let (base, end) = (wish.base as usize, wish.base as usize + wish.len);
        let short = FixedError::Size { len: wish.len, least: page };
        let start = base.checked_next_multiple_of(page).filter(|s| *s < end).ok_or(short)?;
        if end - start < page {
            return Err(short);
        }
        let room = FixedError::Room { len: end - start, stack: wish.stack, guard: wish.guard };
        let split = Strategy::Static { stack: wish.stack, guard: 0 };
        let heap = plan(start..end, split).map_err(|_| room)?.heap;
        let pages = heap.len() / page;
        if pages * page < page + wish.guard {
            return Err(room);
        }
        Ok(Aligned { wish, page, start, pages })
    }
}

impl Aligned {
    /// First address of the heap.
    pub fn heap_start(&self) -> usize {
        self.start
    }

    /// Address behind the last one that the heap may have.
    pub fn heap_end(&self) -> usize {
        self.start + self.pages * self.page
    }

    /// aligned → ready. A region of more than 4 MiB keeps two bits for each of its pages in its first pages. Paints the first
    /// guard; touches nothing else.
    ///
    /// # Errors
    /// [`FixedError::Protect`] if the guard was to be inaccessible and cannot be.
    ///
    /// # Safety
    /// FIXED-1, as for [`Fixed::new`].
    pub unsafe fn ready(self) -> Result<Fixed, FixedError> {
        let Self { wish, page, start, mut pages } = self;
        let end = wish.base as usize + wish.len;
        let room = FixedError::Room { len: wish.len, stack: wish.stack, guard: wish.guard };
        let first = wish.base.wrapping_add(start - wish.base as usize);
        let mut base = NonNull::new(first).ok_or(FixedError::Base { base: start })?;
        let book = if pages <= INLINE {
            Book::inline(pages)
        } else {
            let bytes = Book::bytes(pages).next_multiple_of(page);
            // SAFETY: FIXED-1 — the first pages of the region, which the heap is not given; `bytes` is far below its length.
            let book = unsafe { Book::far(base.cast(), pages - bytes / page) };
            // SAFETY: FIXED-1 — as above.
            base = unsafe { base.add(bytes) };
            pages -= bytes / page;
            book
        };
        let top = base.as_ptr() as usize;
        let heap_end = top + pages * page;
        // What is kept for the stack begins where the heap ends.
        let low = if wish.stack == 0 { end } else { heap_end };
        let fixed = Fixed {
            base,
            pages,
            page,
            guard: wish.guard,
            protect: wish.protect && wish.guard != 0,
            end,
            stack_low: AtomicUsize::new(low),
            heap_top: AtomicUsize::new(top),
            book: Lock::new(&RANK, book),
        };
        if fixed.limit().saturating_sub(top) < wish.guard {
            return Err(room);
        }
        let raised = fixed.raise_guard(&mut fixed.book.lock(), top);
        if raised { Ok(fixed) } else { Err(FixedError::Protect { at: top }) }
    }
}
