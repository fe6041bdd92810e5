//! [`Sender`], the side that sends.

use super::steps::{AnyChan, Chan};
use crate::time::{ns_after, ns_at};
use crate::{SendError, SendTimeoutError, TrySendError};
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::time::Duration;
use gort_sys::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

/// The sending side of a channel.
///
/// Clones send into the same channel. When the last one is dropped, or any one calls
/// [`close`](Sender::close), the channel is disconnected: what is in it can still be received.
///
/// ```
/// let (s, r) = gort_sync::bounded(1);
/// std::thread::spawn(move || s.send("hello").unwrap());
/// assert_eq!(r.recv(), Ok("hello"));
/// assert!(r.recv().is_err(), "the sender has gone");
/// ```
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

// SAFETY: CHAN-LOCK — a handle is a count and a pointer; values cross threads, hence `Send`.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: CHAN-LOCK — as above.
unsafe impl<T: Send> Sync for Sender<T> {}
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// The first sender of `chan`, which has counted it.
    pub(super) fn first(chan: Arc<Chan<T>>) -> Self {
        Self { chan }
    }

    pub(crate) fn chan(&self) -> &Chan<T> {
        &self.chan
    }

    pub(crate) fn any<'a>(&'a self) -> &'a (dyn AnyChan + 'a) {
        &*self.chan
    }

    /// Sends `msg`, waiting until there is room or (without a buffer) a receiver.
    ///
    /// # Errors
    /// If the channel is disconnected, now or while this waits.
    #[inline]
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        self.chan.send(msg, None).map_err(|err| SendError(err.into_inner()))
    }

    /// Sends `msg` if that can be done without waiting.
    ///
    /// # Errors
    /// If there is no room, no receiver waiting, or the channel is disconnected.
    #[inline]
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        self.chan.try_send(msg)
    }

    /// Sends `msg`, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If the time runs out or the channel is disconnected.
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.chan.send(msg, Some(ns_after(timeout)))
    }

    /// Sends `msg`, waiting until `deadline`.
    ///
    /// # Errors
    /// If the deadline passes or the channel is disconnected.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.chan.send(msg, Some(ns_at(deadline)))
    }

    /// Disconnects the channel, as Go's `close` does: from now on sends fail, receivers get what
    /// was sent before and then [`RecvError`](crate::RecvError). All who wait are woken.
    ///
    /// Returns `false` if the channel was disconnected already. (In Go that, and a send on a
    /// closed channel, is a panic; here both are values.)
    ///
    /// ```
    /// let (s, r) = gort_sync::unbounded();
    /// s.send(1).unwrap();
    /// assert!(s.close());
    /// assert!(s.send(2).is_err());
    /// assert_eq!(r.iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn close(&self) -> bool {
        self.chan.close()
    }

    /// Messages in the buffer.
    pub fn len(&self) -> usize {
        self.chan.base.len()
    }

    /// Whether the buffer is empty; always so if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the buffer is full; always so if there is none.
    pub fn is_full(&self) -> bool {
        self.len() == self.chan.base.cap
    }

    /// Places in the buffer; `None` if there is no bound.
    pub fn capacity(&self) -> Option<usize> {
        let cap = self.chan.base.cap;
        (cap != usize::MAX).then_some(cap)
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // ORDER: Relaxed — counting up needs a sender in hand; `drop` orders the way down.
        self.chan.senders.fetch_add(1, Ordering::Relaxed);
        Self { chan: Arc::clone(&self.chan) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDER: AcqRel — what every sender did comes before the disconnection.
        if self.chan.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Sender { .. }")
    }
}
