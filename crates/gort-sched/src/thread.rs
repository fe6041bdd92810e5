//! Goroutines in the shape of `std::thread`: handles, names, park and unpark, scopes.

use crate::g::G;
use crate::join::{JoinHandle, Result};
use crate::m::M;
use crate::park::{self, WaitReason};
use crate::parker::Parker;
use crate::schedule;
use crate::scheduler::Scheduler;
use crate::spawn::How;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::null_mut;
use core::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};
use gort_stack::Class;
use gort_sys::clock;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

pub use crate::blocking::blocking;
pub use crate::osthread::{OsThreadGuard, lock_os_thread};

static WAKER: Rank = Rank { layer: layer::SCHED, n: 1, name: "sched.join_waker" };

/// A goroutine's number (or a plain thread's); never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(u64);

impl ThreadId {
    /// The number: 1 is the main goroutine. Plain threads count from 2^63.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

/// What a handle shares with its goroutine.
pub(crate) struct Inner {
    id: ThreadId,
    name: Option<Box<str>>,
    parker: Parker,
    /// Who polls the goroutine's handle as a future.
    waker: Lock<Option<Waker>>,
}

impl Inner {
    fn new(id: u64, name: Option<Box<str>>) -> Arc<Self> {
        let waker = Lock::new(&WAKER, None);
        Arc::new(Self { id: ThreadId(id), name, parker: Parker::new(), waker })
    }

    /// A counted pointer for a goroutine's record.
    pub(crate) fn named(id: u64, name: Box<str>) -> *mut Self {
        Arc::into_raw(Self::new(id, Some(name))).cast_mut()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        // The old one is dropped outside of the lock.
        let _old = self.waker.lock().replace(waker);
    }

    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().take()
    }

    /// Gives up the record's count.
    pub(crate) fn release(inner: *mut Self) {
        if !inner.is_null() {
            // SAFETY: THREAD-1 — the record's pointer came from `Arc::into_raw` and is given up
            // once.
            drop(unsafe { Arc::from_raw(inner) });
        }
    }
}

/// The handle of a goroutine or thread: its number, its name, and the right to unpark it.
#[derive(Clone)]
pub struct Thread(Arc<Inner>);

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Thread {
    /// Its number.
    pub fn id(&self) -> ThreadId {
        self.0.id
    }

    /// Its name, if it was given one; the main goroutine's is `main`.
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Lets its next (or present) [`park()`] return. Several calls before a park count once.
    pub fn unpark(&self) {
        self.0.parker.unpark();
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

/// The handle of a goroutine, made when first asked for.
pub(crate) fn of(g: &G) -> Thread {
    // ORDER: Acquire ⇐ the exchange below, on any thread.
    let mut inner = g.inner.load(Acquire);
    if inner.is_null() {
        let name = g.has(crate::g::MAIN).then(|| "main".into());
        let fresh = Arc::into_raw(Inner::new(g.id.get(), name)).cast_mut();
        // ORDER: AcqRel — Release ⇒ other askers; Acquire on failure ⇐ the one who was first.
        match g.inner.compare_exchange(null_mut(), fresh, AcqRel, Acquire) {
            Ok(_) => inner = fresh,
            Err(first) => {
                Inner::release(fresh);
                inner = first;
            }
        }
    }
    // SAFETY: THREAD-1 — the record keeps a count as long as the goroutine or a handle lives.
    unsafe {
        Arc::increment_strong_count(inner);
        Thread(Arc::from_raw(inner))
    }
}

fn current_g<'a>() -> Option<&'a G> {
    // SAFETY: M-OWN — a non-null word is this thread's M. G-OWN — the caller is what runs.
    unsafe { M::current().as_ref().and_then(|m| m.cur.get().as_ref()) }
}

std::thread_local! {
    // Plain threads only.
    static OUTSIDE: Thread = {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        let name = std::thread::current().name().map(Into::into);
        // ORDER: Relaxed — numbers only have to differ.
        Thread(Inner::new(NEXT.fetch_add(1, Relaxed), name))
    };
}

/// The calling goroutine, or plain thread.
pub fn current() -> Thread {
    match current_g() {
        Some(g) => of(g),
        None => OUTSIDE.with(Thread::clone),
    }
}

/// The number of the calling goroutine, or `None` on a plain thread.
pub fn goroutine_id() -> Option<u64> {
    current_g().map(|g| g.id.get())
}

/// Runs `f` with the number and name of the calling goroutine; for panic hooks.
pub fn with_current_name<R>(f: impl FnOnce(u64, Option<&str>) -> R) -> Option<R> {
    current_g().map(|g| {
        let main = g.has(crate::g::MAIN).then_some("main");
        f(g.id.get(), g.name().or(main))
    })
}

/// Waits until [`Thread::unpark`] is called for this goroutine, or was since the last park. As
/// with std, it may return without.
pub fn park() {
    current().0.parker.park(WaitReason::Park, None);
}

/// As [`park()`], at most for a while.
pub fn park_timeout(timeout: Duration) {
    current().0.parker.park(WaitReason::Park, Some(deadline_after(timeout)));
}

/// The clock's reading after `timeout`, at most the end of time.
pub fn deadline_after(timeout: Duration) -> u64 {
    clock::nanos().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
}

/// Lets other goroutines run; a plain thread yields to the system. Inside [`no_park`] it does nothing.
#[inline]
pub fn yield_now() {
    match current_g() {
        Some(g) if g.no_park.get() != 0 => {}
        Some(_) => schedule::yield_now(),
        None => gort_sys::thread::yield_os(),
    }
}

/// Waits for a while.
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        yield_now();
    } else {
        park::sleep_till(deadline_after(duration));
    }
}

