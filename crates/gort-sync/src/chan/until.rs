//! [`Until`], a channel without senders that closes itself at a set time, or earlier by hand.
//!
//! No timer runs for it, and no task: whoever tries it after its time closes it, and who waits for it
//! sleeps until then at most. It carries no messages; being closed is all that it tells.

use super::ops::NoValue;
use super::steps::Chan;
use crate::TryRecvError;
use crate::time::NEVER;
use gort_sys::clock;

/// A channel that closes at `due`.
pub(crate) struct Until<T> {
    pub(crate) chan: Chan<T>,
    /// On the runtime's clock; `NEVER` if it only closes by hand.
    pub(crate) due: u64,
}

impl<T> Until<T> {
    pub(crate) fn new(due: u64) -> Self {
        Self { chan: Chan::new(0), due }
    }

    /// Closes it if its time has come. `true` if it is closed.
    pub(crate) fn expire(&self) -> bool {
        if !self.chan.base.is_closed() && self.due != NEVER && self.due <= clock::nanos() {
            self.chan.close();
        }
        self.chan.base.is_closed()
    }

    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.expire();
        self.chan.try_recv()
    }

    pub(super) fn recv(&self, deadline: Option<u64>) -> Result<T, NoValue> {
        loop {
            self.expire();
            let until = deadline.map_or(self.due, |d| d.min(self.due));
            match self.chan.recv((until != NEVER).then_some(until)) {
                Err(NoValue::Timeout) if deadline.is_none_or(|d| d > clock::nanos()) => {}
                Err(NoValue::Timeout) if self.expire() => return Err(NoValue::Closed),
                other => return other,
            }
        }
    }
}
