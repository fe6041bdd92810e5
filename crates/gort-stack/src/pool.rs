//! [`StackPool`]: all stacks of one owner, by class.
//!
//! A class takes address space in regions that double in size, cuts slots from the newest, and
//! keeps what comes back in a list, last in, first out, so that the next taker gets the warmest.
//! Memory of idle slots is given back by [`StackPool::trim`], oldest first, never when a
//! goroutine ends: a page fault with its release costs 3.5 µs, a warm slot 13 ns.

use crate::class::Class;
use crate::guard::{self, Guard, PROTECT_CAP};
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use gort_sys::lock::Lock;
use gort_sys::mem::HugeHint;
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, Linux, MemError, PageRange, SysStat};

static CLASS: Rank = Rank { layer: layer::STACK, n: 0, name: "stack.class" };

/// Guards by `mprotect` that exist in this process.
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// The first region of a class, in bytes (at least four slots); each next one is twice the last.
const FIRST_REGION: usize = 64 << 20;
const LARGEST_REGION: usize = 16 << 30;
/// Slots that are guarded, and made ready, at a time: few at first, as a small program needs few,
/// then twice as many each time.
const FIRST_GUARDS: usize = 8;
const GUARD_BATCH: usize = 256;
/// Slots that a trim takes out of the list at a time.
const TRIM_BATCH: usize = 256;

/// A stack: the right to one slot. Hand it back with [`StackPool::give`]; a `Stack` that is
/// dropped keeps its slot until the pool goes.
#[derive(Debug)]
#[must_use = "a dropped stack stays taken until its pool goes"]
pub struct Stack {
    low: usize,
    class: Class,
}

impl Stack {
    /// The high end: where the first frame goes. Aligned to the slot's size.
    #[inline]
    pub fn top(&self) -> usize {
        self.low + self.class.bytes()
    }

    /// The lowest usable address.
    pub fn limit(&self) -> usize {
        self.low + self.class.guard_bytes()
    }

    /// The lowest address of the slot, which is its guard's.
    #[inline]
    pub fn low(&self) -> usize {
        self.low
    }

    /// The size class.
    #[inline]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Gives up the value; [`from_raw`](Self::from_raw) makes it again.
    pub fn into_raw(self) -> (usize, Class) {
        (self.low, self.class)
    }

    /// The stack that [`into_raw`](Self::into_raw) gave up.
    ///
    /// # Safety
    /// STACK-OWN: the pair came from `into_raw`, and is used once.
    pub unsafe fn from_raw(low: usize, class: Class) -> Self {
        Self { low, class }
    }
}

/// How a pool is to be.
#[derive(Debug, Clone)]
pub struct Config {
    guard: Guard,
}

impl Default for Config {
    fn default() -> Self {
        Self { guard: Guard::best() }
    }
}

impl Config {
    /// Guards by `mprotect`, even where guard regions exist.
    pub fn protected() -> Self {
        Self { guard: Guard::Protect }
    }

    /// No guards.
    ///
    /// # Safety
    /// The caller makes sure by other means that no stack overflows.
    pub unsafe fn without_guards() -> Self {
        Self { guard: Guard::None }
    }
}

/// Why there is no stack.
#[derive(Debug)]
pub enum StackError {
    /// The system has no address space or memory left.
    NoMemory(MemError),
    /// This kernel has no guard regions, and the guards by `mprotect` have reached their cap.
    GuardCap {
        /// Guards that exist.
        guards: usize,
    },
    /// The kernel refused a guard.
    Guard {
        /// Its error number.
        errno: i32,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory(e) => write!(f, "no address space for stacks: {e}"),
            Self::GuardCap { guards } => write!(
                f,
                "{guards} stacks are guarded by mprotect, the most that vm.max_map_count leaves \
                 room for; Linux 6.13 has guards without this limit"
            ),
            Self::Guard { errno } => {
                write!(
                    f,
                    "the kernel refused a stack guard (errno {errno}); is vm.max_map_count reached?"
                )
            }
        }
    }
}

impl std::error::Error for StackError {}

/// A stretch of slots.
#[derive(Debug)]
struct Region {
    range: PageRange,
}

