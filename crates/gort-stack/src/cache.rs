//! [`StackCache`]: a processor's own few stacks, taken and returned without a lock.

use crate::class::Class;
use crate::pool::{Stack, StackError, StackPool};

/// Classes that are cached: 64, 128 and 256 KiB. Larger stacks are rare.
const CACHED: usize = 3;
/// Slots that a list holds at most, and how many move when it is empty or full.
const MOST: usize = 64;
const BATCH: usize = 32;

#[derive(Debug)]
struct List {
    lows: [usize; MOST],
    len: usize,
}

/// Free stacks of one processor, last in, first out.
#[derive(Debug)]
pub struct StackCache {
    lists: [List; CACHED],
}

impl Default for StackCache {
    fn default() -> Self {
        Self::new()
    }
}

impl StackCache {
    /// An empty cache.
    pub const fn new() -> Self {
        Self { lists: [const { List { lows: [0; MOST], len: 0 } }; CACHED] }
    }

    /// Takes a stack: the one returned last, or a batch from the pool.
    ///
    /// # Errors
    /// Those of [`StackPool::take`].
    #[inline]
    pub fn take(&mut self, pool: &StackPool, class: Class) -> Result<Stack, StackError> {
        let Some(list) = self.lists.get_mut(class.index()) else { return pool.take(class) };
        if list.len == 0 {
            list.len = pool.take_batch(class, &mut list.lows[..BATCH])?;
            // The pool hands out the warmest first; the end of the list is taken first.
            list.lows[..list.len].reverse();
        }
        list.len -= 1;
        // SAFETY: STACK-OWN — the slot leaves the list, so this is its only right.
        Ok(unsafe { Stack::from_raw(list.lows[list.len], class) })
    }

    /// Takes back a stack that nobody runs on.
    #[inline]
    pub fn give(&mut self, pool: &StackPool, stack: Stack) {
        let Some(list) = self.lists.get_mut(stack.class().index()) else { return pool.give(stack) };
        if list.len == MOST {
            // The coldest half goes.
            pool.give_batch(stack.class(), &list.lows[..BATCH]);
            list.lows.copy_within(BATCH.., 0);
            list.len = MOST - BATCH;
        }
        list.lows[list.len] = stack.into_raw().0;
        list.len += 1;
    }

    /// Returns every stack to the pool.
    pub fn flush(&mut self, pool: &StackPool) {
        for (i, list) in self.lists.iter_mut().enumerate() {
            if let Some(class) = Class::from_index(i) {
                pool.give_batch(class, &list.lows[..list.len]);
            }
            list.len = 0;
        }
    }

    /// Stacks that lie here.
    pub fn len(&self) -> usize {
        self.lists.iter().map(|l| l.len).sum()
    }

    /// Whether none lies here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
