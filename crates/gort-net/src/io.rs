//! [`Io`], what all sockets are made of: std's socket, its seat with the poller, its settings.
//!
//! The kernel's socket never blocks. Every call tries first; what would block waits for the poller and
//! tries again (IO-1). Whether the *user* wants to block, and for how long, is kept here, shared by
//! clones as the kernel would share it.

use gort_sched::netpoll::{Direction, Mark, Outcome, Source};
use gort_sched::thread::{self, deadline_after};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Naps where the kernel has no event to wait for.
pub(crate) const SHORTEST_NAP: Duration = Duration::from_micros(50);
pub(crate) const LONGEST_NAP: Duration = Duration::from_millis(10);

/// What the user has set, for a socket and its clones.
#[derive(Debug)]
struct Settings {
    nonblocking: AtomicBool,
    /// Nanoseconds for each direction; 0: for ever.
    timeouts: [AtomicU64; 2],
}

impl Settings {
    fn timeout(&self, of: Direction) -> Option<Duration> {
        // ORDER: Relaxed — a setting.
        match self.timeouts[of as usize].load(Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }
}

/// A descriptor that goroutines wait for.
pub(crate) struct Io<S> {
    source: Source,
    settings: Arc<Settings>,
    /// Dropped after the source.
    socket: S,
}

impl<S: fmt::Debug> fmt::Debug for Io<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

impl<S: AsFd> Io<S> {
    /// A socket that does not block any more.
    pub(crate) fn new(socket: S) -> Self {
        let settings = Settings {
            nonblocking: AtomicBool::new(false),
            timeouts: [const { AtomicU64::new(0) }; 2],
        };
        Self { source: Source::new(), settings: Arc::new(settings), socket }
    }

    /// A clone of the descriptor, with the same settings.
    pub(crate) fn sharing(&self, socket: S) -> Self {
        Self { source: Source::new(), settings: Arc::clone(&self.settings), socket }
    }

    /// A socket from elsewhere, which may block and may have time-outs of the kernel's.
    pub(crate) fn adopt(socket: S) -> Self {
        let io = Self::new(socket);
        let kernel = socket2::SockRef::from(&io.socket);
        // ORDER: Relaxed — settings; nobody else has it yet.
        io.settings.nonblocking.store(kernel.nonblocking().unwrap_or(false), Relaxed);
        let timeouts = [kernel.read_timeout(), kernel.write_timeout()];
        for (slot, timeout) in io.settings.timeouts.iter().zip(timeouts) {
            // ORDER: Relaxed — as above.
            slot.store(timeout.ok().flatten().map_or(0, nanos), Relaxed);
        }
        // If the kernel refuses, calls block their thread, and sysmon gives its processor away.
        let _ = kernel.set_nonblocking(true);
        io
    }

    /// The socket, as its user has set it.
    pub(crate) fn release(self) -> S {
        let Self { source, settings, socket } = self;
        drop(source);
        let kernel = socket2::SockRef::from(&socket);
        // What is no socket has none.
        let _ = kernel.set_read_timeout(settings.timeout(Direction::Read));
        let _ = kernel.set_write_timeout(settings.timeout(Direction::Write));
        // A clone of ours must not begin to block.
        // ORDER: Relaxed — a setting.
        if Arc::strong_count(&settings) == 1 && !settings.nonblocking.load(Relaxed) {
            let _ = kernel.set_nonblocking(false);
        }
        socket
    }

    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// For a select.
    pub(crate) fn as_source(&self) -> (&Source, BorrowedFd<'_>) {
        (&self.source, self.socket.as_fd())
    }

    pub(crate) fn set_nonblocking(&self, on: bool) {
        // ORDER: Relaxed — a setting.
        self.settings.nonblocking.store(on, Relaxed);
    }

    fn is_nonblocking(&self) -> bool {
        // ORDER: Relaxed — a setting.
        self.settings.nonblocking.load(Relaxed)
    }

    /// # Errors
    /// The time is zero, as std has it.
    pub(crate) fn set_timeout(&self, of: Direction, time: Option<Duration>) -> io::Result<()> {
        if time.is_some_and(|t| t.is_zero()) {
            return Err(zero());
        }
        // ORDER: Relaxed — a setting.
        self.settings.timeouts[of as usize].store(time.map_or(0, nanos), Relaxed);
        Ok(())
    }

