//! Plain threads: each waits in `poll(2)` by itself, and can be found by who closes the source.

use super::{Direction, Outcome, Source, closed};
use crate::park::{READY, TIMEOUT, Ticket};
use core::time::Duration;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

static OUTSIDE: Rank = Rank { layer: layer::SCHED, n: 15, name: "sched.net_outside" };
/// The plain threads that wait for a descriptor at this moment: the source's address, and the ticket.
static WAITING: Lock<Vec<(usize, Ticket)>> = Lock::new(&OUTSIDE, Vec::new());

fn address(source: &Source) -> usize {
    core::ptr::from_ref(source).addr()
}

/// A plain thread in the list, taken out on every way out (PARK-1).
pub(super) struct Listed(usize, Ticket);

impl Listed {
    /// To be followed by a look whether the source is closed: `stir` comes after that, or finds this.
    pub(super) fn begin(source: &Source, ticket: Ticket) -> Self {
        let entry = (address(source), ticket);
        WAITING.lock().push(entry);
        Self(entry.0, ticket)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut waiting = WAITING.lock();
        if let Some(at) = waiting.iter().position(|&entry| entry == (self.0, self.1)) {
            waiting.swap_remove(at);
        }
    }
}

/// Lets the plain threads that wait for `source` look again.
pub(super) fn stir(source: &Source) {
    let of = address(source);
    // Claimed under the lock, as who is in the list is alive (PARK-1).
    let claimed: Vec<Ticket> = WAITING
        .lock()
        .iter()
        .filter(|(at, ticket)| *at == of && ticket.claim(READY))
        .map(|(_, ticket)| *ticket)
        .collect();
    claimed.into_iter().for_each(Ticket::wake);
}

impl Source {
    /// A plain thread waits by itself.
    #[cold]
    pub(super) fn wait_outside(
        &self,
        fd: BorrowedFd<'_>,
        direction: Direction,
        deadline_ns: Option<u64>,
    ) -> io::Result<Outcome> {
        let ticket = Ticket::open();
        let listed = Listed::begin(self, ticket);
        let code = if self.is_closed() {
            super::stay::give_up(ticket)
        } else {
            let mut fds = Vec::with_capacity(2);
            fds.push(direction.polled(fd));
            ticket.wait_polling(&mut fds, deadline_ns)
        };
        drop(listed);
        if self.is_closed() {
            return Err(closed());
        }
        Ok(if code == TIMEOUT { Outcome::TimedOut } else { Outcome::Ready })
    }
}

impl Direction {
    /// What `poll(2)` is asked.
    pub(super) fn polled(self, fd: BorrowedFd<'_>) -> libc::pollfd {
        libc::pollfd { fd: fd.as_raw_fd(), events: self.events(), revents: 0 }
    }
}

/// Waits in `poll(2)` for one descriptor; `false` if nothing came in `limit`, or a signal did.
pub(crate) fn poll_fd(fd: RawFd, what: i16, limit: Option<Duration>) -> bool {
    let mut one = libc::pollfd { fd, events: what, revents: 0 };
    let limit = limit.map(|l| libc::timespec {
        tv_sec: libc::time_t::try_from(l.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: l.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: NET-6 — the two structures live over the call; a bad descriptor is an answer.
    unsafe { libc::ppoll(&raw mut one, 1, limit, core::ptr::null()) > 0 }
}
