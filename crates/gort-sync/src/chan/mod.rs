//! Channels: how they are made. What they are is in `base`, what happens in them in `steps`.

pub(crate) mod base;
pub(crate) mod clockwork;

mod buf;
mod err;
mod iter;
pub(crate) mod ops;
pub(crate) mod receiver;
mod sender;
pub(crate) mod steps;
pub(crate) mod until;

pub use err::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub use iter::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;

use self::clockwork::Clockwork;
use self::receiver::Flavor;
use self::steps::Chan;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A channel of `cap` places. With none, each send waits for its receiver.
///
/// ```
/// let (s, r) = gort_sync::bounded(2);
/// s.send(1).unwrap();
/// s.send(2).unwrap();
/// assert!(s.try_send(3).unwrap_err().is_full());
/// assert_eq!((r.recv(), r.recv()), (Ok(1), Ok(2)));
/// ```
///
/// # Panics
/// If `cap` places need more memory than there can be.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    // The greatest number means "no bound" inside; nobody can tell the difference.
    pair(cap.min(usize::MAX - 1))
}

/// A channel without a bound: a send never waits.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(usize::MAX)
}

fn pair<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Arc::new(Chan::new(cap));
    (Sender::first(Arc::clone(&chan)), Receiver::new(Flavor::Chan(chan)))
}

/// A receiver of one message, `duration` from now: the instant at which it was due.
///
/// ```
/// use gort_sync::{after, select, unbounded};
/// use std::time::Duration;
///
/// let (_s, r) = unbounded::<i32>();
/// select! {
///     recv(r) -> msg => unreachable!("{msg:?}"),
///     recv(after(Duration::from_millis(1))) -> _ => {}
/// }
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    match gort_sys::clock::now().checked_add(duration) {
        Some(when) => at(when),
        None => never(),
    }
}

/// A receiver of one message, at `when`: that instant.
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver::new(Flavor::Clock(Arc::new(Clockwork::once(when))))
}

/// A receiver of a message every `duration`: the instant at which it was due. Messages that
/// nobody receives in time are left out.
pub fn tick(duration: Duration) -> Receiver<Instant> {
    match gort_sys::clock::now().checked_add(duration) {
        Some(_) => Receiver::new(Flavor::Clock(Arc::new(Clockwork::every(duration)))),
        None => never(),
    }
}

/// A receiver that never gets a message and is never disconnected.
pub const fn never<T>() -> Receiver<T> {
    Receiver::new(Flavor::Never)
}
