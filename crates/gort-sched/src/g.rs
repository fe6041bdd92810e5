//! [`G`], a goroutine: what is saved while it does not run, and what it was asked to do.
//!
//! Records are type-stable: they are made in slabs, used again and again, and freed only with
//! their scheduler, so a stale pointer to a `G` reads a `G` (G-MEM). The closure lies in the
//! record itself when it is small, later the result; the stack is attached at the first run. So
//! a goroutine that never parks costs no allocation and runs on a stack that is still warm.

use crate::join::JoinWord;
use crate::local::Locals;
use crate::m::M;
use crate::priority::{PRIORITIES, Priority};
use crate::reason::WaitReason;
use crate::scheduler::Scheduler;
use crate::state::{GState, StateCell};
use crate::thread::Inner;
use crate::word::TicketWord;
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::panic::Location;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use gort_stack::{Class, Stack};

/// Bytes of closure or result that lie in the record; larger ones are boxed.
pub(crate) const INLINE: usize = 64;

/// The inline area, aligned for every ordinary type.
#[repr(C, align(16))]
pub(crate) struct Inline(pub(crate) UnsafeCell<[MaybeUninit<u8>; INLINE]>);

/// Runs the closure of a goroutine, or only drops it (`run == false`), and leaves the result.
pub(crate) type Start = unsafe fn(g: &G, run: bool);

/// The goroutine may resume on any thread.
pub(crate) const MIGRATES: u8 = 1;
/// The program's first goroutine.
pub(crate) const MAIN: u8 = 2;
/// It belongs to the runtime: not counted, not dumped, no reason against a deadlock.
pub(crate) const SYSTEM: u8 = 4;

/// A saved stack pointer. Whoever prefetches may look at that of a goroutine that it does not own.
#[derive(Debug)]
pub(crate) struct SavedSp(AtomicUsize);

impl SavedSp {
    #[inline]
    pub(crate) fn get(&self) -> usize {
        // ORDER: Relaxed — the owner's, or a hint.
        self.0.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, sp: usize) {
        // ORDER: Relaxed — as above.
        self.0.store(sp, Relaxed);
    }

    /// Where a switch saves it.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut usize {
        self.0.as_ptr()
    }
}

/// Fetches the cache line at `at`, which will be needed soon. Any address will do.
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: G-MEM — a prefetch reads nothing that the program can see, and cannot fail.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast::<i8>());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// A goroutine. Fields that are not atomic belong to whoever owns it (G-OWN): the thread that
/// runs it, or whoever took it out of a queue.
#[repr(C, align(64))]
pub(crate) struct G {
    /// Saved stack pointer; 0 before the first run.
    pub(crate) sp: SavedSp,
    /// Link of the one list that it is in.
    pub(crate) link: Cell<*mut G>,
    pub(crate) word: TicketWord,
    pub(crate) state: StateCell,
    reason: AtomicU8,
    flags: Cell<u8>,
    pub(crate) class: Cell<u8>,
    /// The thread that it is bound to, or null.
    home: AtomicPtr<M>,
    pub(crate) start: Cell<Option<Start>>,
    pub(crate) join: JoinWord,
    pub(crate) id: Cell<u64>,
    pub(crate) inline: Inline,
    /// Lowest address of its stack's slot; 0 while it has none.
    pub(crate) stack_low: Cell<usize>,
    pub(crate) sched: *const Scheduler,
    /// Name, thread handle and park token, made when first asked for.
    pub(crate) inner: AtomicPtr<Inner>,
    pub(crate) locals: Cell<Option<Box<Locals>>>,
    /// When its present wait ends by itself (TIMER-1), in nanoseconds; `timer::NEVER`: it does not.
    pub(crate) deadline: AtomicU64,
    /// Where it was spawned.
    pub(crate) site: Cell<Option<&'static Location<'static>>>,
    /// What the trimmer has seen: twice the number of the wait, plus 1 if it was trimmed.
    pub(crate) trim_mark: AtomicU64,
    /// Nesting of `no_park` scopes and of locks to its thread.
    pub(crate) no_park: Cell<u16>,
    pub(crate) thread_locks: Cell<u16>,
}