/// Waits until a moment.
pub fn sleep_until(deadline: Instant) {
    park::sleep_until(clock::nanos_at(deadline));
}

/// Whether the calling goroutine unwinds.
pub fn panicking() -> bool {
    park::panicking()
}

/// Runs `f`, inside which parking is an error: it panics instead.
pub fn no_park<T>(f: impl FnOnce() -> T) -> T {
    struct Scope(*const G);
    impl Drop for Scope {
        fn drop(&mut self) {
            // SAFETY: G-OWN — the goroutine that runs is the one that entered: it cannot park.
            if let Some(g) = unsafe { self.0.as_ref() } {
                g.no_park.set(g.no_park.get() - 1);
            }
        }
    }
    let g = current_g();
    if let Some(g) = g {
        g.no_park.set(g.no_park.get() + 1);
    }
    let _scope = Scope(g.map_or(core::ptr::null(), core::ptr::from_ref));
    f()
}

/// What unwinds a goroutine that ends itself.
pub(crate) struct GoexitToken;

/// Ends the calling goroutine: its destructors run, its handle's `join` is an error, others go
/// on. On the main goroutine the program then ends when nobody can run any more, as in Go.
///
/// # Panics
/// On a plain thread.
pub fn goexit() -> ! {
    match current_g() {
        Some(g) => {
            if g.has(crate::g::MAIN) {
                // ORDER: Relaxed — a word for the deadlock report.
                g.scheduler().main_gone.store(true, Relaxed);
            }
            std::panic::resume_unwind(Box::new(GoexitToken))
        }
        None => panic!("goexit on a thread that is no goroutine"),
    }
}

/// Whether a payload says that the goroutine ended by [`goexit`].
pub fn is_goexit(payload: &(dyn core::any::Any + Send)) -> bool {
    payload.is::<GoexitToken>()
}

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

    fn check(&self) -> io::Result<&'static Scheduler> {
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

    /// Spawns on the caller's scheduler.
    ///
    /// # Errors
    /// The stack size is out of range, there is no memory, or no goroutine calls.
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
        // SAFETY: `F` and `T` are Send and 'static.
        unsafe { s.spawn_unchecked(f, self.how, self.name.map(Into::into)) }
    }

    /// Spawns into a scope.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let s = self.check()?;
        let data = Arc::clone(&scope.data);
        data.enter();
        let body = move || {
            let leaver = Leaver(data);
            let result = f();
            drop(leaver);
            result
        };
        // SAFETY: THREAD-SCOPE — `scope` does not return before `data` counts no goroutine, so
        // what the closure borrows outlives it.
        let handle = unsafe { s.spawn_unchecked(body, self.how, self.name.map(Into::into)) };
        match handle {
            Ok(handle) => Ok(ScopedJoinHandle { handle, scope: PhantomData }),
            Err(e) => {
                scope.data.leave(false);
                Err(e)
            }
        }
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

/// How many goroutines of a scope live, and who waits for the last.
#[derive(Debug)]
struct ScopeData {
    running: AtomicUsize,
    panicked: core::sync::atomic::AtomicBool,
    owner: Thread,
}

impl ScopeData {
    fn enter(&self) {
        // ORDER: Relaxed — the scope's owner, or a goroutine that is counted itself, adds.
        self.running.fetch_add(1, Relaxed);
    }

    fn leave(&self, panicked: bool) {
        if panicked {
            // ORDER: Relaxed — published by the count.
            self.panicked.store(true, Relaxed);
        }
        let owner = self.owner.clone();
        // ORDER: SeqCst — Release ⇒ the owner's look: all that the goroutine did.
        if self.running.fetch_sub(1, SeqCst) == 1 {
            owner.unpark();
        }
    }
}

struct Leaver(Arc<ScopeData>);

impl Drop for Leaver {
    fn drop(&mut self) {
        self.0.leave(park::panicking());
    }
}

/// A scope of goroutines that may borrow from their spawner; see [`scope`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<ScopeData>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// The handle of a goroutine in a scope.
#[derive(Debug)]
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// As [`JoinHandle::join`].
    ///
    /// # Errors
    /// The payload of the panic.
    pub fn join(self) -> Result<T> {
        self.handle.join()
    }

    /// Whether the goroutine has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// The goroutine's thread handle.
    pub fn thread(&self) -> Thread {
        self.handle.thread()
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Spawns a goroutine that may borrow what outlives the scope.
    ///
    /// # Panics
    /// If there is no memory, or no goroutine calls.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        match Builder::new().spawn_scoped(self, f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot spawn a goroutine: {e}"),
        }
    }
}

/// Runs `f` with a scope, and returns when every goroutine spawned into it has ended; on every
/// path, a panic and a shutdown included.
///
/// # Panics
/// If `f` panics, or a goroutine of the scope panicked and was not joined.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        data: Arc::new(ScopeData {
            running: AtomicUsize::new(0),
            panicked: core::sync::atomic::AtomicBool::new(false),
            owner: current(),
        }),
        scope: PhantomData,
        env: PhantomData,
    };
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| f(&scope)));
    // ORDER: SeqCst — Acquire ⇐ `leave`: what the goroutines did.
    while scope.data.running.load(SeqCst) != 0 {
        // The exit of a scope cannot be cancelled: a shutdown is acted on afterwards.
        let parked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(park));
        if parked.is_err() {
            // Its goroutines may be bound to this thread.
            yield_now();
        }
    }
    match result {
        Err(payload) => std::panic::resume_unwind(payload),
        // ORDER: Relaxed — acquired with the count.
        Ok(_) if scope.data.panicked.load(Relaxed) => panic!("a scoped goroutine panicked"),
        Ok(value) => value,
    }
}
