//! Memory that the program brings along: a fixed region, in which the heap grows up and a stack grows down.
//!
//! ```text
//!  base                                                              base + len
//!   │ Ready and Reserved pages ...        │ guard │   unused   │ stack in use │
//!   └─────────────────────────────────────┴───────┴────────────┴──────────────┘
//!     heap ───────────────► heap_top                 stack_low ◄─────── stack
//! ```
//! Pages are reserved anywhere in the region, lowest place first; that costs nothing. Mapping them is what moves
//! `heap_top`, and it succeeds only while the guard above fits below the stack (FIXED-2). The guard is painted with a
//! pattern, which each growth and each [`Fixed::check`] verify; the error says which side broke it. If the program asks for it
//! and the region is real memory of the system, the guard is inaccessible instead.
//!
//! The region comes to be in four states, each a type: [`Asked`] → [`Checked`] → [`Aligned`] → [`Fixed`]. How to divide
//! memory between heap and stack is a pure function beside it, [`plan()`].

mod ask;
mod backend;
mod book;
mod paint;
pub mod plan;

pub use ask::{Aligned, Asked, Checked, FixedError, LEAST};
pub use plan::{Load, Plan, PlanError, Strategy, plan};

use self::book::Book;
use super::MemError;
use crate::lock::Lock;
use crate::rank::{Rank, layer};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the guard, unless the program says otherwise.
pub const GUARD: usize = 4 << 10;
/// Bytes below the current stack pointer that a growth leaves alone: its own calls need them.
pub const HEADROOM: usize = 1 << 10;

static RANK: Rank = Rank { layer: layer::SYS, n: 4, name: "sys.fixed" };

/// Which neighbour of the guard wrote into it, judged by where the damage lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The lower half is damaged: an overrun of the heap.
    Heap,
    /// The upper half is damaged: the stack has grown too deep.
    Stack,
    /// Both are.
    Both,
}

/// A fixed region as backend. Its size never changes; what is released is cleared and stays in the region.
///
/// ```
/// use gort_sys::mem::fixed::Fixed;
/// use gort_sys::{Backend, MemOp, SysStat};
/// use std::mem::MaybeUninit;
///
/// let memory: &'static mut [MaybeUninit<u8>] = Box::leak(Box::new_uninit_slice(64 << 10));
/// let fixed = Fixed::of(memory)?;
/// let stat = SysStat::new();
/// let r = fixed.reserve(32 << 10, 4096, 0, &stat).expect("room");
/// // SAFETY: MEM-2 — reserved just now.
/// unsafe { fixed.map(r, &stat) }.expect("room");
/// assert_eq!(fixed.heap_top(), r.end());
///
/// // The stack comes down: from now on the heap may not grow to where it was.
/// fixed.note_stack(r.end() + 8192);
/// let more = fixed.reserve(8192, 4096, 0, &stat).expect("room");
/// // SAFETY: MEM-2 — reserved just now.
/// let error = unsafe { fixed.map(more, &stat) }.expect_err("the stack is there");
/// assert!(matches!(error.op, MemOp::Boundary { .. }));
/// # Ok::<(), gort_sys::mem::fixed::FixedError>(())
/// ```
#[derive(Debug)]
pub struct Fixed {
    /// First page, behind the page map if that lies in the region; carries the provenance of all of it.
    base: NonNull<u8>,
    /// Pages that the heap may have, stack or no stack.
    pages: usize,
    page: usize,
    guard: usize,
    protect: bool,
    /// End of the region.
    end: usize,
    /// Highest address that the stack may have: what is known of it lies from there on.
    stack_low: AtomicUsize,
    heap_top: AtomicUsize,
    book: Lock<Book>,
}

// SAFETY: FIXED-1 — the region belongs to the backend, wherever it is; the page map is touched under its lock.
unsafe impl Send for Fixed {}
// SAFETY: FIXED-1 — as above.
unsafe impl Sync for Fixed {}

impl Fixed {
    /// The region of `len` bytes at `base`, with a guard of [`GUARD`] bytes and nothing known about a stack.
    ///
    /// # Errors
    /// See [`FixedError`].
    ///
    /// # Safety
    /// FIXED-1: the memory may be written, and until the backend is gone nobody else uses it, but for one stack that grows down
    /// from its end and is reported by [`note_stack`](Self::note_stack) or by growing the heap on it.
    pub unsafe fn new(base: *mut u8, len: usize) -> Result<Self, FixedError> {
        // SAFETY: FIXED-1 — the caller's promise.
        unsafe { Asked::new(base, len).check()?.align()?.ready() }
    }

    /// The same for memory that is the caller's for ever.
    ///
    /// # Errors
    /// See [`FixedError`].
    pub fn of(memory: &'static mut [MaybeUninit<u8>]) -> Result<Self, FixedError> {
        // SAFETY: FIXED-1 — an exclusive borrow for ever.
        unsafe { Self::new(memory.as_mut_ptr().cast(), memory.len()) }
    }

    /// First address that the heap may have (a multiple of the page).
    pub fn heap_start(&self) -> usize {
        self.base.as_ptr() as usize
    }

    /// Address behind the last one that the heap may have if there were no stack.
    pub fn heap_end(&self) -> usize {
        self.heap_start() + self.pages * self.page
    }

    /// Address behind the highest mapped page.
    pub fn heap_top(&self) -> usize {
        self.heap_top.load(Ordering::Relaxed) // ORDER: Relaxed — a figure; growth reads it under its lock.
    }

    /// Lowest address known to belong to the stack.
    pub fn stack_low(&self) -> usize {
        self.stack_low.load(Ordering::Relaxed) // ORDER: Relaxed — a number that only falls.
    }

    /// Bytes of the guard.
    pub fn guard_bytes(&self) -> usize {
        self.guard
    }

    /// Reports a stack pointer. Outside the region it says nothing; inside, the heap keeps below the lowest one reported.
    pub fn note_stack(&self, sp: usize) {
        if self.contains(sp) {
            self.stack_low.fetch_min(sp, Ordering::Relaxed); // ORDER: Relaxed — a number that only falls.
        }
    }

    /// Forgets reported stack pointers below `sp`: the stack has gone back up to there, for good.
    pub fn stack_rose(&self, sp: usize) {
        if self.contains(sp) {
            self.stack_low.fetch_max(sp, Ordering::Relaxed); // ORDER: Relaxed — as above; the caller's promise.
        }
    }

    /// Verifies the guard, and that the stack as far as it is known lies above it.
    ///
    /// # Errors
    /// `MemOp::Guard` with the first damaged address and the side, or `MemOp::Boundary`.
    pub fn check(&self) -> Result<(), MemError> {
        let book = self.book.lock();
        self.verify(&book, 0)?;
        let (top, low) = (self.heap_top(), self.limit());
        if top + self.guard > low { Err(self.boundary(0, low)) } else { Ok(()) }
    }

    fn contains(&self, addr: usize) -> bool {
        (self.heap_start()..self.end).contains(&addr)
    }

    /// Lowest address that the stack has or may need within this call.
    #[inline(never)]
    fn limit(&self) -> usize {
        let here = 0u8;
        let sp = core::ptr::from_ref(&here) as usize;
        let known = self.stack_low();
        if self.contains(sp) { known.min(sp.saturating_sub(HEADROOM)) } else { known }
    }
}
