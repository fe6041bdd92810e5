//! [`Parker`]: a binary semaphore for one waiter, made of tickets.

use crate::park::{CODE_MAX, SHUTDOWN, Ticket, WaitReason, unwind};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

static TOKEN: Rank = Rank { layer: layer::SCHED, n: 0, name: "sched.park_token" };

#[derive(Debug, Default)]
struct Token {
    notified: bool,
    waiting: Option<Ticket>,
}

/// An [`unpark`](Self::unpark) makes the present or the next [`park`](Self::park) return; several
/// before a park count once. One goroutine or thread waits at a time, any may wake.
#[derive(Debug)]
pub struct Parker(Lock<Token>);

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Parker {
    /// A parker that was not woken.
    pub const fn new() -> Self {
        Self(Lock::new(&TOKEN, Token { notified: false, waiting: None }))
    }

    /// Waits for an unpark, until the clock reads `deadline_ns` if that is given. Returns whether
    /// there was one.
    ///
    /// A goroutine unwinds from here when its runtime shuts down.
    pub fn park(&self, reason: WaitReason, deadline_ns: Option<u64>) -> bool {
        crate::sim::at("park");
        let ticket = {
            let mut token = self.0.lock();
            if core::mem::take(&mut token.notified) {
                return true;
            }
            let ticket = Ticket::open();
            token.waiting = Some(ticket);
            ticket
        };
        let code = match deadline_ns {
            Some(when) => ticket.wait_until(reason, when),
            None => ticket.wait(reason),
        };
        if code <= CODE_MAX {
            return true;
        }
        self.0.lock().waiting = None;
        if code == SHUTDOWN {
            unwind();
        }
        false
    }

    /// Lets the waiter go on.
    pub fn unpark(&self) {
        crate::sim::at_drop("unpark");
        let waiting = {
            let mut token = self.0.lock();
            let waiting = token.waiting.take();
            token.notified |= waiting.is_none();
            waiting
        };
        let Some(ticket) = waiting else { return };
        if ticket.claim(0) {
            ticket.wake();
        } else {
            // Its deadline came first: the token is for the next park.
            self.0.lock().notified = true;
        }
    }
}
