//! [`Netpoll`], the kernel's poller of one scheduler, and the records of what it watches.
//!
//! Edge-triggered, through mio. One thread polls at a time: whoever looks for work without waiting,
//! sysmon if nobody has for a while, or the one thread that sleeps in it for all. Records are
//! type-stable and live as long as the poller (NET-3): an event that comes after its descriptor was
//! closed finds another generation, and if it slips through, wakes somebody who tries again in vain.

use super::slot::{Seen, Slot};
use crate::g::GFifo;
use crate::park::{READY, Ticket};
use crate::scheduler::Scheduler;
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
};
use core::time::Duration;
use gort_sys::clock;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

static FREE: Rank = Rank { layer: layer::SCHED, n: 12, name: "sched.net_free" };

/// Events that one call takes from the kernel.
const EVENTS: usize = 256;
/// The waker's token: no record has it.
const WAKER: Token = Token(usize::MAX);
/// Records of the first chunk; each later one is as large as all before it.
const FIRST: usize = 32;
const CHUNKS: usize = 26;
/// Time-outs below this are kept to the nanosecond; epoll itself counts milliseconds.
const EXACT: Duration = Duration::from_secs(1);
/// A sleep that was shorter was none: the events were there already, in nanoseconds.
const NO_SLEEP: u64 = 5_000;

/// A watched descriptor.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) read: Slot,
    pub(crate) write: Slot,
    generation: AtomicU32,
}

impl Record {
    fn new() -> Self {
        Self { read: Slot::new(), write: Slot::new(), generation: AtomicU32::new(0) }
    }
}

struct Inner {
    poll: Poll,
    events: Events,
}

/// Numbers that are free, and how many were ever given out.
#[derive(Debug)]
struct Free {
    list: Vec<u32>,
    len: u32,
}

/// The poller of one scheduler.
pub(crate) struct Netpoll {
    registry: Registry,
    waker: Waker,
    /// Whether a thread is in `inner`.
    polling: AtomicBool,
    inner: UnsafeCell<Inner>,
    chunks: [AtomicPtr<Record>; CHUNKS],
    free: Lock<Free>,
    /// Descriptors watched.
    used: AtomicUsize,
    /// When somebody polled last.
    last_ns: AtomicU64,
    /// Whether a look without waiting is worth its system call: the last one was.
    pays: AtomicBool,
    /// Nobody polls any more.
    dead: AtomicBool,
    sched: *const Scheduler,
}

// SAFETY: NET-4 — `inner` belongs to whoever has set `polling`; `sched` is only compared.
unsafe impl Sync for Netpoll {}
// SAFETY: NET-4 — nothing in it belongs to a thread.
unsafe impl Send for Netpoll {}

impl core::fmt::Debug for Netpoll {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Netpoll({} watched)", self.used())
    }
}

/// The chunk of a record, the place in it, and the chunk's size.
fn place(index: u32) -> (usize, usize, usize) {
    let at = index as usize + FIRST;
    let chunk = (at / FIRST).ilog2() as usize;
    let size = FIRST << chunk;
    (chunk, at - size, size)
}

