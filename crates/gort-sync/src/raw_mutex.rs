//! [`RawMutex`], the mutex without data: one word, and a queue of those who sleep.
//!
//! ```text
//!  bit 3: STARVING   bit 2: WOKEN   bit 1: QUEUED   bit 0: LOCKED
//! ```
//!
//! Normally whoever comes takes a free mutex, even past those who wait: a running goroutine can
//! use it at once, a woken one only after a switch. One waiter at a time is awake and tries (WOKEN),
//! so an unlock need not wake another. A waiter that tries in vain goes back to the head of the
//! queue; if it has waited for over a millisecond it sets STARVING, and then unlocking hands the
//! locked mutex over to the head, and nobody else takes it. (The scheme is that of Go's
//! `sync.Mutex`.)
//!
//! - MUTEX-1 QUEUED is set and cleared under the queue's lock, and says whether it is not empty.
//! - MUTEX-2 While WOKEN is set, one waiter is on its way to try; it clears the bit with the
//!   exchange that takes the mutex, or that confirms that it is locked.
//! - MUTEX-3 With QUEUED and neither LOCKED nor WOKEN, somebody is inside `unlock_slow`.

use crate::wait_in;
use crate::waiter::{Kind, Queue, Waiter};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;
use gort_sched::park::{self, SHUTDOWN, Ticket, WaitReason};
use gort_sched::sim;
use gort_sys::atomic::{AtomicU32, Ordering};
use gort_sys::lock::RawLock;
use gort_sys::{clock, thread};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const WOKEN: u32 = 4;
const STARVING: u32 = 8;

/// Nanoseconds after which a waiter is starving.
const PATIENCE: u64 = 1_000_000;
/// Rounds of looking at a locked mutex, and pauses in each, before sleeping.
const ROUNDS: u32 = 4;
const PAUSES: u32 = 30;

/// What a waiter is told: try again, or that the mutex is its own.
const TRY: u32 = 0;
const YOURS: u32 = 1;

/// A mutex without data.
pub(crate) struct RawMutex {
    word: AtomicU32,
    lock: RawLock,
    /// Guarded by `lock`.
    queue: UnsafeCell<Queue>,
}

// SAFETY: WAIT-1 — the queue is reached under `lock` only.
unsafe impl Sync for RawMutex {}
// SAFETY: WAIT-1, and nothing in it belongs to a thread.
unsafe impl Send for RawMutex {}

