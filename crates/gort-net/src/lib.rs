//! `std::net` for goroutines: a call that would block parks its goroutine, and its thread runs others.
//!
//! ```
//! use gort_net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! gort_sched::testing::run(2, || {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let addr = listener.local_addr()?;
//!     let server = gort_sched::go(move || {
//!         let (mut stream, _) = listener.accept()?;
//!         let mut word = [0; 5];
//!         stream.read_exact(&mut word)?;
//!         stream.write_all(&word)
//!     });
//!     let mut stream = TcpStream::connect(addr)?;
//!     stream.write_all(b"hello")?;
//!     let mut echo = String::new();
//!     stream.read_to_string(&mut echo)?;
//!     assert_eq!(echo, "hello");
//!     server.join().unwrap()
//! })
//! # .unwrap();
//! ```
//!
//! Types, methods, errors and traits are std's; what is not listed here is a re-export of std's own.
//! Plain threads use the same sockets, and sleep in the kernel.
//!
//! # Does not know
//! The poller's events, how goroutines park and wake; the collector; protocols above TCP, UDP and Unix
//! sockets.
//!
//! # Invariants
//! - IO-1 The kernel's socket does not block; a call tries, and waits only if it would have blocked.
//! - IO-2 A read that is passed over would have found nothing: the one before it got less than it had room
//!   for, and nothing has happened since, nor has the other side ended.
//! - IO-3 A descriptor has one owner, and what the kernel writes to lives over the call.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! `io` → `handles` → `resolve` → `tcp` → `udp` → [`unix`] → [`Pollable`]
#![warn(missing_docs)]

mod handles;
mod io;
mod pollable;
mod resolve;
mod tcp;
mod udp;
pub mod unix;

pub use pollable::Pollable;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
    ToSocketAddrs,
};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
