//! [`Stay`], a goroutine's ticket in a slot, and the wait with only one.

use super::Outcome;
use super::slot::{Seat, Seen, Slot};
use crate::park::{READY, SHUTDOWN, TIMEOUT, Ticket, WaitReason, unwind};

/// A ticket in a slot, taken back on every way out.
pub(super) struct Stay<'a> {
    slot: &'a Slot,
    seen: Seen,
    seat: Seat,
    ticket: Ticket,
}

impl<'a> Stay<'a> {
    /// `None`: something has happened since `seen`.
    pub(super) fn begin(slot: &'a Slot, seen: Seen, ticket: Ticket) -> Option<Self> {
        let seat = slot.sit(seen, ticket)?;
        Some(Self { slot, seen, seat, ticket })
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.slot.leave(self.seen, self.seat, self.ticket);
    }
}

/// Closes a ticket without a wait, or hears who has claimed it meanwhile.
pub(super) fn give_up(ticket: Ticket) -> u32 {
    if ticket.cancel() { READY } else { ticket.wait(WaitReason::IoWait) }
}

/// Waits for the next event of one slot.
pub(super) fn wait_in(slot: &Slot, seen: Seen, deadline_ns: Option<u64>) -> Outcome {
    let ticket = Ticket::open();
    let code = match Stay::begin(slot, seen, ticket) {
        // Nobody but a shutdown can have seen it.
        None => {
            give_up(ticket);
            return Outcome::Ready;
        }
        Some(_stay) => match deadline_ns {
            Some(when) => ticket.wait_until(WaitReason::IoWait, when),
            None => ticket.wait(WaitReason::IoWait),
        },
    };
    match code {
        TIMEOUT => Outcome::TimedOut,
        SHUTDOWN => unwind(),
        _ => Outcome::Ready,
    }
}