// SAFETY: G-OWN — the cells are touched by the owner alone, and ownership moves by queues and
// tickets, which order memory.
unsafe impl Sync for G {}

impl core::fmt::Debug for G {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "G{} {:?}", self.id.get(), self.state)?;
        match self.priority() {
            Priority::Normal => Ok(()),
            class => write!(f, " {}", class.word()),
        }
    }
}

impl G {
    pub(crate) fn new(sched: *const Scheduler) -> Self {
        Self {
            sp: SavedSp(AtomicUsize::new(0)),
            link: Cell::new(null_mut()),
            word: TicketWord::new(),
            state: StateCell::new(),
            reason: AtomicU8::new(0),
            flags: Cell::new(0),
            class: Cell::new(0),
            home: AtomicPtr::new(null_mut()),
            start: Cell::new(None),
            join: JoinWord::new(),
            id: Cell::new(0),
            inline: Inline(UnsafeCell::new([MaybeUninit::uninit(); INLINE])),
            stack_low: Cell::new(0),
            sched,
            inner: AtomicPtr::new(null_mut()),
            locals: Cell::new(None),
            deadline: AtomicU64::new(crate::timer::NEVER),
            site: Cell::new(None),
            trim_mark: AtomicU64::new(0),
            no_park: Cell::new(0),
            thread_locks: Cell::new(0),
        }
    }

    /// The scheduler that made this record.
    #[inline]
    pub(crate) fn scheduler(&self) -> &Scheduler {
        // SAFETY: G-MEM — the record dies with its scheduler, never after it.
        unsafe { &*self.sched }
    }

    /// Why it waits, for dumps.
    pub(crate) fn reason_words(&self) -> &'static str {
        // ORDER: Relaxed — a diagnostic.
        WaitReason::words_of(self.reason.load(Relaxed))
    }

    pub(crate) fn waits_for(&self, reason: WaitReason) -> bool {
        // ORDER: Relaxed — a diagnostic.
        self.reason.load(Relaxed) == reason as u8
    }

    #[inline]
    pub(crate) fn set_reason(&self, reason: WaitReason) {
        // ORDER: Relaxed — a diagnostic.
        self.reason.store(reason as u8, Relaxed);
    }

    /// Prepares a dead record for its next life.
    #[inline]
    pub(crate) fn reset(&self, flags: u8, class: Class, site: Option<&'static Location<'static>>) {
        self.sp.set(0);
        self.flags.set(flags);
        self.class.set(class.index() as u8);
        self.site.set(site);
        // ORDER: Relaxed — published with the record by the queue.
        self.home.store(null_mut(), Relaxed);
    }

    /// A record that was never used is dead before its first life.
    #[inline]
    pub(crate) fn settle_idle(&self) {
        if self.state.get() == GState::Idle {
            self.state.step(GState::Idle, GState::Dead);
        }
    }

    #[inline]
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    /// How urgent it is.
    #[inline]
    pub(crate) fn priority(&self) -> Priority {
        Priority::of_bits(self.flags.get())
    }

    /// Changes that, by its owner; how urgent it was.
    pub(crate) fn set_priority(&self, to: Priority) -> Priority {
        let flags = self.flags.replace((self.flags.get() & !PRIORITIES) | to.bits());
        Priority::of_bits(flags)
    }

    /// The class of stack that it wants or has.
    #[inline]
    pub(crate) fn stack_class(&self) -> Class {
        Class::from_index(usize::from(self.class.get())).unwrap_or(Class::DEFAULT)
    }

    /// Takes the stack off the record.
    pub(crate) fn detach_stack(&self) -> Option<Stack> {
        let low = self.stack_low.replace(0);
        // SAFETY: STACK-OWN of gort-stack — the record held the slot's only right, and holds it
        // no more.
        (low != 0).then(|| unsafe { Stack::from_raw(low, self.stack_class()) })
    }

    /// The thread that it is bound to, or null.
    #[inline]
    pub(crate) fn home(&self) -> *const M {
        // ORDER: Acquire ⇐ `set_home`: thieves look at goroutines that they do not own.
        self.home.load(Acquire)
    }

    #[inline]
    pub(crate) fn set_home(&self, m: *const M) {
        // ORDER: Release ⇒ `home`.
        self.home.store(m.cast_mut(), Release);
    }

    /// Its name, if it was given one.
    pub(crate) fn name(&self) -> Option<&str> {
        // ORDER: Acquire ⇐ `thread::inner`: the record behind the pointer.
        let inner: *const Inner = self.inner.load(Acquire);
        // SAFETY: G-MEM — the record keeps a count on the handle until it is used again.
        unsafe { inner.as_ref() }.and_then(Inner::name)
    }
}

