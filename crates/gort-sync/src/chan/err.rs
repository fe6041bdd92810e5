//! The errors of channel operations: crossbeam-channel's names, fields and words.

use core::error::Error;
use core::fmt;

/// [`send`](crate::Sender::send) failed: the channel is disconnected. Gives the message back.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct SendError<T>(pub T);

/// [`try_send`](crate::Sender::try_send) failed. Gives the message back.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum TrySendError<T> {
    /// The buffer is full; or, without a buffer, no receiver is waiting.
    Full(T),
    /// The channel is disconnected.
    Disconnected(T),
}

/// [`send_timeout`](crate::Sender::send_timeout) failed. Gives the message back.
#[derive(PartialEq, Eq, Clone, Copy)]
pub enum SendTimeoutError<T> {
    /// Nobody made room, or came to receive, in time.
    Timeout(T),
    /// The channel is disconnected.
    Disconnected(T),
}

/// [`recv`](crate::Receiver::recv) failed: the channel is empty and disconnected.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct RecvError;

/// [`try_recv`](crate::Receiver::try_recv) failed.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum TryRecvError {
    /// The buffer is empty; or, without a buffer, no sender is waiting.
    Empty,
    /// The channel is empty and disconnected.
    Disconnected,
}

/// [`recv_timeout`](crate::Receiver::recv_timeout) failed.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// The channel is empty and disconnected.
    Disconnected,
}

/// [`try_select`](crate::Select::try_select) failed: every operation would have to wait.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TrySelectError;

/// [`select_timeout`](crate::Select::select_timeout) failed: no operation became possible in time.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct SelectTimeoutError;

/// [`try_ready`](crate::Select::try_ready) failed: every operation would have to wait.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct TryReadyError;

/// [`ready_timeout`](crate::Select::ready_timeout) failed: no operation became possible in time.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub struct ReadyTimeoutError;

/// `Debug` never shows the message, so that it needs no `T: Debug`.
macro_rules! debug {
    ($name:ident<T>, $($pattern:pat => $text:literal),+) => {
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($pattern => $text),+ })
            }
        }
    };
}

/// `Display` and `Error`.
macro_rules! error {
    ($name:ident<T>, $($pattern:pat => $text:literal),+) => {
        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($pattern => $text),+ })
            }
        }
        impl<T> Error for $name<T> {}
    };
    ($name:ident, $($pattern:pat => $text:literal),+) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($pattern => $text),+ })
            }
        }
        impl Error for $name {}
    };
}

debug!(SendError<T>, _ => "SendError(..)");
debug!(TrySendError<T>, Self::Full(_) => "Full(..)", Self::Disconnected(_) => "Disconnected(..)");
debug!(SendTimeoutError<T>, _ => "SendTimeoutError(..)");

error!(SendError<T>, _ => "sending on a disconnected channel");
error!(TrySendError<T>,
    Self::Full(_) => "sending on a full channel",
    Self::Disconnected(_) => "sending on a disconnected channel");
error!(SendTimeoutError<T>,
    Self::Timeout(_) => "timed out waiting on send operation",
    Self::Disconnected(_) => "sending on a disconnected channel");
error!(RecvError, _ => "receiving on an empty and disconnected channel");
error!(TryRecvError,
    Self::Empty => "receiving on an empty channel",
    Self::Disconnected => "receiving on an empty and disconnected channel");
error!(RecvTimeoutError,
    Self::Timeout => "timed out waiting on receive operation",
    Self::Disconnected => "channel is empty and disconnected");
error!(TrySelectError, _ => "all operations in select would block");
error!(SelectTimeoutError, _ => "timed out waiting on select");
error!(TryReadyError, _ => "all operations in select would block");
error!(ReadyTimeoutError, _ => "timed out waiting on select");

impl<T> SendError<T> {
    /// The message that could not be sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message that could not be sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(v) | Self::Disconnected(v) => v,
        }
    }

    /// Whether the channel was full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel was disconnected.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that could not be sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(v) | Self::Disconnected(v) => v,
        }
    }

    /// Whether the time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the channel was disconnected.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl TryRecvError {
    /// Whether the channel was empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether the channel was empty and disconnected.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl RecvTimeoutError {
    /// Whether the time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether the channel was empty and disconnected.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(err: SendError<T>) -> Self {
        Self::Disconnected(err.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(err: SendError<T>) -> Self {
        Self::Disconnected(err.0)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn words_are_crossbeams() {
        let table: &[(&dyn Error, &str, &str)] = &[
            (&SendError(1), "SendError(..)", "sending on a disconnected channel"),
            (&TrySendError::Full(1), "Full(..)", "sending on a full channel"),
            (
                &TrySendError::Disconnected(1),
                "Disconnected(..)",
                "sending on a disconnected channel",
            ),
            (
                &SendTimeoutError::Timeout(1),
                "SendTimeoutError(..)",
                "timed out waiting on send operation",
            ),
            (&RecvError, "RecvError", "receiving on an empty and disconnected channel"),
            (&TryRecvError::Empty, "Empty", "receiving on an empty channel"),
            (
                &TryRecvError::Disconnected,
                "Disconnected",
                "receiving on an empty and disconnected channel",
            ),
            (&RecvTimeoutError::Timeout, "Timeout", "timed out waiting on receive operation"),
            (&RecvTimeoutError::Disconnected, "Disconnected", "channel is empty and disconnected"),
            (&TrySelectError, "TrySelectError", "all operations in select would block"),
            (&SelectTimeoutError, "SelectTimeoutError", "timed out waiting on select"),
            (&TryReadyError, "TryReadyError", "all operations in select would block"),
            (&ReadyTimeoutError, "ReadyTimeoutError", "timed out waiting on select"),
        ];
        for (err, debug, display) in table {
            assert_eq!(format!("{err:?}"), *debug);
            assert_eq!(err.to_string(), *display);
        }
    }

    #[test]
    fn messages_come_back() {
        assert_eq!(SendError(7).into_inner(), 7);
        assert_eq!(TrySendError::from(SendError(7)), TrySendError::Disconnected(7));
        assert_eq!(SendTimeoutError::from(SendError(7)), SendTimeoutError::Disconnected(7));
        assert_eq!(TrySendError::Full(7).into_inner(), 7);
        assert_eq!(SendTimeoutError::Timeout(7).into_inner(), 7);
        assert!(TrySendError::Full(7).is_full() && SendTimeoutError::Timeout(7).is_timeout());
        assert!(TryRecvError::from(RecvError).is_disconnected());
        assert!(RecvTimeoutError::from(RecvError).is_disconnected());
    }
}
