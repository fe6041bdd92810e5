//! [`RawRwLock`], the lock of many readers or one writer, without data: one word and a queue.
//!
//! ```text
//!  bits 2..: readers   bit 1: QUEUED   bit 0: WRITER
//! ```
//!
//! Who finds the lock free (for a reader: without a writer and without a queue) takes it by one exchange.
//! Others queue, and are served in their order by those who leave: a writer alone, readers together with
//! all who stand right behind them. So neither kind starves, and a goroutine that is woken has the lock.
//!
//! - RWLOCK-1 QUEUED is set and cleared under the queue's lock, and says whether it is not empty.
//! - RWLOCK-2 While QUEUED is set, nobody takes the lock but by being served under the queue's lock.
//! - RWLOCK-3 With QUEUED and neither a writer nor readers, somebody is on his way to serve.

use crate::waiter::{Kind, Outcome, Queue, Waiter, WakeList};
use crate::{rank, wait_in};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;
use gort_sched::park::{self, SHUTDOWN, Ticket, WaitReason};
use gort_sys::atomic::{AtomicUsize, Ordering};
use gort_sys::lock::RawLock;
use gort_sys::thread;

const WRITER: usize = 1;
const QUEUED: usize = 2;
const READER: usize = 4;
/// More readers than this are a mistake (a loop that forgets guards).
const MOST: usize = usize::MAX / 2;

/// Rounds of looking at a locked lock, and pauses in each, before sleeping.
const ROUNDS: u32 = 4;
const PAUSES: u32 = 30;

/// A reader-writer lock without data.
pub(crate) struct RawRwLock {
    word: AtomicUsize,
    lock: RawLock,
    /// Guarded by `lock`. A waiter's slot is null for a reader.
    queue: UnsafeCell<Queue>,
}

// SAFETY: WAIT-1 — the queue is reached under `lock` only.
unsafe impl Sync for RawRwLock {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for RawRwLock {}

impl RawRwLock {
    pub(crate) const fn new() -> Self {
        Self {
            word: AtomicUsize::new(0),
            lock: RawLock::new(&rank::RWLOCK),
            queue: UnsafeCell::new(Queue::new()),
        }
    }

    fn load(&self) -> usize {
        // ORDER: Relaxed — a look; a right comes from an exchange or a wake only.
        self.word.load(Ordering::Relaxed)
    }

    fn exchange(&self, from: usize, to: usize) -> bool {
        // ORDER: Acquire ⇐ `unlock_*`: the data of the last holders. Relaxed on failure.
        self.word.compare_exchange_weak(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Locks for reading, if there is neither a writer nor a queue.
    ///
    /// # Panics
    /// If there are more readers than half the address space.
    #[inline]
    pub(crate) fn try_read(&self) -> bool {
        let mut word = self.load();
        while word & (WRITER | QUEUED) == 0 {
            assert!(word < MOST, "too many active read locks on RwLock");
            if self.exchange(word, word + READER) {
                return true;
            }
            word = self.load();
        }
        false
    }

    /// Locks for writing, if nobody has it or waits.
    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        // ORDER: Acquire ⇐ `unlock_*`: the data of the last holders. Relaxed on failure.
        self.word.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Locks for reading, waiting for as long as it takes.
    #[inline]
    pub(crate) fn read(&self) {
        if !self.try_read() {
            self.lock_slow(ptr::null_mut(), Self::try_read);
        }
    }

    /// Locks for writing, waiting for as long as it takes.
    #[inline]
    pub(crate) fn write(&self) {
        if !self.try_write() {
            self.lock_slow(ptr::without_provenance_mut(WRITER), Self::try_write);
        }
    }

    /// Unlocks a reader.
    #[inline]
    pub(crate) fn unlock_read(&self) {
        gort_sched::sim::at_drop("unlock");
        // ORDER: Release ⇒ the next writer: our reads are over.
        let before = self.word.fetch_sub(READER, Ordering::Release);
        if before == READER | QUEUED {
            // RWLOCK-3: the last one serves.
            self.serve();
        }
    }

    /// Unlocks the writer.
    #[inline]
    pub(crate) fn unlock_write(&self) {
        gort_sched::sim::at_drop("unlock");
        // ORDER: Release ⇒ the next holder: our data.
        if self.word.fetch_sub(WRITER, Ordering::Release) & QUEUED != 0 {
            self.serve();
        }
    }

    /// The writer becomes a reader; others may read from now on.
    pub(crate) fn downgrade(&self) {
        gort_sched::sim::at_drop("downgrade");
        // ORDER: Release ⇒ other readers: our data.
        if self.word.fetch_add(READER - WRITER, Ordering::Release) & QUEUED != 0 {
            self.serve();
        }
    }

    #[cold]
    fn lock_slow(&self, slot: *mut (), attempt: fn(&Self) -> bool) {
        if thread::cpus() > 1 {
            for _ in 0..ROUNDS {
                for _ in 0..PAUSES {
                    spin_loop();
                }
                if attempt(self) {
                    return;
                }
                if self.load() & QUEUED != 0 {
                    break;
                }
            }
        }
        self.lock.acquire();
        // RWLOCK-1, RWLOCK-2: QUEUED is set while the lock is held by others (or being served), so
        // that the last of them looks after us.
        loop {
            if attempt(self) {
                self.lock.release();
                return;
            }
            let word = self.load();
            let busy = word & QUEUED != 0 || word & WRITER != 0 || (word != 0 && !slot.is_null());
            if busy && (word & QUEUED != 0 || self.exchange(word, word | QUEUED)) {
                break;
            }
        }
        let w = Waiter::new(Ticket::open(), Kind::Value, 0, slot);
        // SAFETY: WAIT-1 — `lock` is held.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — `lock` is held; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe { queue.push(&w) };
        self.lock.release();
        if wait_in(&w, queue, &self.lock, WaitReason::Mutex, None) == SHUTDOWN {
            // Who stood behind us may be content with what is.
            self.serve();
            park::unwind();
        }
    }

    /// Serves those at the head of the queue, as far as the present holders allow.
    #[cold]
    fn serve(&self) {
        let wakes = WakeList::new();
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — taken above.
        while let Some(at) = unsafe { queue.pop() } {
            // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
            let w = unsafe { &*at };
            let reads = w.slot.is_null();
            let word = self.load();
            if word & WRITER != 0 || (!reads && word & !QUEUED != 0) {
                // SAFETY: WAIT-1, WAIT-2 — as above, and just popped.
                unsafe { queue.push_front(w) };
                break;
            }
            if !w.claim() {
                continue;
            }
            // ORDER: Acquire ⇐ `unlock_*`: the data of those who have left, which reaches the waiter
            // with the wake. RWLOCK-2: nobody else takes it now.
            self.word.fetch_add(if reads { READER } else { WRITER }, Ordering::Acquire);
            // SAFETY: WAIT-3 — just claimed.
            unsafe { crate::chan::base::served(at, Outcome::Done, &wakes) };
        }
        if queue.is_empty() {
            // ORDER: Relaxed — no right is given by this bit; `lock` orders those who set it.
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        self.lock.release();
        wakes.wake();
    }
}
