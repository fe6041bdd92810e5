//! [`UnixListener`], which takes connections from within the machine.

use super::UnixStream;
use crate::handles::handles;
use crate::io::Io;
use gort_sched::netpoll::Direction;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// A socket that takes connections; [`std::os::unix::net::UnixListener`] for goroutines and plain
/// threads.
pub struct UnixListener(Io<std::os::unix::net::UnixListener>);

handles!(UnixListener, std::os::unix::net::UnixListener);

impl UnixListener {
    /// Makes a socket at a path, where nothing may be yet, and listens.
    ///
    /// # Errors
    /// The system's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::listening(std::os::unix::net::UnixListener::bind(path)?)
    }

    /// As [`bind`](Self::bind), at an address.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::listening(std::os::unix::net::UnixListener::bind_addr(addr)?)
    }

    fn listening(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::wrap(socket))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The system's; after one of them the next call takes what is still in the line.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, addr) = self.0.run(Direction::Read, |s| s.accept())?;
        stream.set_nonblocking(true)?;
        Ok((UnixStream::accepted(stream), addr))
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// Connections without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

/// Connections without end; from [`UnixListener::incoming`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
