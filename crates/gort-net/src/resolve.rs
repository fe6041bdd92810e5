//! Names become addresses off the processor, and addresses are tried one after another.

use gort_sched::thread;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};

/// Calls `f` with each address until one succeeds; the last error if none does.
///
/// Looking a name up blocks in the system's library, so the thread says so: its processor is handed
/// on.
pub(crate) fn each<A: ToSocketAddrs, T>(
    addr: A,
    mut f: impl FnMut(&SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for addr in thread::blocking(|| addr.to_socket_addrs())? {
        match f(&addr) {
            Ok(done) => return Ok(done),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(ErrorKind::InvalidInput, "could not resolve to any addresses")
    }))
}