    pub(crate) fn timeout(&self, of: Direction) -> Option<Duration> {
        self.settings.timeout(of)
    }

    pub(crate) fn close(&self) {
        self.source.close();
    }

    /// Makes an attempt, and as long as it would block, waits and makes another.
    #[inline]
    pub(crate) fn run<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let mark = self.source.mark(direction)?;
        match attempt(&self.socket) {
            Err(e) if self.waits_after(&e) => {
                self.wait_and(direction, mark, |socket, _| attempt(socket))
            }
            result => result,
        }
    }

    /// [`run`](Self::run) for a read of a byte stream with room for `room` bytes: one that got less has
    /// left nothing behind, so the next one waits at once (IO-2).
    #[inline]
    pub(crate) fn read_stream(
        &self,
        room: usize,
        mut attempt: impl FnMut(&S) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut attempt = |socket: &S, mark| {
            let got = attempt(socket)?;
            if got > 0 && got < room {
                self.source.set_drained(mark);
            }
            Ok(got)
        };
        let mark = self.source.mark(Direction::Read)?;
        if room > 0 && self.source.is_drained(mark) && !self.is_nonblocking() {
            return self.wait_and(Direction::Read, mark, attempt);
        }
        match attempt(&self.socket, mark) {
            Err(e) if self.waits_after(&e) => self.wait_and(Direction::Read, mark, attempt),
            result => result,
        }
    }

    #[inline]
    fn waits_after(&self, e: &io::Error) -> bool {
        e.kind() == ErrorKind::WouldBlock && !self.is_nonblocking()
    }

    /// The attempt at `mark` would have blocked.
    #[inline]
    fn wait_and<T>(
        &self,
        direction: Direction,
        mut mark: Mark,
        mut attempt: impl FnMut(&S, Mark) -> io::Result<T>,
    ) -> io::Result<T> {
        let deadline = self.timeout(direction).map(deadline_after);
        loop {
            let outcome = self.source.wait(self.socket.as_fd(), direction, mark, deadline)?;
            mark = self.source.mark(direction)?;
            match attempt(&self.socket, mark) {
                // After the deadline this is the answer, as std has it.
                Err(e) if e.kind() == ErrorKind::WouldBlock && outcome == Outcome::Ready => {}
                result => return result,
            }
        }
    }

    /// [`run`](Self::run) for a send that may find the *other* socket full, of which the kernel tells
    /// nothing: as long as this one can be written to, the caller naps and tries again.
    pub(crate) fn send_napping<T>(
        &self,
        mut attempt: impl FnMut(&S) -> io::Result<T>,
    ) -> io::Result<T> {
        let deadline = self.timeout(Direction::Write).map(deadline_after);
        let mut nap = SHORTEST_NAP;
        loop {
            let mark = self.source.mark(Direction::Write)?;
            match attempt(&self.socket) {
                Err(e) if self.waits_after(&e) => {
                    let left =
                        deadline.map(|end| end.saturating_sub(deadline_after(Duration::ZERO)));
                    if left == Some(0) {
                        return Err(e);
                    }
                    if self.is_ready(Direction::Write) {
                        thread::sleep(nap.min(left.map_or(nap, Duration::from_nanos)));
                        nap = (nap * 2).min(LONGEST_NAP);
                    } else {
                        self.wait(Direction::Write, mark, deadline)?;
                    }
                }
                result => return result,
            }
        }
    }

    /// Waits for something to happen after `mark`, whatever the user has set.
    pub(crate) fn wait(
        &self,
        direction: Direction,
        mark: Mark,
        deadline: Option<u64>,
    ) -> io::Result<Outcome> {
        self.source.wait(self.socket.as_fd(), direction, mark, deadline)
    }

    /// What the kernel says at this moment.
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        gort_sched::netpoll::is_ready(self.socket.as_fd(), direction)
    }

    pub(crate) fn mark(&self, direction: Direction) -> io::Result<Mark> {
        self.source.mark(direction)
    }
}

pub(crate) fn zero() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "cannot set a 0 duration timeout")
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}