#[derive(Debug, Default)]
struct Slots {
    regions: Vec<Region>,
    /// Next slot of the newest region that was never handed out, and its end.
    next: usize,
    guarded: usize,
    end: usize,
    /// Free slots with memory behind them, coldest first.
    free: Vec<usize>,
    /// Free slots whose memory was given back.
    released: Vec<usize>,
    taken: usize,
    guards: usize,
}

// SAFETY: STACK-SLOT — the regions are plain address ranges that the pool owns.
unsafe impl Send for Slots {}

/// All stacks of one owner. Dropping it unmaps every slot.
#[derive(Debug)]
pub struct StackPool {
    classes: [Lock<Slots>; Class::COUNT],
    guard: Guard,
    stat: SysStat,
}

/// Figures of one class.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ClassStats {
    /// Slots handed out.
    pub taken: usize,
    /// Slots in the free list with memory still behind them.
    pub idle: usize,
    /// Slots in the free list whose memory was given back.
    pub released: usize,
    /// Guards installed.
    pub guards: usize,
}

/// Figures of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackStats {
    /// By class number.
    pub classes: [ClassStats; Class::COUNT],
    /// Bytes of address space held.
    pub reserved: u64,
}

impl StackPool {
    /// An empty pool; address space comes with the first stack.
    pub fn new(config: Config) -> Self {
        let slots = || Lock::new(&CLASS, Slots::default());
        Self {
            classes: core::array::from_fn(|_| slots()),
            guard: config.guard,
            stat: SysStat::new(),
        }
    }

    /// How this pool guards its stacks.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// The account of the pool's mappings.
    pub fn stat(&self) -> &SysStat {
        &self.stat
    }

    /// Takes a stack, the warmest that is free.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn take(&self, class: Class) -> Result<Stack, StackError> {
        let low = self.classes[class.index()].lock().take(self, class)?;
        Ok(Stack { low, class })
    }

    /// Takes back a stack that nobody runs on.
    pub fn give(&self, stack: Stack) {
        self.classes[stack.class.index()].lock().give(stack.low);
    }

    /// Moves up to `out.len()` slots of `class` to the caller, under one lock; the number moved.
    pub(crate) fn take_batch(&self, class: Class, out: &mut [usize]) -> Result<usize, StackError> {
        let mut slots = self.classes[class.index()].lock();
        for (n, low) in out.iter_mut().enumerate() {
            match slots.take(self, class) {
                Ok(at) => *low = at,
                Err(_) if n > 0 => return Ok(n),
                Err(e) => return Err(e),
            }
        }
        Ok(out.len())
    }

    /// Takes back slots of `class` under one lock.
    pub(crate) fn give_batch(&self, class: Class, lows: &[usize]) {
        let mut slots = self.classes[class.index()].lock();
        for &low in lows {
            slots.give(low);
        }
    }

    /// Gives memory of idle slots back to the system: at most `most` slots, coldest first, as
    /// long as a class has more than `keep` warm ones. Returns the slots released.
    pub fn trim(&self, keep: usize, most: usize) -> usize {
        let mut done = 0;
        for (i, class) in self.classes.iter().enumerate() {
            while done < most {
                // The slots are in no list while the kernel works, and the lock is free.
                let mut slots = class.lock();
                let spare = slots.free.len().saturating_sub(keep);
                let count = spare.min(most - done).min(TRIM_BATCH);
                if count == 0 {
                    break;
                }
                let batch: Vec<usize> = slots.free.drain(..count).collect();
                drop(slots);
                let class_of = Class(i);
                for &low in &batch {
                    let from = low + class_of.guard_bytes();
                    // SAFETY: STACK-OWN — the slot is in no list, so it is ours; its contents
                    // are dead.
                    unsafe {
                        libc::madvise(from as *mut _, class_of.usable(), libc::MADV_DONTNEED)
                    };
                }
                class.lock().released.extend_from_slice(&batch);
                done += count;
            }
        }
        done
    }

    /// Figures of every class.
    pub fn stats(&self) -> StackStats {
        let mut classes = [ClassStats::default(); Class::COUNT];
        for (row, class) in classes.iter_mut().zip(&self.classes) {
            let s = class.lock();
            *row = ClassStats {
                taken: s.taken,
                idle: s.free.len(),
                released: s.released.len(),
                guards: s.guards,
            };
        }
        let bytes = self.stat.bytes();
        StackStats { classes, reserved: bytes.reserved + bytes.mapped + bytes.released }
    }
}

