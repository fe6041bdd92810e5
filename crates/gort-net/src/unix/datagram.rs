//! [`UnixDatagram`], whole messages within the machine.

use crate::handles::{handles, timeouts};
use crate::io::Io;
use gort_sched::netpoll::Direction;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A datagram socket; [`std::os::unix::net::UnixDatagram`] for goroutines and plain threads.
pub struct UnixDatagram(Io<std::os::unix::net::UnixDatagram>);

handles!(UnixDatagram, std::os::unix::net::UnixDatagram);
timeouts!(UnixDatagram);

impl UnixDatagram {
    fn made(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::wrap(socket))
    }

    /// Makes a socket at a path, where nothing may be yet.
    ///
    /// # Errors
    /// The system's.
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        Self::made(std::os::unix::net::UnixDatagram::bind(path)?)
    }

    /// As [`bind`](Self::bind), at an address.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::made(std::os::unix::net::UnixDatagram::bind_addr(addr)?)
    }

    /// A socket without an address.
    ///
    /// # Errors
    /// The system's.
    pub fn unbound() -> io::Result<Self> {
        Self::made(std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// The system's.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((Self::made(a)?, Self::made(b)?))
    }

    /// Sends to, and takes from, the socket at a path only.
    ///
    /// # Errors
    /// The system's.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.0.socket().connect(path)
    }

    /// As [`connect`](Self::connect), at an address.
    ///
    /// # Errors
    /// The system's.
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        self.0.socket().connect_addr(addr)
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

    /// Waits for a datagram, of which what does not fit is lost.
    ///
    /// # Errors
    /// The system's.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |s| s.recv_from(buf))
    }

    /// As [`recv_from`](Self::recv_from), without the address.
    ///
    /// # Errors
    /// The system's.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |s| s.recv(buf))
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// # Errors
    /// The system's.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        let path = path.as_ref();
        self.0.send_napping(|s| s.send_to(buf, path))
    }

    /// As [`send_to`](Self::send_to), to an address.
    ///
    /// # Errors
    /// The system's.
    pub fn send_to_addr(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        self.0.send_napping(|s| s.send_to_addr(buf, addr))
    }

    /// Sends a datagram to the socket that it is connected to.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.run(Direction::Write, |s| s.send(buf))
    }

    /// Ends one or both directions, for all handles: who waits on them goes on.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }
}
