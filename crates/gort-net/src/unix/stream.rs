//! [`UnixStream`], a connection within the machine.

use crate::handles::{byte_stream, handles, timeouts};
use crate::io::Io;
use gort_sched::netpoll::Direction;
use socket2::{SockAddr, Type};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A connection within the machine; [`std::os::unix::net::UnixStream`] for goroutines and plain threads.
pub struct UnixStream(Io<std::os::unix::net::UnixStream>);

handles!(UnixStream, std::os::unix::net::UnixStream);
timeouts!(UnixStream);
byte_stream!(UnixStream);

impl UnixStream {
    /// A stream of a listener's, which does not block already.
    pub(super) fn accepted(socket: std::os::unix::net::UnixStream) -> Self {
        Self::wrap(socket)
    }

    /// Connects to the listener at a path.
    ///
    /// # Errors
    /// The system's.
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        let socket = super::connect(Type::STREAM, &SockAddr::unix(path)?)?;
        Ok(Self::wrap(OwnedFd::from(socket).into()))
    }

    /// Connects to the listener at an address.
    ///
    /// # Errors
    /// The system's.
    pub fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        let socket = super::connect(Type::STREAM, &addr_of(addr)?)?;
        Ok(Self::wrap(OwnedFd::from(socket).into()))
    }

    /// Two streams that are connected with each other.
    ///
    /// # Errors
    /// The system's.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        a.set_nonblocking(true)?;
        b.set_nonblocking(true)?;
        Ok((Self::wrap(a), Self::wrap(b)))
    }

    /// This side's address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// The other side's address.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// Ends one or both directions, for all handles: who waits on them goes on.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }
}

/// std's address in the form that a bare socket takes: a path, or a name without one.
pub(super) fn addr_of(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return SockAddr::unix(path);
    }
    #[cfg(target_os = "linux")]
    {
        use std::ffi::OsStr;
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        if let Some(name) = addr.as_abstract_name() {
            // A leading zero is what tells a name from a path.
            let name = [&[0], name].concat();
            return SockAddr::unix(OsStr::from_bytes(&name));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "an unnamed address cannot be connected to"))
}
