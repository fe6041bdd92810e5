//! [`Pool`], values that are dear to make, kept for who needs one next. Go's `sync.Pool`.
//!
//! Each processor has a shelf of its own under a lock of its own, so the usual `get` and `put` meet
//! nobody; an empty shelf takes from the others. What lies on a shelf grows old: at each *turn* what
//! was young becomes old, and what was old is dropped. So a value that nobody wants goes after two
//! turns, and a burst's values do not all go at once. Turns are the collector's cycles, as in Go, where
//! a runtime tells of them ([`turn_if`]), and otherwise the passing of [`PERIOD`].
//!
//! The turn itself is only a number. Whoever next uses a pool, any pool, takes the turn for all of
//! them: no task and no timer runs for it.

use crate::{Mutex, OnceLock};
use core::fmt;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::time::Duration;
use gort_sched::sim;
use gort_sys::atomic::{AtomicU64, Ordering};
use gort_sys::clock;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, PoisonError, Weak};

/// A shelf. Nothing else is taken under it.
static SHELF: Rank = Rank { layer: layer::SYNC, n: 9, name: "sync.pool" };

/// After so long without a turn there is one.
pub const PERIOD: Duration = Duration::from_secs(10);
/// How often a shelf is used between two looks at the clock.
const LOOK: u32 = 64;

/// Turns so far.
static TURN: AtomicU64 = AtomicU64::new(0);
/// Turns that all pools have taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);
/// When the next turn is, if nothing else brings one; 0 before the first look.
static DUE: AtomicU64 = AtomicU64::new(0);
/// Collections at the last turn that was due to one.
static COLLECTIONS: AtomicU64 = AtomicU64::new(0);
/// All pools that have kept something.
static POOLS: Mutex<Vec<Weak<dyn Ages>>> = Mutex::new(Vec::new());

/// Values for reuse. A value may go at any time; so it is one that can be made anew, and that holds
/// nothing that matters.
///
/// ```
/// use gort_sync::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(|| Vec::with_capacity(4096));
///
/// let mut buffer = BUFFERS.lend();
/// buffer.extend_from_slice(b"hello");
/// assert_eq!(buffer.len(), 5);
/// buffer.clear(); // it goes back as it is
/// drop(buffer);
/// assert!(BUFFERS.get().is_empty());
/// ```
///
/// # User code
/// The function that makes values, and their `Drop`, run without a lock. A value that has grown old
/// is dropped by whoever uses any pool then; if that panics, the panic goes no further than the panic hook.
pub struct Pool<T: Send + 'static, F = fn() -> T> {
    make: F,
    shelves: OnceLock<Arc<Shelves<T>>>,
}

struct Shelves<T>(Box<[Shelf<T>]>);

/// On lines of its own: neighbours are not disturbed.
#[repr(align(128))]
struct Shelf<T>(Lock<Kept<T>>);

struct Kept<T> {
    young: Vec<T>,
    old: Vec<T>,
    /// Uses until the next look at the clock.
    look: u32,
}

/// A pool, whatever is in it.
trait Ages: Send + Sync {
    /// Takes a turn.
    fn age(&self);
}

impl<T: Send + 'static> Pool<T> {
    /// A pool that makes what it does not have.
    pub const fn new(make: fn() -> T) -> Self {
        Self::with(make)
    }
}

impl<T: Send + 'static, F> Pool<T, F> {
    /// The same with a function of any type, which may hold something.
    pub const fn with(make: F) -> Self
    where
        F: Fn() -> T,
    {
        Self { make, shelves: OnceLock::new() }
    }

    /// A value that was put back, or a new one.
    #[inline]
    pub fn get(&self) -> T
    where
        F: Fn() -> T,
    {
        self.take().unwrap_or_else(&self.make)
    }

    /// A value that was put back, if there is one.
    pub fn take(&self) -> Option<T> {
        sim::at("pool");
        turn();
        let shelves = &self.shelves.get()?.0;
        let first = here();
        // The rest of the shelves are others': a lock that is held is not waited for.
        shelves[first & (shelves.len() - 1)].0.lock().pop().or_else(|| {
            (1..shelves.len())
                .find_map(|n| shelves[(first + n) & (shelves.len() - 1)].0.try_lock()?.pop())
        })
    }

    /// Keeps a value for who needs one next, for a while.
    pub fn put(&self, value: T) {
        sim::at_drop("pool");
        turn();
        let shelves = &self.shelves.get_or_init(Shelves::new).0;
        let shelf = &shelves[here() & (shelves.len() - 1)].0;
        let mut room = Vec::new();
        let mut kept = shelf.lock();
        while kept.young.len() == kept.young.capacity() {
            // Memory is asked for without the lock.
            let wanted = (2 * kept.young.len()).max(4);
            drop(kept);
            room = Vec::with_capacity(wanted);
            kept = shelf.lock();
            if kept.young.len() < room.capacity() {
                room.append(&mut kept.young);
                mem::swap(&mut room, &mut kept.young);
            }
        }
        kept.young.push(value);
        kept.count_use();
        drop(kept);
        drop(room);
    }

    /// Lends a value, which comes back when the loan is dropped.
    #[inline]
    pub fn lend(&self) -> Lent<'_, T, F>
    where
        F: Fn() -> T,
    {
        Lent { value: Some(self.get()), pool: self }
    }

    /// Values that are kept; each shelf's number is right at its own moment.
    pub fn len(&self) -> usize {
        self.shelves.get().map_or(0, |all| {
            all.0.iter().map(|shelf| shelf.0.lock()).map(|k| k.young.len() + k.old.len()).sum()
        })
    }

    /// Whether nothing is kept, as by [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Kept<T> {
    fn pop(&mut self) -> Option<T> {
        self.count_use();
        self.young.pop().or_else(|| self.old.pop())
    }

    fn count_use(&mut self) {
        self.look = self.look.checked_sub(1).unwrap_or_else(|| {
            if !sim::is_simulated() {
                turn_if(clock::nanos(), 0);
            }
            LOOK
        });
    }
}

