//! [`Pollable`], any descriptor that the kernel can watch: pipes, event counters, terminals, sockets of
//! other crates.

use crate::io::Io;
use gort_sched::netpoll::{AsSource, Direction, Outcome, Source};
use gort_sched::thread::deadline_after;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A descriptor that goroutines wait for.
///
/// ```
/// use gort_net::Pollable;
/// use std::io::{Read, Write};
///
/// gort_sched::testing::run(1, || {
///     let (reader, mut writer) = std::io::pipe()?;
///     let mut reader = Pollable::new(reader);
///     let waiting = gort_sched::go(move || {
///         let mut word = String::new();
///         reader.read_to_string(&mut word).map(|_| word)
///     });
///     writer.write_all(b"through a pipe")?;
///     drop(writer);
///     assert_eq!(waiting.join().unwrap()?, "through a pipe");
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct Pollable<T>(Io<T>);

impl<T: fmt::Debug + AsFd> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(self.0.socket()).finish()
    }
}

impl<T: AsFd> Pollable<T> {
    /// Takes a descriptor over, and makes it one that does not block. (Files cannot be watched: waiting
    /// for one is an error.)
    pub fn new(inner: T) -> Self {
        let io = Io::adopt(inner);
        io.set_nonblocking(false);
        Self(io)
    }

    /// What it was made of.
    pub fn get_ref(&self) -> &T {
        self.0.socket()
    }

    /// Gives back what it was made of, which blocks again.
    pub fn into_inner(self) -> T {
        self.0.release()
    }

    /// Waits until it can be read (or has ended, or has an error). As a case of a select it is
    /// `readable(pollable)`.
    ///
    /// # Errors
    /// The descriptor cannot be watched, or was closed.
    pub fn readable(&self) -> io::Result<()> {
        self.ready(Direction::Read, None).map(|_| ())
    }

    /// Waits until it can be written to. As a case of a select it is `writable(pollable)`.
    ///
    /// # Errors
    /// The descriptor cannot be watched, or was closed.
    pub fn writable(&self) -> io::Result<()> {
        self.ready(Direction::Write, None).map(|_| ())
    }

    /// As [`readable`](Self::readable), for so long at most; `false`: it still cannot be read.
    ///
    /// # Errors
    /// The descriptor cannot be watched, or was closed.
    pub fn readable_timeout(&self, time: Duration) -> io::Result<bool> {
        self.ready(Direction::Read, Some(deadline_after(time)))
    }

    /// As [`writable`](Self::writable), for so long at most; `false`: it still cannot be written to.
    ///
    /// # Errors
    /// The descriptor cannot be watched, or was closed.
    pub fn writable_timeout(&self, time: Duration) -> io::Result<bool> {
        self.ready(Direction::Write, Some(deadline_after(time)))
    }

    fn ready(&self, direction: Direction, deadline: Option<u64>) -> io::Result<bool> {
        loop {
            let mark = self.0.mark(direction)?;
            if self.0.is_ready(direction) {
                return Ok(true);
            }
            if self.0.wait(direction, mark, deadline)? == Outcome::TimedOut {
                return Ok(self.0.is_ready(direction));
            }
        }
    }

    /// Calls `f`, and as long as it would block, waits until the descriptor can be read and calls it
    /// again.
    ///
    /// # Errors
    /// Those of `f`; the descriptor cannot be watched, or was closed.
    pub fn read_with<R>(&self, f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.0.run(Direction::Read, f)
    }

    /// Calls `f`, and as long as it would block, waits until the descriptor can be written to and calls
    /// it again.
    ///
    /// # Errors
    /// Those of `f`; the descriptor cannot be watched, or was closed.
    pub fn write_with<R>(&self, f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.0.run(Direction::Write, f)
    }

    /// Ends all waits, the present ones and those to come, with
    /// [`NotConnected`](io::ErrorKind::NotConnected).
    pub fn close(&self) {
        self.0.close();
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket().as_fd()
    }
}

impl<T: AsFd> AsSource for Pollable<T> {
    fn as_source(&self) -> (&Source, BorrowedFd<'_>) {
        self.0.as_source()
    }
}

impl<T: AsFd> Read for &Pollable<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(|mut inner| inner.read(buf))
    }
}

impl<T: AsFd> Write for &Pollable<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_with(|mut inner| inner.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_with(|mut inner| inner.flush())
    }
}

impl<T: AsFd> Read for Pollable<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl<T: AsFd> Write for Pollable<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
