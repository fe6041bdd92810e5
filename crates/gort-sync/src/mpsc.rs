//! std's channels for many senders and one receiver, on this crate's channels.
//!
//! Names, errors and behaviour are those of [`std::sync::mpsc`]; a goroutine that waits parks.
//!
//! ```
//! use gort_sync::mpsc::{channel, TryRecvError};
//!
//! let (tx, rx) = channel();
//! tx.send(1).unwrap();
//! drop(tx);
//! assert_eq!(rx.recv(), Ok(1));
//! assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
//! ```

use crate::chan;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// A channel without a bound: a send never waits.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (s, r) = chan::unbounded();
    (Sender(s), Receiver::new(r))
}

/// A channel of `bound` places. With none, each send waits for its receiver.
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (s, r) = chan::bounded(bound);
    (SyncSender(s), Receiver::new(r))
}

/// The sending side of [`channel`].
pub struct Sender<T>(chan::Sender<T>);

/// The sending side of [`sync_channel`].
pub struct SyncSender<T>(chan::Sender<T>);

/// The receiving side: one, which may move between tasks but not be shared.
pub struct Receiver<T> {
    inner: chan::Receiver<T>,
    /// `Send` and not `Sync`, like std's.
    _not_sync: PhantomData<Cell<()>>,
}

impl<T> Sender<T> {
    /// Sends, without waiting.
    ///
    /// # Errors
    /// If the receiver has gone; the message is in the error.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.send(t).map_err(|e| SendError(e.0))
    }
}

impl<T> SyncSender<T> {
    /// Sends, waiting until there is room or (without a buffer) a receiver.
    ///
    /// # Errors
    /// If the receiver has gone; the message is in the error.
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.0.send(t).map_err(|e| SendError(e.0))
    }

    /// Sends, if that can be done without waiting.
    ///
    /// # Errors
    /// If it cannot, or the receiver has gone; the message is in the error.
    #[inline]
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(t).map_err(|e| match e {
            chan::TrySendError::Full(t) => TrySendError::Full(t),
            chan::TrySendError::Disconnected(t) => TrySendError::Disconnected(t),
        })
    }
}

impl<T> Receiver<T> {
    fn new(inner: chan::Receiver<T>) -> Self {
        Self { inner, _not_sync: PhantomData }
    }

    /// Receives, waiting until there is a message.
    ///
    /// # Errors
    /// If the channel is empty and all senders have gone.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.inner.recv().map_err(|_| RecvError)
    }

    /// Receives a message that is there.
    ///
    /// # Errors
    /// If there is none, or the channel is empty and all senders have gone.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.inner.try_recv().map_err(|e| match e {
            chan::TryRecvError::Empty => TryRecvError::Empty,
            chan::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    /// Receives, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If the time runs out, or the channel is empty and all senders have gone.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.inner.recv_timeout(timeout).map_err(|e| match e {
            chan::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            chan::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Messages until the channel is empty and all senders have gone; waits for each.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// Messages as long as there are some; never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
    }
}

/// See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T: 'a> {
    rx: &'a Receiver<T>,
}

/// As [`Iter`], with the receiver inside.
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv().ok()
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
        IntoIter { rx: self }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
