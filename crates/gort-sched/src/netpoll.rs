//! Waiting for a descriptor: [`Source`], which every socket has, and the scheduler's poller.
//!
//! A call on a socket tries first. Only if it would block does it come here, with the [`Mark`] that it
//! took before it tried:
//!
//! ```text
//!   mark ──► try ──► done
//!             │ would block
//!             ▼
//!   wait(mark): something has happened since the mark? ──yes──► mark again
//!             │ no
//!             ▼
//!   ticket into the slot, park          thread that looks for work, or sleeps, or sysmon:
//!             ▲                           epoll ──► slot: count + 1 ──► claim, wake ─┐
//!             └──────────────────────────────────────────────────────────────────────┘
//! ```
//! A descriptor is registered when somebody first waits for it, with the poller of his scheduler, which
//! is made then: a program without sockets has none. A plain thread needs no poller: it waits in
//! `poll(2)` by itself.

mod interest;
mod outside;
mod poller;
mod slot;
mod stay;

pub use interest::{AsSource, Interest, wait_beside};
pub(crate) use outside::poll_fd;
pub(crate) use poller::Netpoll;

use crate::scheduler::Scheduler;
use core::fmt;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicPtr,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    fence,
};
use core::time::Duration;
use poller::Record;
use slot::{Seen, Slot};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

/// What a wait waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Data, a connection to accept, the end, an error.
    Read,
    /// Room, a connection made, an error.
    Write,
}

impl Direction {
    fn events(self) -> i16 {
        match self {
            Self::Read => libc::POLLIN | libc::POLLRDHUP,
            Self::Write => libc::POLLOUT,
        }
    }
}

/// Whether a descriptor is ready at this moment, or has ended, or has an error.
pub fn is_ready(fd: BorrowedFd<'_>, direction: Direction) -> bool {
    poll_fd(fd.as_raw_fd(), direction.events(), Some(Duration::ZERO))
}

/// What a source had seen before an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    registration: *const Registration,
    seen: Seen,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something has happened: try again.
    Ready,
    /// The deadline has passed.
    TimedOut,
}

/// A descriptor with a poller.
struct Registration {
    net: Arc<Netpoll>,
    index: u32,
    fd: RawFd,
    /// What the slots had seen before the kernel was told.
    first: [Seen; 2],
    /// The registration with a poller that has ended.
    before: *mut Registration,
}

impl Registration {
    fn slot(&self, direction: Direction) -> &Slot {
        let record = self.record();
        match direction {
            Direction::Read => &record.read,
            Direction::Write => &record.write,
        }
    }

    fn record(&self) -> &Record {
        self.net.record(self.index)
    }
}

/// The seat of one descriptor with the pollers: goroutines and threads wait here until it is ready.
///
/// It is dropped before its descriptor is closed.
pub struct Source {
    current: AtomicPtr<Registration>,
    closed: AtomicBool,
}

// SAFETY: NET-6 — registrations are made by one thread at a time and freed with the source.
unsafe impl Send for Source {}
// SAFETY: NET-6 — as above; what they hold is shared by design.
unsafe impl Sync for Source {}

impl Default for Source {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("registered", &self.registration().is_some())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// Somebody registers the source at this moment.
fn in_work() -> *mut Registration {
    core::ptr::dangling_mut()
}

impl Source {
    /// Not registered yet.
    pub const fn new() -> Self {
        Self { current: AtomicPtr::new(null_mut()), closed: AtomicBool::new(false) }
    }

    #[inline]
    fn registration(&self) -> Option<&Registration> {
        // ORDER: Acquire ⇐ `register`.
        let current = self.current.load(Acquire);
        // SAFETY: NET-6 — a registration stays until the source goes.
        if current == in_work() { None } else { unsafe { current.as_ref() } }
    }

    /// To be called before an attempt; a wait wants the answer.
    ///
    /// # Errors
    /// The source was closed.
    #[inline]
    pub fn mark(&self, direction: Direction) -> io::Result<Mark> {
        let mark = match self.registration() {
            Some(r) => Mark { registration: r, seen: r.slot(direction).look() },
            None => Mark { registration: core::ptr::null(), seen: Seen::NONE },
        };
        if self.is_closed() { Err(closed()) } else { Ok(mark) }
    }

    /// A read of a byte stream that began at `mark` got less than there was room for, and so has left
    /// nothing behind.
    #[inline]
    pub fn set_drained(&self, mark: Mark) {
        if let Some(r) = self.registration_of(mark) {
            r.slot(Direction::Read).set_drained(mark.seen);
        }
    }

    /// Whether a read would only find out that there is nothing to read.
    #[inline]
    pub fn is_drained(&self, mark: Mark) -> bool {
        self.registration_of(mark)
            .is_some_and(|r| r.slot(Direction::Read).is_drained(mark.seen) && !r.net.is_dead())
    }

    /// The registration of a mark that is of this source's present one.
    #[inline]
    fn registration_of(&self, mark: Mark) -> Option<&Registration> {
        self.registration().filter(|r| core::ptr::eq(*r, mark.registration))
    }