/// A list of records through their links, last in, first out.
#[derive(Debug)]
pub(crate) struct GList {
    top: *mut G,
    len: usize,
}

impl GList {
    pub(crate) const fn new() -> Self {
        Self { top: null_mut(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// G-OWN: the caller owns `g`, which is in no list.
    #[inline]
    pub(crate) unsafe fn push(&mut self, g: *mut G) {
        // SAFETY: G-OWN — the caller's promise.
        unsafe { (*g).link.set(self.top) };
        self.top = g;
        self.len += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<*mut G> {
        if self.top.is_null() {
            return None;
        }
        let g = self.top;
        // SAFETY: G-OWN — what is in the list belongs to the list.
        self.top = unsafe { (*g).link.replace(null_mut()) };
        self.len -= 1;
        Some(g)
    }
}

/// A first-in, first-out list of records through their links.
#[derive(Debug)]
pub(crate) struct GFifo {
    first: *mut G,
    last: *mut G,
}

impl GFifo {
    pub(crate) const fn new() -> Self {
        Self { first: null_mut(), last: null_mut() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Whether `g` is in the list.
    pub(crate) fn contains(&self, g: *mut G) -> bool {
        let mut at = self.first;
        while !at.is_null() {
            if at == g {
                return true;
            }
            // SAFETY: G-OWN — what is in the list belongs to the list.
            at = unsafe { (*at).link.get() };
        }
        false
    }

    /// # Safety
    /// G-OWN: the caller owns `g`, which is in no list.
    pub(crate) unsafe fn push(&mut self, g: *mut G) {
        // SAFETY: G-OWN — the caller's promise, and the list's own last record.
        unsafe {
            (*g).link.set(null_mut());
            match self.last.as_ref() {
                Some(last) => last.link.set(g),
                None => self.first = g,
            }
        }
        self.last = g;
    }

    /// # Safety
    /// As [`push`](Self::push).
    pub(crate) unsafe fn push_front(&mut self, g: *mut G) {
        // SAFETY: G-OWN — the caller's promise.
        unsafe { (*g).link.set(self.first) };
        if self.first.is_null() {
            self.last = g;
        }
        self.first = g;
    }

    pub(crate) fn pop(&mut self) -> Option<*mut G> {
        if self.first.is_null() {
            return None;
        }
        let g = self.first;
        // SAFETY: G-OWN — what is in the list belongs to the list.
        self.first = unsafe { (*g).link.replace(null_mut()) };
        if self.first.is_null() {
            self.last = null_mut();
        }
        Some(g)
    }
}

/// A pointer to a goroutine that may travel between threads: whoever holds it owns the
/// goroutine (G-OWN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GRef(pub(crate) *mut G);

// SAFETY: G-OWN — the reference is the right to the goroutine, and travels through queues only.
unsafe impl Send for GRef {}

impl Drop for G {
    fn drop(&mut self) {
        Inner::release(*self.inner.get_mut());
    }
}