impl RawMutex {
    pub(crate) const fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            lock: RawLock::new(&crate::rank::MUTEX),
            queue: UnsafeCell::new(Queue::new()),
        }
    }

    fn load(&self) -> u32 {
        // ORDER: Relaxed — a look; a right comes from an exchange only.
        self.word.load(Ordering::Relaxed)
    }

    fn exchange(&self, from: u32, to: u32) -> bool {
        // ORDER: AcqRel — Acquire ⇐ `unlock`: the data of the last holder; Release ⇒ the next:
        // ours. Relaxed on failure: the caller looks again.
        self.word.compare_exchange_weak(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Locks, if nobody holds it.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        sim::at("try_lock");
        let mut word = self.load();
        while word & (LOCKED | STARVING) == 0 {
            if self.exchange(word, word | LOCKED) {
                return true;
            }
            word = self.load();
        }
        false
    }

    /// Locks, waiting for as long as it takes.
    #[inline]
    pub(crate) fn lock(&self) {
        sim::at("lock");
        // ORDER: Acquire ⇐ `unlock`: the data of the last holder. Relaxed on failure.
        let free =
            self.word.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if !free {
            self.lock_slow();
        }
    }

    /// Unlocks. The caller holds it.
    #[inline]
    pub(crate) fn unlock(&self) {
        sim::at_drop("unlock");
        // ORDER: Release ⇒ `lock`: our data. Relaxed on failure.
        let alone =
            self.word.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed).is_ok();
        if !alone {
            self.unlock_slow();
        }
    }

    #[cold]
    fn lock_slow(&self) {
        let mut since = 0;
        // The WOKEN bit, if it is ours to clear.
        let mut mine = 0;
        let mut rounds = 0;
        loop {
            let word = self.load();
            if word & (LOCKED | STARVING) == 0 {
                // MUTEX-2: taking it clears our WOKEN.
                if self.exchange(word, (word | LOCKED) & !mine) {
                    return;
                }
                continue;
            }
            if word & STARVING == 0 && rounds < ROUNDS && thread::cpus() > 1 {
                // The holder is probably running on another processor, and soon done.
                rounds += 1;
                for _ in 0..PAUSES {
                    spin_loop();
                }
                continue;
            }
            if since == 0 {
                since = clock::nanos();
            }
            let code = self.sleep(since, &mut mine);
            if code == Some(YOURS) {
                return;
            }
            if code.is_some() {
                mine = WOKEN;
            }
            rounds = 0;
        }
    }

    /// Queues and waits, unless the mutex has become free: then `None`.
    fn sleep(&self, since: u64, mine: &mut u32) -> Option<u32> {
        let first_time = *mine == 0;
        self.lock.acquire();
        loop {
            let word = self.load();
            if word & (LOCKED | STARVING) == 0 {
                self.lock.release();
                return None;
            }
            let starving = !first_time && clock::nanos().saturating_sub(since) > PATIENCE;
            // MUTEX-2: it is locked, so its holder's unlock will look after us.
            let to = (word & !*mine) | QUEUED | if starving { STARVING } else { 0 };
            if self.exchange(word, to) {
                *mine = 0;
                break;
            }
        }
        // How long it waits is what its slot says: no pointer, just room for a number.
        let slot = ptr::without_provenance_mut(since as usize);
        let w = Waiter::new(Ticket::open(), Kind::Value, TRY, slot);
        // SAFETY: WAIT-1 — `lock` is held.
        let queue = unsafe { &*self.queue.get() };
        // SAFETY: WAIT-1 — `lock` is held; WAIT-2 — `w` stays here until popped, or `wait_in` ends.
        unsafe {
            match first_time {
                true => queue.push(&w),
                false => queue.push_front(&w),
            }
        }
        self.lock.release();
        let code = wait_in(&w, queue, &self.lock, WaitReason::Mutex, None);
        if code == SHUTDOWN {
            self.lock.acquire();
            self.tidy(queue);
            self.lock.release();
            park::unwind();
        }
        Some(code)
    }

    /// Makes QUEUED say what the queue says (MUTEX-1). With nobody left, nobody starves. The lock
    /// is held.
    fn tidy(&self, queue: &Queue) {
        if queue.is_empty() {
            // ORDER: Relaxed — no right is given; `lock` orders those who set the bits.
            self.word.fetch_and(!(QUEUED | STARVING), Ordering::Relaxed);
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let mut word = self.load();
        debug_assert!(word & LOCKED != 0, "MUTEX: unlocked by one who does not hold it");
        // Somebody is awake and will try; or nobody waits: just let go.
        while word & STARVING == 0 && (word & WOKEN != 0 || word & QUEUED == 0) {
            if self.exchange(word, word & !LOCKED) {
                return;
            }
            word = self.load();
        }
        self.lock.acquire();
        // SAFETY: WAIT-1 — just taken.
        let queue = unsafe { &*self.queue.get() };
        let starving = self.load() & STARVING != 0;
        let code = if starving { YOURS } else { TRY };
        let mut next = None;
        // SAFETY: WAIT-1 — taken above.
        while let Some(w) = unsafe { queue.pop() } {
            // SAFETY: WAIT-2 — queued until now, and its owner needs our lock to leave.
            let w = unsafe { &*w };
            if w.ticket.claim(code) {
                next = Some((w.ticket, w.slot.addr() as u64));
                break;
            }
        }
        match next {
            Some((ticket, since)) if starving => {
                // It stays locked. The last one, and one that has not waited long, ends the
                // hunger.
                let over = clock::nanos().saturating_sub(since) <= PATIENCE;
                if over {
                    // ORDER: Relaxed — no right is given by this bit.
                    self.word.fetch_and(!STARVING, Ordering::Relaxed);
                }
                self.tidy(queue);
                self.lock.release();
                // The data reaches the next holder with the wake.
                ticket.wake();
            }
            Some((ticket, _)) => {
                self.tidy(queue);
                // ORDER: Relaxed — the bit is ours to set: nobody else is awake (MUTEX-2), and
                // under the lock nobody else can make it so.
                self.word.fetch_or(WOKEN, Ordering::Relaxed);
                // ORDER: Release ⇒ `lock`: our data.
                self.word.fetch_and(!LOCKED, Ordering::Release);
                self.lock.release();
                ticket.wake();
            }
            None => {
                self.tidy(queue);
                // ORDER: Release ⇒ `lock`: our data.
                self.word.fetch_and(!LOCKED, Ordering::Release);
                self.lock.release();
            }
        }
    }
}
