//! UDP: [`UdpSocket`], as std's.

use crate::handles::{handles, timeouts};
use crate::io::Io;
use crate::resolve;
use gort_sched::netpoll::Direction;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A UDP socket; [`std::net::UdpSocket`] for goroutines and plain threads.
pub struct UdpSocket(Io<std::net::UdpSocket>);

handles!(UdpSocket, std::net::UdpSocket);
timeouts!(UdpSocket);

/// Methods that only hand their arguments on to std's socket.
macro_rules! settings {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $t:ty),*) -> $out:ty;)*) => {
        impl UdpSocket {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The system's.
                pub fn $name(&self $(, $arg: $t)*) -> io::Result<$out> {
                    self.0.socket().$name($($arg),*)
                }
            )*
        }
    };
}

settings! {
    /// The address that it is connected to.
    fn peer_addr() -> SocketAddr;
    /// The address that it is bound to.
    fn local_addr() -> SocketAddr;
    /// `SO_BROADCAST`.
    fn set_broadcast(on: bool) -> ();
    /// `SO_BROADCAST`.
    fn broadcast() -> bool;
    /// `IP_MULTICAST_LOOP`.
    fn set_multicast_loop_v4(on: bool) -> ();
    /// `IP_MULTICAST_LOOP`.
    fn multicast_loop_v4() -> bool;
    /// `IP_MULTICAST_TTL`.
    fn set_multicast_ttl_v4(ttl: u32) -> ();
    /// `IP_MULTICAST_TTL`.
    fn multicast_ttl_v4() -> u32;
    /// `IPV6_MULTICAST_LOOP`.
    fn set_multicast_loop_v6(on: bool) -> ();
    /// `IPV6_MULTICAST_LOOP`.
    fn multicast_loop_v6() -> bool;
    /// `IP_TTL`.
    fn set_ttl(ttl: u32) -> ();
    /// `IP_TTL`.
    fn ttl() -> u32;
    /// `IP_ADD_MEMBERSHIP`.
    fn join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// `IPV6_ADD_MEMBERSHIP`.
    fn join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    /// `IP_DROP_MEMBERSHIP`.
    fn leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// `IPV6_DROP_MEMBERSHIP`.
    fn leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
}

impl UdpSocket {
    /// Binds to the first address that can be had.
    ///
    /// # Errors
    /// The last address's error, or that of the look-up.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        resolve::each(addr, |addr| {
            let socket = std::net::UdpSocket::bind(addr)?;
            socket.set_nonblocking(true)?;
            Ok(Self::wrap(socket))
        })
    }

    /// Sends to, and takes from, one address only.
    ///
    /// # Errors
    /// The last address's error, or that of the look-up.
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        resolve::each(addr, |addr| self.0.socket().connect(addr))
    }

    /// Waits for a datagram, of which what does not fit is lost.
    ///
    /// # Errors
    /// The system's.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |s| s.recv_from(buf))
    }

    /// As [`recv_from`](Self::recv_from), and leaves the datagram there.
    ///
    /// # Errors
    /// The system's.
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |s| s.peek_from(buf))
    }

    /// Sends a datagram to the first address that the name has.
    ///
    /// # Errors
    /// The system's, or that of the look-up.
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let addr = gort_sched::thread::blocking(|| addr.to_socket_addrs())?.next();
        let addr = addr.ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, "no addresses to send data to")
        })?;
        self.0.run(Direction::Write, |s| s.send_to(buf, addr))
    }

    /// Waits for a datagram of the address that it is connected to.
    ///
    /// # Errors
    /// The system's.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |s| s.recv(buf))
    }

    /// As [`recv`](Self::recv), and leaves the datagram there.
    ///
    /// # Errors
    /// The system's.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |s| s.peek(buf))
    }

    /// Sends a datagram to the address that it is connected to.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.run(Direction::Write, |s| s.send(buf))
    }
}