    /// Waits until something has happened since `mark`, or until the clock reads `deadline_ns`.
    /// `fd` is the source's descriptor, always the same one.
    ///
    /// A goroutine parks, and unwinds from here when its runtime shuts down; a plain thread sleeps.
    ///
    /// # Errors
    /// The source was closed; the descriptor cannot be watched.
    pub fn wait(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        mark: Mark,
        deadline_ns: Option<u64>,
    ) -> io::Result<Outcome> {
        let Some(s) = Scheduler::current() else {
            return self.wait_outside(fd, direction, deadline_ns);
        };
        let (r, seen) = match self.registration() {
            Some(r) if !r.net.is_dead() => {
                if !core::ptr::eq(r, mark.registration) {
                    return Ok(Outcome::Ready);
                }
                (r, mark.seen)
            }
            // Watching from now on tells what is there already.
            _ => match self.register(s, fd.as_raw_fd())? {
                Some(r) => (r, r.first[direction as usize]),
                None => return Ok(Outcome::Ready),
            },
        };
        if self.is_closed() {
            return Err(closed());
        }
        Ok(stay::wait_in(r.slot(direction), seen, deadline_ns))
    }

    /// Registers with the poller of `s`. `None`: somebody else was first.
    #[cold]
    fn register(&self, s: &Scheduler, fd: RawFd) -> io::Result<Option<&Registration>> {
        // ORDER: Relaxed — the exchange decides.
        let before = self.current.load(Relaxed);
        if before == in_work()
            // ORDER: AcqRel — Acquire ⇐ the registration before; Relaxed on failure.
            || self.current.compare_exchange(before, in_work(), AcqRel, Relaxed).is_err()
        {
            gort_sys::thread::yield_os();
            return Ok(None);
        }
        // SAFETY: NET-6 — a registration stays until the source goes.
        if unsafe { before.as_ref() }.is_some_and(|r| !r.net.is_dead()) {
            // ORDER: Release ⇒ `registration`.
            self.current.store(before, Release);
            return Ok(None);
        }
        let made = s.netpoll().and_then(|net| {
            let (index, first, alone) = net.watch(fd)?;
            if alone {
                s.rouse_timekeeper();
            }
            Ok(Box::into_raw(Box::new(Registration { net, index, fd, first, before })))
        });
        match made {
            Ok(r) => {
                // ORDER: SeqCst — Release ⇒ `registration`; and before the caller's look at
                // `closed`: pairs with `close`.
                self.current.store(r, SeqCst);
                fence(SeqCst); // ORDER: SeqCst — as above.
                // SAFETY: NET-6 — as above.
                Ok(Some(unsafe { &*r }))
            }
            Err(e) => {
                // ORDER: Release ⇒ `registration`.
                self.current.store(before, Release);
                Err(e)
            }
        }
    }

    /// Ends all waits, the present ones and those to come, with an error. The descriptor stays open
    /// until it is dropped.
    pub fn close(&self) {
        // ORDER: SeqCst — before the look for a registration: pairs with `register`.
        self.closed.store(true, SeqCst);
        fence(SeqCst); // ORDER: SeqCst — as above.
        if let Some(r) = self.registration() {
            Netpoll::stir(r.record());
        }
        outside::stir(self);
    }

    /// Whether [`close`](Self::close) was called.
    #[inline]
    pub fn is_closed(&self) -> bool {
        // ORDER: Acquire ⇐ `close`, by way of the slot's count; SeqCst fences pair for a new one.
        self.closed.load(Acquire)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut at = *self.current.get_mut();
        while !at.is_null() {
            // SAFETY: NET-6 — made by `register`, and nobody else has the source any more.
            let r = unsafe { Box::from_raw(at) };
            r.net.forget(r.fd, r.index);
            at = r.before;
        }
    }
}

/// The error of a source that was closed.
#[cold]
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the descriptor was closed while in use")
}

impl Scheduler {
    /// The poller, if there is one yet.
    #[inline]
    pub(crate) fn net(&self) -> Option<&Netpoll> {
        // ORDER: Acquire ⇐ `netpoll`.
        let net = self.net.load(Acquire);
        // SAFETY: NET-6 — the scheduler keeps a count until it goes.
        unsafe { net.as_ref() }
    }

    /// The poller, if descriptors are watched and nobody sleeps in it.
    #[inline]
    pub(crate) fn net_to_poll(&self) -> Option<&Netpoll> {
        self.net().filter(|net| net.wants_a_look())
    }

    /// The poller, which is made now if there is none.
    fn netpoll(&self) -> io::Result<Arc<Netpoll>> {
        // ORDER: Acquire ⇐ the exchange below.
        let mut net = self.net.load(Acquire);
        if net.is_null() {
            let fresh = Arc::into_raw(Arc::new(Netpoll::new(self)?)).cast_mut();
            // ORDER: AcqRel — Release ⇒ `net`; Acquire on failure ⇐ the one who was first.
            match self.net.compare_exchange(null_mut(), fresh, AcqRel, Acquire) {
                Ok(_) => net = fresh,
                Err(first) => {
                    // SAFETY: NET-6 — it came from `into_raw` just now.
                    drop(unsafe { Arc::from_raw(fresh) });
                    net = first;
                }
            }
        }
        // SAFETY: NET-6 — the scheduler keeps a count until it goes.
        unsafe {
            Arc::increment_strong_count(net);
            Ok(Arc::from_raw(net))
        }
    }

    /// Nobody polls any more.
    pub(crate) fn close_net(&self) {
        if let Some(net) = self.net() {
            net.close();
        }
    }

    /// Gives up the scheduler's count.
    pub(crate) fn release_net(&mut self) {
        let net = core::mem::replace(self.net.get_mut(), null_mut());
        if !net.is_null() {
            // SAFETY: NET-6 — the count that `netpoll` left.
            drop(unsafe { Arc::from_raw(net) });
        }
    }
}
