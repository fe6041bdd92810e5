//! TCP: [`TcpListener`] and [`TcpStream`], as std's.

use crate::handles::{byte_stream, handles, timeouts};
use crate::io::Io;
use crate::resolve;
use gort_sched::netpoll::{Direction, Outcome};
use gort_sched::thread::deadline_after;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Places in the line of a listener; the system may give fewer.
const LINE: i32 = 4096;

/// A TCP connection; [`std::net::TcpStream`] for goroutines and plain threads.
pub struct TcpStream(Io<std::net::TcpStream>);

handles!(TcpStream, std::net::TcpStream);
timeouts!(TcpStream);
byte_stream!(TcpStream);

impl TcpStream {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// The last address's error, or that of the look-up.
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        resolve::each(addr, |addr| Self::connect_to(addr, None))
    }

    /// Connects within `timeout`.
    ///
    /// # Errors
    /// The system's, [`ErrorKind::TimedOut`], or [`ErrorKind::InvalidInput`] if the time is zero.
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        if timeout.is_zero() {
            return Err(crate::io::zero());
        }
        Self::connect_to(addr, Some(deadline_after(timeout)))
    }

    fn connect_to(addr: &SocketAddr, deadline: Option<u64>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(*addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        let begun = socket.connect(&SockAddr::from(*addr));
        let stream = Self::wrap(socket.into());
        match begun {
            Ok(()) => return Ok(stream),
            Err(e) if is_under_way(&e) => {}
            Err(e) => return Err(e),
        }
        loop {
            let mark = stream.0.mark(Direction::Write)?;
            if let Some(result) = stream.is_connected() {
                return result.map(|()| stream);
            }
            if stream.0.wait(Direction::Write, mark, deadline)? == Outcome::TimedOut {
                return Err(io::Error::new(ErrorKind::TimedOut, "connection timed out"));
            }
        }
    }

    /// Whether a connect has ended, and how.
    fn is_connected(&self) -> Option<io::Result<()>> {
        match self.take_error() {
            Ok(None) => {}
            Ok(Some(e)) | Err(e) => return Some(Err(e)),
        }
        match self.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(e) if e.kind() == ErrorKind::NotConnected => None,
            Err(e) => Some(Err(e)),
        }
    }

    /// The other side's address.
    ///
    /// # Errors
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// Ends one or both directions, for all handles: who waits on them goes on.
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket().shutdown(how)
    }

    /// Reads without taking.
    ///
    /// # Errors
    /// The system's.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |s| s.peek(buf))
    }

    /// Whether small writes go out at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket().set_nodelay(nodelay)
    }

    /// `TCP_NODELAY`.
    ///
    /// # Errors
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket().nodelay()
    }

    /// `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket().set_ttl(ttl)
    }

    /// `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket().ttl()
    }
}

/// Whether a connect that did not succeed at once goes on in the kernel.
fn is_under_way(e: &io::Error) -> bool {
    e.raw_os_error() == Some(libc::EINPROGRESS) || e.kind() == ErrorKind::Interrupted
}

/// A TCP socket that takes connections; [`std::net::TcpListener`] for goroutines and plain threads.
pub struct TcpListener(Io<std::net::TcpListener>);

handles!(TcpListener, std::net::TcpListener);

impl TcpListener {
    /// Binds to the first address that can be had, and listens.
    ///
    /// # Errors
    /// The last address's error, or that of the look-up.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        resolve::each(addr, |addr| {
            let socket = std::net::TcpListener::bind(addr)?;
            // std asks for 128 places, after which a burst of clients waits a second for its next try.
            socket2::SockRef::from(&socket).listen(LINE)?;
            socket.set_nonblocking(true)?;
            Ok(Self::wrap(socket))
        })
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.socket().local_addr()
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The system's; after one of them (too many descriptors, a connection that was given up) the next
    /// call takes what is still in the line.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, addr) = self.0.run(Direction::Read, |s| accept(s.as_fd()))?;
        let addr = addr.as_socket().ok_or(ErrorKind::InvalidInput)?;
        Ok((TcpStream::wrap(socket.into()), addr))
    }

    /// Connections without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket().set_ttl(ttl)
    }

    /// `IP_TTL`.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket().ttl()
    }
}

/// Takes a connection that does not block, in one system call where the system has it.
fn accept(listener: BorrowedFd<'_>) -> io::Result<(Socket, SockAddr)> {
    loop {
        #[cfg(target_os = "linux")]
        let taken = {
            // SAFETY: IO-3 — socket2 gives room for any address; the descriptor is new and ours.
            unsafe {
                SockAddr::try_init(|addr, len| {
                    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
                    match libc::accept4(listener.as_raw_fd(), addr.cast(), len, flags) {
                        -1 => Err(io::Error::last_os_error()),
                        fd => Ok(Socket::from_raw_fd(fd)),
                    }
                })
            }
        };
        #[cfg(not(target_os = "linux"))]
        let taken = socket2::SockRef::from(&listener)
            .accept()
            .and_then(|(socket, addr)| socket.set_nonblocking(true).map(|()| (socket, addr)));
        match taken {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            taken => return taken,
        }
    }
}

/// Connections without end; from [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl std::iter::FusedIterator for Incoming<'_> {}