/// The class of a number that is known to be in range.
#[expect(non_snake_case, reason = "reads like the constructor that it stands for")]
fn Class(index: usize) -> Class {
    Class::from_index(index).unwrap_or(Class::LARGEST)
}

impl Slots {
    fn take(&mut self, pool: &StackPool, class: Class) -> Result<usize, StackError> {
        let low = match self.free.pop().or_else(|| self.released.pop()) {
            Some(low) => low,
            None => self.fresh(pool, class)?,
        };
        self.taken += 1;
        Ok(low)
    }

    fn give(&mut self, low: usize) {
        self.taken -= 1;
        self.free.push(low);
    }

    /// A slot that was never used.
    fn fresh(&mut self, pool: &StackPool, class: Class) -> Result<usize, StackError> {
        if self.next == self.end {
            self.grow(pool, class)?;
        }
        if self.next == self.guarded {
            let left = (self.end - self.next) / class.bytes();
            let count = match pool.guard {
                Guard::Region => left.min(self.guards.clamp(FIRST_GUARDS, GUARD_BATCH)),
                _ => 1,
            };
            if pool.guard == Guard::Protect {
                // ORDER: Relaxed — a counter that bounds, and publishes nothing.
                let guards = PROTECTED.fetch_add(count, Relaxed);
                if guards + count > PROTECT_CAP {
                    // ORDER: Relaxed — as above.
                    PROTECTED.fetch_sub(count, Relaxed);
                    return Err(StackError::GuardCap { guards });
                }
            }
            // SAFETY: STACK-OWN — slots of the newest region that were never handed out.
            unsafe { guard::install(pool.guard, class, self.next, count) }
                .map_err(|errno| StackError::Guard { errno })?;
            self.guarded = self.next + count * class.bytes();
            if pool.guard != Guard::None {
                self.guards += count;
            }
        }
        let low = self.next;
        self.next += class.bytes();
        Ok(low)
    }

    /// Adds a region, twice as large as the last.
    fn grow(&mut self, pool: &StackPool, class: Class) -> Result<(), StackError> {
        let first = FIRST_REGION.max(4 * class.bytes());
        let len = match self.regions.last() {
            Some(last) => (last.range.len * 2).min(LARGEST_REGION.max(first)),
            None => first,
        };
        // Under a limit of address space (`RLIMIT_AS`) a smaller region may still fit.
        let mut len = len;
        let range = loop {
            match Linux.reserve(len, class.bytes(), 0, &pool.stat) {
                Ok(range) => break range,
                Err(_) if len / 2 >= class.bytes() => len /= 2,
                Err(e) => return Err(StackError::NoMemory(e)),
            }
        };
        // SAFETY: STACK-SLOT — the whole of a reservation that was just made.
        unsafe {
            if let Err(e) = Linux.map(range, &pool.stat) {
                Linux.free(range, 0, 0, &pool.stat);
                return Err(StackError::NoMemory(e));
            }
            Linux.huge(range, HugeHint::Avoid);
            Linux.name(range, c"gort: stacks");
        }
        self.next = range.addr();
        self.guarded = self.next;
        self.end = range.end();
        self.regions.push(Region { range });
        Ok(())
    }
}

impl Drop for StackPool {
    fn drop(&mut self) {
        for class in &mut self.classes {
            let slots = class.get_mut();
            for region in slots.regions.drain(..) {
                // SAFETY: STACK-SLOT — a whole reservation of this pool, whose stacks are gone
                // with it.
                unsafe { Linux.free(region.range, region.range.len, 0, &self.stat) };
            }
            if self.guard == Guard::Protect {
                // ORDER: Relaxed — a counter that publishes nothing.
                PROTECTED.fetch_sub(slots.guards, Relaxed);
            }
        }
    }
}
