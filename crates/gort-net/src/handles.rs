//! The conversions that every socket has, as std's has them: to and from descriptors, to and from std.

/// `AsFd`, `AsRawFd`, `IntoRawFd`, `FromRawFd`, `From` both ways for `OwnedFd` and for std's socket, and
/// the methods that only set or ask.
macro_rules! handles {
    ($name:ident, $std:ty) => {
        impl $name {
            fn wrap(socket: $std) -> Self {
                Self(Io::new(socket))
            }

            /// Another handle of the same socket, with the same time-outs and the same mode.
            ///
            /// # Errors
            /// The system gives no descriptor.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok(Self(self.0.sharing(self.0.socket().try_clone()?)))
            }

            /// Whether calls return [`WouldBlock`](io::ErrorKind::WouldBlock) instead of waiting; for
            /// this handle and its clones. The kernel's own socket never blocks.
            ///
            /// # Errors
            /// None; as std's signature.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                self.0.set_nonblocking(nonblocking);
                Ok(())
            }

            /// Takes the error that the socket keeps.
            ///
            /// # Errors
            /// The system's.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.socket().take_error()
            }

            /// Ends all waits on this handle, the present ones and those to come, with
            /// [`NotConnected`](io::ErrorKind::NotConnected). Go's `Close`; std has nothing like it.
            ///
            /// The descriptor itself stays open until the handle is dropped.
            pub fn close(&self) {
                self.0.close();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.socket().as_fd()
            }
        }

        impl gort_sched::netpoll::AsSource for $name {
            fn as_source(&self) -> (&gort_sched::netpoll::Source, BorrowedFd<'_>) {
                self.0.as_source()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.socket().as_raw_fd()
            }
        }

        impl IntoRawFd for $name {
            fn into_raw_fd(self) -> RawFd {
                self.0.release().into_raw_fd()
            }
        }

        impl FromRawFd for $name {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: IO-3 — the caller's promise, as std's.
                Self(Io::adopt(unsafe { <$std>::from_raw_fd(fd) }))
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> Self {
                Self(Io::adopt(fd.into()))
            }
        }

        impl From<$name> for OwnedFd {
            fn from(socket: $name) -> Self {
                socket.0.release().into()
            }
        }

        impl From<$std> for $name {
            fn from(socket: $std) -> Self {
                Self(Io::adopt(socket))
            }
        }

        impl From<$name> for $std {
            fn from(socket: $name) -> Self {
                socket.0.release()
            }
        }
    };
}

/// `set_read_timeout` and the like.
macro_rules! timeouts {
    ($name:ident) => {
        impl $name {
            /// How long a read waits; `None`: for ever. A read that has waited so long fails with
            /// [`WouldBlock`](io::ErrorKind::WouldBlock).
            ///
            /// # Errors
            /// The time is zero.
            pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Read, time)
            }

            /// How long a write waits; `None`: for ever. A write that has waited so long fails with
            /// [`WouldBlock`](io::ErrorKind::WouldBlock).
            ///
            /// # Errors
            /// The time is zero.
            pub fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Write, time)
            }

            /// How long a read waits.
            ///
            /// # Errors
            /// None; as std's signature.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Direction::Read))
            }

            /// How long a write waits.
            ///
            /// # Errors
            /// None; as std's signature.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(self.0.timeout(Direction::Write))
            }
        }
    };
}

/// `Read` and `Write` for a byte stream, owned and by reference.
macro_rules! byte_stream {
    ($name:ident) => {
        impl Read for &$name {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read_stream(buf.len(), |mut s| s.read(buf))
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let room = bufs.iter().map(|b| b.len()).sum();
                self.0.read_stream(room, |mut s| s.read_vectored(bufs))
            }
        }

        impl Write for &$name {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.run(Direction::Write, |mut s| s.write(buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.0.run(Direction::Write, |mut s| s.write_vectored(bufs))
            }

            #[inline]
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Read for $name {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        impl Write for $name {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            #[inline]
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use {byte_stream, handles, timeouts};
