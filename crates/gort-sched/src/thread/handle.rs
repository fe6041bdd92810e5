//! [`Thread`], the handle of a goroutine or plain thread: its number, its name, its parker.

use crate::g::{G, MAIN};
use crate::parker::Parker;
use core::fmt;
use core::num::NonZero;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::sync::Arc;
use std::task::Waker;

static WAKER: Rank = Rank { layer: layer::SCHED, n: 1, name: "sched.join_waker" };

/// A goroutine's number (or a plain thread's); never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(NonZero<u64>);

impl ThreadId {
    /// Of a number that was counted from 1.
    fn new(id: u64) -> Self {
        Self(NonZero::new(id).unwrap_or(NonZero::<u64>::MIN))
    }

    /// The number: 1 is the main goroutine. Plain threads count from 2^63.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

/// What a handle shares with its goroutine.
pub(crate) struct Inner {
    id: ThreadId,
    name: Option<Box<str>>,
    parker: Parker,
    /// Who polls the goroutine's handle as a future.
    waker: Lock<Option<Waker>>,
}

impl Inner {
    fn new(id: u64, name: Option<Box<str>>) -> Arc<Self> {
        let waker = Lock::new(&WAKER, None);
        Arc::new(Self { id: ThreadId::new(id), name, parker: Parker::new(), waker })
    }

    /// A counted pointer for a goroutine's record.
    pub(crate) fn named(id: u64, name: Box<str>) -> *mut Self {
        Arc::into_raw(Self::new(id, Some(name))).cast_mut()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        // The old one is dropped outside of the lock.
        let _old = self.waker.lock().replace(waker);
    }

    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().take()
    }

    /// Gives up the record's count.
    pub(crate) fn release(inner: *mut Self) {
        if !inner.is_null() {
            // SAFETY: THREAD-1 — the record's pointer came from `Arc::into_raw` and is given up
            // once.
            drop(unsafe { Arc::from_raw(inner) });
        }
    }
}

/// The handle of a goroutine or thread: its number, its name, and the right to unpark it.
#[derive(Clone)]
pub struct Thread(Arc<Inner>);

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Thread {
    /// Its number.
    pub fn id(&self) -> ThreadId {
        self.0.id
    }

    /// Its name, if it was given one; the main goroutine's is `main`.
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Lets its next (or present) [`park()`](super::park()) return. Several calls before a park count once.
    pub fn unpark(&self) {
        self.0.parker.unpark();
    }

    /// Of a thread that is no goroutine.
    pub(super) fn outside(id: u64, name: Option<Box<str>>) -> Self {
        Self(Inner::new(id, name))
    }

    pub(super) fn parker(&self) -> &Parker {
        &self.0.parker
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

/// The handle of a goroutine, made when first asked for.
pub(crate) fn of(g: &G) -> Thread {
    // ORDER: Acquire ⇐ the exchange below, on any thread.
    let mut inner = g.inner.load(Acquire);
    if inner.is_null() {
        let name = g.has(MAIN).then(|| "main".into());
        let fresh = Arc::into_raw(Inner::new(g.id.get(), name)).cast_mut();
        // ORDER: AcqRel — Release ⇒ other askers; Acquire on failure ⇐ the one who was first.
        match g.inner.compare_exchange(null_mut(), fresh, AcqRel, Acquire) {
            Ok(_) => inner = fresh,
            Err(first) => {
                Inner::release(fresh);
                inner = first;
            }
        }
    }
    // SAFETY: THREAD-1 — the record keeps a count as long as the goroutine or a handle lives.
    unsafe {
        Arc::increment_strong_count(inner);
        Thread(Arc::from_raw(inner))
    }
}