impl<T: Send + 'static> Shelves<T> {
    fn new() -> Arc<Self> {
        let count = (gort_sys::thread::cpus() as usize).clamp(1, 64).next_power_of_two();
        let shelf = || Kept { young: Vec::new(), old: Vec::new(), look: 0 };
        let new = Arc::new(Self((0..count).map(|_| Shelf(Lock::new(&SHELF, shelf()))).collect()));
        let all: Arc<dyn Ages> = Arc::clone(&new) as _;
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(&all));
        new
    }
}

impl<T: Send + 'static> Ages for Shelves<T> {
    fn age(&self) {
        for shelf in &self.0 {
            let mut kept = shelf.0.lock();
            let young = mem::take(&mut kept.young);
            let gone = mem::replace(&mut kept.old, young);
            drop(kept);
            for value in gone {
                // The hook has reported it; the payload could panic again.
                mem::forget(panic::catch_unwind(AssertUnwindSafe(|| drop(value))));
            }
        }
    }
}

/// Where the caller's shelf is: the number of its processor, or something of its thread.
fn here() -> usize {
    gort_sched::processor().map_or_else(crate::thread_number, |n| n as usize)
}

/// Makes a turn if `collections` is a number that has grown, or if [`PERIOD`] has passed by the clock's
/// reading `now`. For a runtime's monitor: it costs two loads, and drops nothing.
pub fn turn_if(now: u64, collections: u64) {
    // ORDER: all Relaxed — numbers that only have to grow; who changes one makes the turn.
    let due = DUE.load(Ordering::Relaxed);
    let seen = COLLECTIONS.load(Ordering::Relaxed);
    let collected = collections > seen
        // ORDER: Relaxed — as above.
        && COLLECTIONS
            .compare_exchange(seen, collections, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if !collected && now < due {
        return;
    }
    let next = now.saturating_add(PERIOD.as_nanos() as u64);
    // ORDER: Relaxed — as above.
    let mine = DUE.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if mine && due != 0 {
        // ORDER: Relaxed — as above.
        TURN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes the turn for all pools, if there was one.
#[inline]
fn turn() {
    // ORDER: Relaxed — a turn that is missed now is seen next time.
    if TURN.load(Ordering::Relaxed) != TAKEN.load(Ordering::Relaxed) {
        take_turn();
    }
}

#[cold]
fn take_turn() {
    let pools: Vec<_> = {
        let Ok(mut pools) = POOLS.try_lock() else { return };
        // ORDER: Relaxed — `TAKEN` is changed under the lock only.
        let now = TURN.load(Ordering::Relaxed);
        // ORDER: Relaxed — as above.
        if TAKEN.swap(now, Ordering::Relaxed) == now {
            return;
        }
        pools.retain(|pool| pool.strong_count() > 0);
        pools.iter().filter_map(Weak::upgrade).collect()
    };
    pools.iter().for_each(|pool| pool.age());
}

/// A value of a [`Pool`], until dropped.
#[must_use = "the value goes back when the loan is dropped"]
pub struct Lent<'a, T: Send + 'static, F = fn() -> T> {
    /// `None` once it was kept.
    value: Option<T>,
    pool: &'a Pool<T, F>,
}

impl<T: Send + 'static, F> Lent<'_, T, F> {
    /// Keeps the value: it does not go back.
    pub fn keep(mut lent: Self) -> T {
        match lent.value.take() {
            Some(value) => value,
            None => unreachable!("a loan has its value until it ends"),
        }
    }
}

impl<T: Send + 'static, F> Drop for Lent<'_, T, F> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.pool.put(value);
        }
    }
}

impl<T: Send + 'static, F> Deref for Lent<'_, T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("a loan has its value until it ends"),
        }
    }
}

impl<T: Send + 'static, F> DerefMut for Lent<'_, T, F> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("a loan has its value until it ends"),
        }
    }
}

impl<T: Send + fmt::Debug, F> fmt::Debug for Lent<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Send + 'static, F> fmt::Debug for Pool<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("len", &self.len()).finish()
    }
}
