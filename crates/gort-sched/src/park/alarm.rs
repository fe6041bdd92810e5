//! [`Alarm`], how a plain thread is woken that waits for descriptors and for a ticket at once.
//!
//! It sleeps in `poll(2)`, where no futex reaches it. So it arms its note: the waker then rings, which
//! makes one more descriptor of the same poll readable. Whoever was promised a ring waits for it on every
//! way out (PARK-2), so the waker's hand is never on a descriptor that is not the thread's any more.

use super::{READY, TIMEOUT, Ticket, Who};
use core::ptr;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use gort_sys::clock;
use std::io;
use std::time::Duration;

const NONE: i32 = -1;
/// How long a thread without an alarm polls at once, in nanoseconds.
const NAP: u64 = 1_000_000;

/// An event counter of the kernel's, made when its thread first needs it.
pub(super) struct Alarm(AtomicI32);

impl Alarm {
    pub(super) const fn new() -> Self {
        Self(AtomicI32::new(NONE))
    }

    /// The descriptor that a ring makes readable.
    fn descriptor(&self) -> Option<i32> {
        // ORDER: Relaxed — only the owner writes it.
        let fd = self.0.load(Relaxed);
        if fd != NONE {
            return Some(fd);
        }
        // SAFETY: PARK-2 — no memory is passed; the descriptor is the alarm's from here on.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd == NONE {
            return None;
        }
        // ORDER: Relaxed — arming the note publishes it.
        self.0.store(fd, Relaxed);
        Some(fd)
    }

    /// Wakes the thread, which waits for this ring.
    pub(super) fn ring(&self) {
        let one = 1_u64;
        // ORDER: Relaxed — the armed note has published it.
        let fd = self.0.load(Relaxed);
        // SAFETY: PARK-2 — the thread waits for this write, so its descriptor is open; eight bytes are
        // read from `one`. A counter far from its end takes them at once.
        let wrote = unsafe { libc::write(fd, (&raw const one).cast(), 8) };
        if wrote != 8 {
            gort_sys::fatal!("PARK-2", "the alarm of a thread: {}", io::Error::last_os_error());
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let fd = *self.0.get_mut();
        if fd != NONE {
            // SAFETY: PARK-2 — the alarm's own, and nobody rings any more.
            unsafe { libc::close(fd) };
        }
    }
}

/// Polls without an end before `deadline`; whether something came.
fn poll(fds: &mut [libc::pollfd], deadline: Option<u64>) -> bool {
    let left = deadline.map(|end| {
        let left = Duration::from_nanos(end.saturating_sub(clock::nanos()));
        libc::timespec {
            tv_sec: libc::time_t::try_from(left.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    });
    let left = left.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = fds.len() as libc::nfds_t;
    // SAFETY: NET-6 — the list and the time live over the call; a bad descriptor is an answer.
    unsafe { libc::ppoll(fds.as_mut_ptr(), count, left, ptr::null()) > 0 }
}

/// Waits for the ring that was promised, and takes it.
fn take_ring(fd: i32) {
    let mut only = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
    let mut count = 0_u64;
    loop {
        // SAFETY: PARK-2 — the calling thread's own descriptor; eight bytes are written to `count`.
        if unsafe { libc::read(fd, (&raw mut count).cast(), 8) } == 8 {
            return;
        }
        poll(&mut only, None);
    }
}

impl Ticket {
    /// As [`wait_until`](Ticket::wait_until) of a plain thread, and returns [`READY`] when one of `fds`
    /// has something to tell (its `revents` say what).
    ///
    /// If the system has no descriptor for the alarm, the thread looks for a claim every millisecond.
    pub(crate) fn wait_polling(self, fds: &mut Vec<libc::pollfd>, deadline: Option<u64>) -> u32 {
        let Who::Thread(o) = self.who() else {
            gort_sys::fatal!("PARK-2", "a goroutine does not sleep in the kernel");
        };
        let alarm = o.alarm.descriptor();
        if let Some(fd) = alarm {
            if !o.note.arm() {
                return self.finish_outside(o);
            }
            fds.push(libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        }
        let code = loop {
            let slice = alarm.is_none().then(|| clock::nanos() + NAP);
            let came = poll(fds, slice.into_iter().chain(deadline).min());
            let ends = deadline.is_some_and(|end| end <= clock::nanos());
            match (came, ends) {
                (true, _) => break READY,
                (false, true) => break TIMEOUT,
                (false, false) if self.is_open() => {}
                (false, false) => break READY,
            }
        };
        if o.word.claim(self.number, code) {
            o.note.clear();
            o.word.close();
            return code;
        }
        // Somebody has claimed it: the ring, or the wake, is on its way, or here.
        match alarm {
            Some(fd) => take_ring(fd),
            None => o.note.sleep(),
        }
        self.finish_outside(o)
    }
}