impl Netpoll {
    pub(crate) fn new(sched: *const Scheduler) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKER)?;
        Ok(Self {
            registry,
            waker,
            polling: AtomicBool::new(false),
            inner: UnsafeCell::new(Inner { poll, events: Events::with_capacity(EVENTS) }),
            chunks: [const { AtomicPtr::new(null_mut()) }; CHUNKS],
            free: Lock::new(&FREE, Free { list: Vec::new(), len: 0 }),
            used: AtomicUsize::new(0),
            last_ns: AtomicU64::new(0),
            pays: AtomicBool::new(true),
            dead: AtomicBool::new(false),
            sched,
        })
    }

    /// How many descriptors are watched.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        // ORDER: SeqCst — NET-5: after the office of the sleeper was taken; pairs with `watch`.
        self.used.load(SeqCst)
    }

    /// Whether its scheduler has ended.
    pub(crate) fn is_dead(&self) -> bool {
        // ORDER: Acquire ⇐ `close`.
        self.dead.load(Acquire)
    }

    /// The record of a number that was given out.
    pub(crate) fn record(&self, index: u32) -> &Record {
        let (chunk, at, _) = place(index);
        // ORDER: Acquire ⇐ `take_number`: the records.
        let first = self.chunks[chunk].load(Acquire);
        // SAFETY: NET-3 — the chunk of a number that was given out exists, and lives as long as
        // the poller.
        unsafe { &*first.add(at) }
    }

    fn take_number(&self) -> u32 {
        let mut free = self.free.lock();
        if let Some(index) = free.list.pop() {
            return index;
        }
        let index = free.len;
        free.len += 1;
        let (chunk, _, size) = place(index);
        // ORDER: Relaxed — the lock orders the writers.
        if self.chunks[chunk].load(Relaxed).is_null() {
            let records: Box<[Record]> = (0..size).map(|_| Record::new()).collect();
            // ORDER: Release ⇒ `record`.
            self.chunks[chunk].store(Box::into_raw(records).cast::<Record>(), Release);
        }
        index
    }

    /// Watches `fd` in both directions. Returns its number, what its slots had seen before, and whether
    /// it is the only one, so that nobody may be sleeping in the poller.
    pub(crate) fn watch(&self, fd: RawFd) -> io::Result<(u32, [Seen; 2], bool)> {
        let index = self.take_number();
        let record = self.record(index);
        let seen = [record.read.look(), record.write.look()];
        // ORDER: Relaxed — events compare it; a late one is harmless.
        let generation = record.generation.load(Relaxed);
        let token = Token(index as usize | (generation as usize) << 32);
        // ORDER: SeqCst — NET-5: before the look for a sleeper; pairs with `used`.
        let first = self.used.fetch_add(1, SeqCst) == 0;
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = self.registry.register(&mut SourceFd(&fd), token, both) {
            self.give_back(index);
            return Err(e);
        }
        Ok((index, seen, first))
    }

    /// Ends [`watch`](Self::watch).
    pub(crate) fn forget(&self, fd: RawFd, index: u32) {
        let _ = self.registry.deregister(&mut SourceFd(&fd));
        self.give_back(index);
    }

    fn give_back(&self, index: u32) {
        let record = self.record(index);
        // ORDER: Relaxed — events compare it; a late one is harmless.
        record.generation.fetch_add(1, Relaxed);
        record.read.reset();
        record.write.reset();
        // ORDER: SeqCst — as in `watch`.
        self.used.fetch_sub(1, SeqCst);
        self.free.lock().list.push(index);
    }

    /// Interrupts whoever sleeps in the poller.
    pub(crate) fn interrupt(&self) {
        if let Err(e) = self.waker.wake() {
            gort_sys::fatal!("NET-4", "the poller's waker: {e}");
        }
    }

    /// Whether nobody has polled for `age` nanoseconds before `now`, and nobody sleeps in it.
    pub(crate) fn is_stale(&self, now: u64, age: u64) -> bool {
        // ORDER: Relaxed — hints.
        !self.polling.load(Relaxed) && now.saturating_sub(self.last_ns.load(Relaxed)) >= age
    }

    /// Whether descriptors are watched and nobody sleeps in the poller.
    pub(crate) fn wants_a_look(&self) -> bool {
        // ORDER: Relaxed — a hint.
        self.used.load(Relaxed) != 0 && !self.polling.load(Relaxed)
    }

    /// Whether a look without waiting would probably find something. If not, who has nothing else to do
    /// goes straight to sleep in the poller, which is one system call instead of two.
    pub(crate) fn pays(&self) -> bool {
        // ORDER: Relaxed — a guess.
        self.pays.load(Relaxed)
    }

    /// Takes what is there, without waiting; the goroutines of this scheduler that wait for it are
    /// returned, others are made to run. Nothing if another thread polls.
    pub(crate) fn poll_now(&self) -> GFifo {
        if !self.enter() {
            return GFifo::new();
        }
        let ready = self.poll(Some(Duration::ZERO));
        // ORDER: Relaxed — a guess.
        self.pays.store(!ready.is_empty(), Relaxed);
        ready
    }

    /// As [`poll_now`](Self::poll_now), and waits for `limit`, or until interrupted, unless the caller
    /// was `roused` already.
    pub(crate) fn poll_sleeping(
        &self,
        limit: Option<Duration>,
        roused: impl FnOnce() -> bool,
    ) -> GFifo {
        // Who polls without waiting is about to be done.
        while !self.enter() {
            gort_sys::thread::yield_os();
        }
        // Asked here, not before: the one who was in the poller may have taken the interruption that was
        // meant for us. From here on we take our own (NET-7).
        if roused() {
            self.leave();
            return GFifo::new();
        }
        let begun = clock::nanos();
        let ready = self.poll(limit);
        if !ready.is_empty() && clock::nanos() - begun < NO_SLEEP {
            // ORDER: Relaxed — a guess.
            self.pays.store(true, Relaxed);
        }
        ready
    }

    fn enter(&self) -> bool {
        // ORDER: Acquire ⇐ the last one's leaving: `inner`. Relaxed on failure.
        self.polling.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    fn leave(&self) {
        // ORDER: Release ⇒ `enter`: `inner`; and that an interruption was taken.
        self.polling.store(false, Release);
    }

    fn poll(&self, limit: Option<Duration>) -> GFifo {
        let mut ready = GFifo::new();
        {
            // SAFETY: NET-4 — this thread has set `polling`.
            let inner = unsafe { &mut *self.inner.get() };
            let mut limit = limit;
            let finer = |l: &Duration| *l < EXACT && !l.subsec_nanos().is_multiple_of(1_000_000);
            if let Some(exact) = limit.filter(finer) {
                super::poll_fd(inner.poll.as_raw_fd(), libc::POLLIN, Some(exact));
                limit = Some(Duration::ZERO);
            }
            match inner.poll.poll(&mut inner.events, limit) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => gort_sys::fatal!("NET-4", "the network poller: {e}"),
            }
            for event in &inner.events {
                self.dispatch(event, &mut ready);
            }
        }
        // ORDER: Relaxed — a hint for sysmon.
        self.last_ns.store(clock::nanos(), Relaxed);
        self.leave();
        ready
    }

    fn dispatch(&self, event: &mio::event::Event, ready: &mut GFifo) {
        let token = event.token();
        if token == WAKER {
            return;
        }
        let record = self.record(token.0 as u32);
        // ORDER: Relaxed — a filter (NET-3).
        if record.generation.load(Relaxed) != (token.0 >> 32) as u32 {
            return;
        }
        let error = event.is_error();
        let ended = event.is_read_closed() || error;
        if event.is_readable() || ended {
            record.read.event(ended, |t| self.claim(t, ready));
        }
        if event.is_writable() || event.is_write_closed() || error {
            record.write.event(error, |t| self.claim(t, ready));
        }
    }

    /// Ends one wait. What is to run here is kept for a batch.
    fn claim(&self, ticket: Ticket, ready: &mut GFifo) {
        if ticket.claim(READY)
            && let Some(g) = ticket.wake_on(self.sched)
        {
            // SAFETY: G-OWN — a parked goroutine whose ticket was won and woken is ours.
            unsafe { ready.push(g) };
        }
    }

    /// Lets everybody who waits look again.
    pub(crate) fn stir(record: &Record) {
        for slot in [&record.read, &record.write] {
            slot.event(false, |ticket| {
                if ticket.claim(READY) {
                    ticket.wake();
                }
            });
        }
    }

    /// The scheduler ends: its descriptors' waiters on other schedulers look for another poller.
    pub(crate) fn close(&self) {
        // ORDER: AcqRel — Release ⇒ `is_dead`, before the waiters are stirred.
        self.dead.swap(true, AcqRel);
        let len = self.free.lock().len;
        for index in 0..len {
            Self::stir(self.record(index));
        }
    }
}

impl Drop for Netpoll {
    fn drop(&mut self) {
        for (n, chunk) in self.chunks.iter_mut().enumerate() {
            let records = *chunk.get_mut();
            if !records.is_null() {
                let all = core::ptr::slice_from_raw_parts_mut(records, FIRST << n);
                // SAFETY: NET-3 — made as a box of this size by `take_number`, and the last user
                // of the poller is gone.
                drop(unsafe { Box::from_raw(all) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_place() {
        let mut next = (0, 0);
        for index in 0..5_000 {
            let (chunk, at, size) = place(index);
            assert_eq!((chunk, at), next, "{index}");
            assert!(at < size);
            next = if at + 1 == size { (chunk + 1, 0) } else { (chunk, at + 1) };
        }
    }
}
