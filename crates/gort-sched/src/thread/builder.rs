//! [`Builder`]: goroutines with a name, a stack size, or a choice of their own about migration.

use crate::join::JoinHandle;
use crate::priority::Priority;
use crate::scheduler::Scheduler;
use crate::spawn::How;
use gort_stack::Class;
use std::io;

/// Makes goroutines with a name or a stack size, as `std::thread::Builder`.
#[derive(Debug, Default)]
pub struct Builder {
    name: Option<String>,
    how: How,
    too_large: Option<usize>,
}

impl Builder {
    /// Nothing special.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name, which reports and dumps show.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// Bytes of stack at least, up to 1 GiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.how.class = Class::for_bytes(bytes);
        self.too_large = self.how.class.is_none().then_some(bytes);
        self
    }

    /// How urgent it is; without this, as its spawner.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.how.priority = Some(priority);
        self
    }

    pub(super) fn check(&self) -> io::Result<&'static Scheduler> {
        if let Some(bytes) = self.too_large {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a stack of {bytes} bytes was asked for; the largest is {} bytes",
                    Class::LARGEST.usable()
                ),
            ));
        }
        crate::spawn::here().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "no goroutine calls, so there is no scheduler to spawn on",
            )
        })
    }

    /// What the goroutine is made with.
    pub(super) fn parts(self) -> (How, Option<Box<str>>) {
        if self.name.as_ref().is_some_and(|name| name.contains('\0')) {
            panic!("thread name may not contain interior null bytes");
        }
        (self.how, self.name.map(Into::into))
    }

    /// Spawns on the caller's scheduler.
    ///
    /// # Errors
    /// The stack size is out of range, there is no memory, or no goroutine calls.
    ///
    /// # Panics
    /// If the name contains a null byte, as std's.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let s = self.check()?;
        self.spawn_on(s, f)
    }

    /// Spawns on a given scheduler; from any thread.
    ///
    /// # Errors
    /// The stack size is out of range, or there is no memory.
    #[track_caller]
    pub fn spawn_on<F, T>(self, s: &Scheduler, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if self.too_large.is_some() {
            self.check()?;
        }
        let (how, name) = self.parts();
        // SAFETY: `F` and `T` are Send and 'static.
        unsafe { s.spawn_unchecked(f, how, name) }
    }
}

/// Spawns a goroutine; the same as [`crate::go`].
///
/// # Panics
/// As [`crate::go`].
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    crate::go(f)
}

/// A goroutine that stays on the thread of its first run, whatever the program chose.
///
/// # Panics
/// As [`crate::go`].
#[track_caller]
pub fn go_pinned<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let builder =
        Builder { how: How { migrates: Some(false), ..How::default() }, ..Builder::new() };
    match builder.spawn(f) {
        Ok(handle) => handle,
        Err(e) => panic!("cannot spawn a goroutine: {e}"),
    }
}

/// A goroutine that may resume on any thread, whatever the program chose.
///
/// # Safety
/// The goroutine never parks while it holds a borrow of, or anything tied to, thread-local state
/// (a `LocalKey::with` that is still running, a `std::sync::MutexGuard`, a lock of stdout).
///
/// # Panics
/// As [`crate::go`].
#[track_caller]
pub unsafe fn go_migrating<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let builder = Builder { how: How { migrates: Some(true), ..How::default() }, ..Builder::new() };
    match builder.spawn(f) {
        Ok(handle) => handle,
        Err(e) => panic!("cannot spawn a goroutine: {e}"),
    }
}
