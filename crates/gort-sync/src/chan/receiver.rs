//! [`Receiver`], the side that receives.

use super::clockwork::{Clockwork, nap};
use super::iter::{IntoIter, Iter, TryIter};
use super::ops::NoValue;
use super::steps::Chan;
use super::until::Until;
use crate::time::{ns_after, ns_at};
use crate::{RecvError, RecvTimeoutError, TryRecvError};
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::time::Duration;
use gort_sys::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

/// The receiving side of a channel.
///
/// Clones receive from the same channel; each message goes to one of them. When the last one is
/// dropped, the channel is disconnected and what is in it is dropped.
pub struct Receiver<T> {
    flavor: Flavor<T>,
}

/// Where messages come from.
pub(crate) enum Flavor<T> {
    /// From senders.
    Chan(Arc<Chan<T>>),
    /// From the clock.
    Clock(Arc<Clockwork<T>>),
    /// From nobody, until it closes.
    Until(Arc<Until<T>>),
    /// From nowhere.
    Never,
}

// SAFETY: CHAN-LOCK — a handle is a count and a pointer; values cross threads, hence `Send`.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: CHAN-LOCK — as above.
unsafe impl<T: Send> Sync for Receiver<T> {}
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// A receiver of that flavor; a channel has counted it.
    pub(crate) const fn new(flavor: Flavor<T>) -> Self {
        Self { flavor }
    }

    pub(crate) fn flavor(&self) -> &Flavor<T> {
        &self.flavor
    }

    /// Receives a message, waiting until there is one.
    ///
    /// # Errors
    /// If the channel is empty and disconnected, now or while this waits.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// Receives a message if there is one.
    ///
    /// # Errors
    /// If there is none, or the channel is empty and disconnected.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.try_recv(),
            Flavor::Clock(clock) => clock.try_recv(),
            Flavor::Until(until) => until.try_recv(),
            Flavor::Never => Err(TryRecvError::Empty),
        }
    }

    /// Receives a message, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If the time runs out, or the channel is empty and disconnected.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(ns_after(timeout))).map_err(told)
    }

    /// Receives a message, waiting until `deadline`.
    ///
    /// # Errors
    /// If the deadline passes, or the channel is empty and disconnected.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(ns_at(deadline))).map_err(told)
    }

    #[inline]
    fn recv_until(&self, deadline: Option<u64>) -> Result<T, NoValue> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.recv(deadline),
            Flavor::Clock(clock) => clock.recv(deadline).ok_or(NoValue::Timeout),
            Flavor::Until(until) => until.recv(deadline),
            Flavor::Never => {
                nap(deadline);
                Err(NoValue::Timeout)
            }
        }
    }

    /// Messages in the buffer.
    pub fn len(&self) -> usize {
        match &self.flavor {
            Flavor::Chan(chan) => chan.base.len(),
            Flavor::Clock(clock) => clock.len(),
            Flavor::Until(_) | Flavor::Never => 0,
        }
    }

    /// Whether the buffer is empty; always so if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer is full; always so if there is none.
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Places in the buffer; `None` if there is no bound. A clock has one, `never` has none.
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            Flavor::Chan(chan) => (chan.base.cap != usize::MAX).then_some(chan.base.cap),
            Flavor::Clock(_) => Some(1),
            Flavor::Until(_) | Flavor::Never => Some(0),
        }
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.flavor, &other.flavor) {
            (Flavor::Chan(a), Flavor::Chan(b)) => Arc::ptr_eq(a, b),
            (Flavor::Clock(a), Flavor::Clock(b)) => Arc::ptr_eq(a, b),
            (Flavor::Until(a), Flavor::Until(b)) => Arc::ptr_eq(a, b),
            (Flavor::Never, Flavor::Never) => true,
            _ => false,
        }
    }

    /// Messages until the channel is empty and disconnected; waits for each.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// Messages as long as there are some; never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }
}

fn told(why: NoValue) -> RecvTimeoutError {
    match why {
        NoValue::Timeout => RecvTimeoutError::Timeout,
        NoValue::Closed => RecvTimeoutError::Disconnected,
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let flavor = match &self.flavor {
            Flavor::Chan(chan) => {
                // ORDER: Relaxed — counting up needs a receiver in hand; `drop` orders the way
                // down.
                chan.receivers.fetch_add(1, Ordering::Relaxed);
                Flavor::Chan(Arc::clone(chan))
            }
            Flavor::Clock(clock) => Flavor::Clock(Arc::clone(clock)),
            Flavor::Until(until) => Flavor::Until(Arc::clone(until)),
            Flavor::Never => Flavor::Never,
        };
        Self { flavor }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Flavor::Chan(chan) = &self.flavor {
            // ORDER: AcqRel — what every receiver did comes before the disconnection.
            if chan.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
                chan.abandon();
            }
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Receiver { .. }")
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter::new(self)
    }
}
