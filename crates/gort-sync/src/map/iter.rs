//! [`Iter`]: copies of a map's keys and values, while others change it.
//!
//! It copies what is below some root slots at a time, pinned, and hands it out unpinned. A key
//! stays below its root slot for ever, so nobody is met twice, and none that stays is missed.

use super::pin::pinned;
use super::root::{Root, visit};
use core::fmt;
use core::iter::FusedIterator;
use std::vec;

/// Root slots that are looked at while pinned once.
pub(super) const BATCH: usize = 64;

/// The keys and values of a [`Map`](super::Map); see [`Map::iter`](super::Map::iter).
pub struct Iter<'a, K, V> {
    root: Option<&'a Root<K, V>>,
    /// Root slots that are done.
    done: usize,
    batch: vec::IntoIter<(K, V)>,
}

impl<K, V> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn new(root: Option<&'a Root<K, V>>) -> Self {
        Self { root, done: 0, batch: Vec::new().into_iter() }
    }
}

impl<K: Clone, V: Clone> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(item) = self.batch.next() {
                return Some(item);
            }
            let slots = self.root?.slots().get(self.done..)?;
            if slots.is_empty() {
                return None;
            }
            let slots = &slots[..BATCH.min(slots.len())];
            let mut batch = Vec::new();
            pinned(|guard| {
                let mut copy = |key: &K, value: &V| batch.push((key.clone(), value.clone()));
                slots.iter().for_each(|slot| visit(slot, guard, &mut copy));
            });
            self.done += slots.len();
            self.batch = batch.into_iter();
        }
    }
}

impl<K: Clone, V: Clone> FusedIterator for Iter<'_, K, V> {}
