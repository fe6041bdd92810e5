//! How a goroutine's end meets its handle: `JoinWord`, and the [`JoinHandle`] itself.
//!
//! ```text
//!  63                    4 3      2      1      0
//! ┌───────────────────────┬──────┬──────┬──────┬──────┐
//! │  waiter (a Ticket's)  │ORPHAN│EXITED│ GONE │ DONE │
//! └───────────────────────┴──────┴──────┴──────┴──────┘
//! ```
//! DONE: the result lies in the record. GONE: the handle was dropped, or has taken the result.
//! EXITED: the goroutine is off its stack and its record. The record is used again when both
//! GONE and EXITED stand; whoever sets the second of them frees it (JOIN-1). ORPHAN: the
//! scheduler has ended and waits for this handle to give up its memory (see [`crate::shutdown`]).

use crate::g::{G, INLINE, Inline};
use crate::gtable::GTable;
use crate::handoff;
use crate::m::M;
use crate::park::{self, SHUTDOWN, Ticket, WaitReason};
use crate::thread::{self, Thread};
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};

const DONE: usize = 1;
const GONE: usize = 2;
const EXITED: usize = 4;
const ORPHAN: usize = 8;
const FLAGS: usize = 15;

/// What `join` returns, as `std::thread::Result`.
pub type Result<T> = core::result::Result<T, Box<dyn Any + Send + 'static>>;

/// The word, and the number of the waiter's ticket.
#[derive(Debug)]
pub(crate) struct JoinWord {
    word: AtomicUsize,
    number: AtomicU32,
}

impl JoinWord {
    /// A record that has not lived: it has no handle.
    pub(crate) const fn new() -> Self {
        Self { word: AtomicUsize::new(GONE), number: AtomicU32::new(0) }
    }

    /// A new life; `detached`: nobody will ask for the result.
    #[inline]
    pub(crate) fn reset(&self, detached: bool) {
        // ORDER: Relaxed — published with the record by the queue.
        self.word.store(if detached { GONE } else { 0 }, Relaxed);
    }

    /// The goroutine: the result is there. Wakes the waiter; `true` if nobody wants the result.
    #[inline]
    pub(crate) fn finish(&self) -> bool {
        // ORDER: AcqRel — Release ⇒ `is_done`, `wait`: the result; Acquire ⇐ `wait`: the number.
        let old = self.word.fetch_or(DONE, AcqRel);
        if old & !FLAGS != 0 {
            // ORDER: Relaxed — acquired by the exchange above.
            let ticket = Ticket::from_parts(old & !FLAGS, self.number.load(Relaxed));
            if ticket.claim(0) {
                ticket.wake();
            }
        }
        old & GONE != 0
    }

    /// Whether the handle is gone.
    pub(crate) fn is_unwanted(&self) -> bool {
        // ORDER: Relaxed — a look.
        self.word.load(Relaxed) & GONE != 0
    }

    pub(crate) fn is_done(&self) -> bool {
        // ORDER: Acquire ⇐ `finish`: the result.
        self.word.load(Acquire) & DONE != 0
    }

    /// The goroutine is off its record: `true` if the caller frees it.
    #[inline]
    pub(crate) fn exit(&self) -> bool {
        // ORDER: AcqRel — JOIN-1: the second of the two sees all that the first did.
        self.word.fetch_or(EXITED, AcqRel) & GONE != 0
    }

    /// The handle is gone: what stood in the word.
    fn gone(&self) -> usize {
        // ORDER: AcqRel — JOIN-1.
        self.word.fetch_or(GONE, AcqRel)
    }

    /// The scheduler has ended: `true` if a handle still points at the record, which then keeps
    /// the memory.
    pub(crate) fn orphan(&self) -> bool {
        // ORDER: Relaxed — dead records that nobody holds are passed over; a record in use is
        // decided by the exchange.
        let word = self.word.load(Relaxed);
        // ORDER: AcqRel — against `gone`: one of the two sees the other.
        word & GONE == 0 && self.word.fetch_or(ORPHAN, AcqRel) & GONE == 0
    }

    /// Handle: waits until DONE stands; `false` if the runtime shuts down under the caller.
    fn wait(&self) -> bool {
        while !self.is_done() {
            let ticket = Ticket::open();
            let (who, number) = ticket.parts();
            // ORDER: Relaxed — published by the exchange below.
            self.number.store(number, Relaxed);
            // ORDER: AcqRel — Release ⇒ `finish`: the number. Acquire on failure ⇐ `finish`.
            let old = self
                .word
                .fetch_update(Release, Acquire, |w| (w & DONE == 0).then_some((w & FLAGS) | who));
            if old.is_err() {
                // Done meanwhile; nobody has seen the ticket.
                ticket.cancel();
                return true;
            }
            let code = ticket.wait(WaitReason::Join);
            if code == SHUTDOWN {
                // ORDER: AcqRel — takes the ticket back; `finish` may have read it: its claim
                // of a ticket that is decided does nothing.
                self.word.fetch_and(FLAGS, AcqRel);
                return false;
            }
        }
        true
    }
}

/// Whether a value lies in the record's inline area, or in a box whose pointer lies there.
pub(crate) const fn fits<T>() -> bool {
    size_of::<T>() <= INLINE && align_of::<T>() <= align_of::<Inline>()
}

/// Puts a value into the inline area.
///
/// # Safety
/// G-OWN: the caller owns the record, whose area holds nothing.
#[inline]
pub(crate) unsafe fn put<T>(g: &G, value: T) {
    let area = g.inline.0.get();
    // SAFETY: G-OWN — the caller's promise; the area is large and aligned enough, or holds a
    // pointer to a box.
    unsafe {
        if fits::<T>() {
            area.cast::<T>().write(value);
        } else {
            area.cast::<*mut T>().write(Box::into_raw(Box::new(value)));
        }
    }
}

