//! [`Interest`], a descriptor that somebody waits for beside other things: a case of a select.
//!
//! A select has one ticket, which lies in the queues of its channels and in the slots of its descriptors.
//! Whoever claims it first decides; an event that finds it claimed has still moved the slot's count, so
//! the next wait sees it. Nothing is taken from a descriptor here: "ready" is advice, and the one who asked
//! does the reading.

use super::outside::Listed;
use super::stay::{Stay, give_up};
use super::{Direction, Source, closed, is_ready};
use crate::park::{Ticket, WaitReason};
use crate::scheduler::Scheduler;
use core::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;

/// What has a [`Source`]: sockets, and other descriptors that can be waited for.
pub trait AsSource {
    /// Its seat with the pollers, and its descriptor.
    fn as_source(&self) -> (&Source, BorrowedFd<'_>);
}

macro_rules! by_pointer {
    ($($pointer:ty),*) => {$(
        impl<T: AsSource + ?Sized> AsSource for $pointer {
            fn as_source(&self) -> (&Source, BorrowedFd<'_>) {
                (**self).as_source()
            }
        }
    )*};
}

by_pointer!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

/// One direction of one descriptor.
#[derive(Clone, Copy)]
pub struct Interest<'a> {
    source: &'a Source,
    fd: BorrowedFd<'a>,
    direction: Direction,
}

impl fmt::Debug for Interest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interest({} {:?})", self.fd.as_raw_fd(), self.direction)
    }
}

impl<'a> Interest<'a> {
    /// That of `what`, in one direction.
    #[inline]
    pub fn new(what: &'a (impl AsSource + ?Sized), direction: Direction) -> Self {
        let (source, fd) = what.as_source();
        Self { source, fd, direction }
    }

    /// The same for the same source.
    pub fn address(&self) -> *const Source {
        self.source
    }

    /// Whether it is ready at this moment: one system call.
    ///
    /// # Errors
    /// The source was closed.
    pub fn is_ready(&self) -> io::Result<bool> {
        if self.source.is_closed() {
            return Err(closed());
        }
        Ok(is_ready(self.fd, self.direction))
    }

    /// As [`is_ready`](Self::is_ready), to be called before [`wait_beside`]: registers the source, and
    /// spares the system call if nothing has happened since the last one.
    ///
    /// # Errors
    /// The source was closed; the descriptor cannot be watched.
    pub fn look(&self) -> io::Result<bool> {
        let mark = self.source.mark(self.direction)?;
        if self.is_known_unready(mark) {
            return Ok(false);
        }
        if is_ready(self.fd, self.direction) {
            return Ok(true);
        }
        let Some(s) = Scheduler::current() else { return Ok(false) };
        while self.source.registration().is_none_or(|r| r.net.is_dead()) {
            let _ = self.source.register(s, self.fd.as_raw_fd())?;
        }
        if let Some(r) = self.source.registration_of(mark) {
            r.slot(self.direction).set_drained(mark.seen);
        }
        Ok(false)
    }

    /// Whether the kernel has said "no" already, and nothing has happened since (IO-2 of gort-net).
    fn is_known_unready(&self, mark: super::Mark) -> bool {
        self.source
            .registration_of(mark)
            .is_some_and(|r| !r.net.is_dead() && r.slot(self.direction).is_drained(mark.seen))
    }

    /// `None`: it is ready, or was closed, or has lost its poller.
    fn sit(&self, ticket: Ticket) -> Option<Stay<'a>> {
        let mark = self.source.mark(self.direction).ok()?;
        let r = self.source.registration_of(mark).filter(|r| !r.net.is_dead())?;
        let slot = r.slot(self.direction);
        // The mark is older than the kernel's "no": what comes later moves the count (NET-1).
        if !slot.is_drained(mark.seen) {
            if is_ready(self.fd, self.direction) {
                return None;
            }
            slot.set_drained(mark.seen);
        }
        Stay::begin(slot, mark.seen, ticket)
    }
}

/// Waits until somebody claims `ticket`, or one of `interests`, each of which was looked at before, may
/// be ready ([`READY`](crate::park::READY)), or the clock reads `deadline_ns`
/// ([`TIMEOUT`](crate::park::TIMEOUT)). The ticket is closed then. It may be known to others already.
///
/// A goroutine parks; a plain thread sleeps in `poll(2)`, where it hears a claim too.
pub fn wait_beside(ticket: Ticket, interests: &[Interest<'_>], deadline_ns: Option<u64>) -> u32 {
    if Scheduler::current().is_none() {
        return wait_beside_outside(ticket, interests, deadline_ns);
    }
    let mut stays = Vec::with_capacity(interests.len());
    for interest in interests {
        match interest.sit(ticket) {
            Some(stay) => stays.push(stay),
            None => return give_up(ticket),
        }
    }
    match deadline_ns {
        Some(when) => ticket.wait_until(WaitReason::IoWait, when),
        None => ticket.wait(WaitReason::IoWait),
    }
}

fn wait_beside_outside(
    ticket: Ticket,
    interests: &[Interest<'_>],
    deadline_ns: Option<u64>,
) -> u32 {
    let _listed: Vec<Listed> = interests.iter().map(|i| Listed::begin(i.source, ticket)).collect();
    if interests.iter().any(|i| i.source.is_closed()) {
        return give_up(ticket);
    }
    let mut fds = Vec::with_capacity(interests.len() + 1);
    fds.extend(interests.iter().map(|i| i.direction.polled(i.fd)));
    ticket.wait_polling(&mut fds, deadline_ns)
}
