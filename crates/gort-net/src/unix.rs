//! Sockets in the file system, as `std::os::unix::net` has them: [`UnixListener`], [`UnixStream`],
//! [`UnixDatagram`].

mod datagram;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use listener::{Incoming, UnixListener};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;

use crate::io::{LONGEST_NAP, SHORTEST_NAP};
use gort_sched::thread;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};

/// Connects a new socket that does not block.
///
/// The kernel has no event for room in a listener's line: who finds it full naps and tries again.
fn connect(kind: Type, addr: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    let mut nap = SHORTEST_NAP;
    loop {
        match socket.connect(addr) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                thread::sleep(nap);
                nap = (nap * 2).min(LONGEST_NAP);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            done => return done.map(|()| socket),
        }
    }
}