/// Takes the value that [`put`] left.
///
/// # Safety
/// G-OWN: the caller owns the area, which holds a `T` by `put`.
#[inline]
pub(crate) unsafe fn take<T>(g: &G) -> T {
    let area = g.inline.0.get();
    // SAFETY: G-OWN — the caller's promise.
    unsafe {
        if fits::<T>() {
            area.cast::<T>().read()
        } else {
            *Box::from_raw(area.cast::<*mut T>().read())
        }
    }
}

const RESULT_TAKEN: &str = "the result was taken already";

/// The handle of a goroutine: waits for its end and takes its result. Dropping it lets the
/// goroutine run on by itself.
pub struct JoinHandle<T> {
    g: NonNull<G>,
    /// The result was taken by a poll.
    taken: bool,
    /// The handle gives a `T` and holds none: it can be moved whatever `T` is.
    result: PhantomData<fn() -> T>,
}

// SAFETY: JOIN-1 — the handle reaches the result after DONE, and moves it to its thread.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: JOIN-1 — a shared handle only asks.
unsafe impl<T> Sync for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(g: NonNull<G>) -> Self {
        Self { g, taken: false, result: PhantomData }
    }

    fn g(&self) -> &G {
        // SAFETY: JOIN-1 — the record is not used again while GONE is not set.
        unsafe { self.g.as_ref() }
    }

    /// Waits for the goroutine to end and returns what it returned, or the panic that ended it.
    ///
    /// # Errors
    /// The payload of the panic; a text if the runtime was shut down before the goroutine ended.
    ///
    /// # Panics
    /// Unwinds if the runtime shuts down while a goroutine waits here.
    pub fn join(self) -> Result<T> {
        // A simulation needs no point here: whoever comes first, the result is the same.
        if !self.g().join.wait() {
            park::unwind();
        }
        let mut this = self;
        this.take_result().unwrap_or_else(|| Err(Box::new(RESULT_TAKEN)))
    }

    /// The result, once, when the goroutine has ended.
    pub(crate) fn take_result(&mut self) -> Option<Result<T>> {
        if core::mem::replace(&mut self.taken, true) {
            return None;
        }
        // SAFETY: JOIN-1 — callers have seen DONE, so the area holds the result, and the flag lets
        // it be taken once.
        Some(unsafe { take::<Result<T>>(self.g()) })
    }

    /// Whether the goroutine has ended. `join` then returns at once.
    pub fn is_finished(&self) -> bool {
        crate::sim::at("join");
        self.has_ended()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.g().join.is_done()
    }

    /// The goroutine's thread handle.
    pub fn thread(&self) -> Thread {
        thread::of(self.g())
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let taken = self.taken;
        let drop_result = |g: &G| {
            if !taken {
                // SAFETY: JOIN-1 — DONE stood before GONE, so `finish` left the result to us.
                let result = unsafe { take::<Result<T>>(g) };
                if crate::sim::is_going_on()
                    && let Err(payload) = &result
                {
                    crate::sim::overlooked(&**payload);
                }
            }
        };
        // SAFETY: JOIN-1 — the handle ends here.
        unsafe { give_up(self.g, drop_result) };
    }
}

/// The end of a handle: sets GONE, drops a result that lies there, and frees the record if the
/// goroutine was off it.
///
/// # Safety
/// JOIN-1: called once for a record, by its handle.
unsafe fn give_up(g: NonNull<G>, result: impl FnOnce(&G)) {
    // SAFETY: G-MEM — the handle keeps the record until GONE is set.
    let record = unsafe { g.as_ref() };
    // SAFETY: SCHED-MEM — a handle that is not GONE keeps the scheduler's memory.
    let sched = unsafe { &*record.sched };
    let m = M::current();
    // SAFETY: M-OWN — a non-null word is this thread's M.
    let inside = unsafe { m.as_ref() }.is_some_and(|m| core::ptr::eq(m.sched, sched));
    if !inside {
        // The scheduler may end at any moment: it waits for those who are in here.
        // ORDER: SeqCst — before GONE; pairs with the look in `shutdown`.
        sched.visitors.fetch_add(1, SeqCst);
    }
    let word = record.join.gone();
    if word & DONE != 0 {
        result(record);
    }
    if word & ORPHAN == 0 && word & EXITED != 0 {
        free_record(g.as_ptr());
    }
    if !inside {
        // ORDER: SeqCst — after the last touch of the scheduler's memory; an orphan's own count keeps
        // that a moment longer.
        sched.visitors.fetch_sub(1, SeqCst);
    }
    if word & ORPHAN != 0 {
        crate::shutdown::orphan_gone(sched);
    }
}

/// A record that nobody uses goes to the free list of the P at hand, or to the table's.
fn free_record(g: *mut G) {
    // SAFETY: JOIN-1 — the caller is the second of the two.
    let sched = unsafe { (*g).sched };
    match handoff::try_enter() {
        Some((m, inside)) if core::ptr::eq(m.sched, sched) => {
            // SAFETY: P-OWN, G-OWN — inside with a P, and the record is ours.
            unsafe { crate::start::recycle(m, g) };
            drop(inside);
        }
        _ => {
            let mut list = crate::g::GList::new();
            // SAFETY: G-OWN — as above. SCHED-MEM — the scheduler waits for visitors.
            unsafe {
                crate::start::forget_life(&*g);
                list.push(g);
                let table: &GTable = &(*sched).gs;
                table.give(&mut list, 0);
            }
        }
    }
}
