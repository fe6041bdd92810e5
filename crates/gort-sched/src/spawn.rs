//! Making goroutines.

use crate::g::{G, MAIN, MIGRATES, SYSTEM};
use crate::handoff;
use crate::join::{self, JoinHandle};
use crate::m::M;
use crate::priority::{LOOK, PRIORITIES, Priority};
use crate::ready;
use crate::scheduler::{EXITING, Scheduler};
use crate::start;
use crate::state::GState;
use crate::thread::Inner;
use core::panic::Location;
use core::ptr::NonNull;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use gort_stack::Class;
use std::io;

/// Goroutine numbers that a P fetches at a time.
const IDS: u64 = 16;

/// What is special about a goroutine; the default is what [`go`] makes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) class: Option<Class>,
    /// `None`: as the scheduler was configured.
    pub(crate) migrates: Option<bool>,
    pub(crate) main: bool,
    pub(crate) system: bool,
    pub(crate) detached: bool,
    /// `None`: the spawner's.
    pub(crate) priority: Option<Priority>,
}

/// Where goroutines of plain threads go: a function that gives a scheduler.
static DEFAULT: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Says which scheduler [`go`] and [`Builder`](crate::thread::Builder) use on threads that are no
/// goroutines. Without it they refuse there.
pub fn set_default(scheduler: fn() -> &'static Scheduler) {
    // ORDER: Release ⇒ `here`.
    DEFAULT.store(scheduler as *mut (), Release);
}

/// The scheduler of the calling goroutine, or the default one.
#[inline]
pub(crate) fn here() -> Option<&'static Scheduler> {
    Scheduler::current().or_else(|| {
        // ORDER: Acquire ⇐ `set_default`.
        let default = DEFAULT.load(Acquire);
        // SAFETY: SPAWN-1 — only a function of this type is ever stored.
        (!default.is_null()).then(
            || unsafe { core::mem::transmute::<*mut (), fn() -> &'static Scheduler>(default) }(),
        )
    })
}

/// Makes a goroutine that runs `f`, on the scheduler of the caller: a goroutine's own, or the
/// default one ([`set_default`]).
///
/// # Panics
/// If there is no scheduler, or no memory for another goroutine.
#[track_caller]
#[inline]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match here() {
        Some(s) => s.spawn(f),
        None => panic!(
            "go was called on a thread that is no goroutine, and there is no default scheduler"
        ),
    }
}

impl Scheduler {
    /// Makes a goroutine that runs `f` on this scheduler; from any thread.
    ///
    /// # Panics
    /// If there is no memory for another goroutine.
    #[track_caller]
    #[inline]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.try_spawn(f) {
            Ok(handle) => handle,
            Err(e) => panic!("cannot spawn a goroutine: {e}"),
        }
    }

    /// As [`spawn`](Self::spawn), with an error instead of the panic.
    ///
    /// # Errors
    /// There is no memory for another goroutine, or the scheduler has ended.
    #[track_caller]
    #[inline]
    pub fn try_spawn<F, T>(&self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: `F` and `T` are Send and 'static.
        unsafe { self.spawn_unchecked(f, How::default(), None) }
    }

    /// The same without the bounds.
    ///
    /// # Safety
    /// The closure and its result may be used on another thread until the goroutine has ended;
    /// what they borrow lives as long.
    #[track_caller]
    #[inline]
    pub(crate) unsafe fn spawn_unchecked<F, T>(
        &self,
        f: F,
        how: How,
        name: Option<Box<str>>,
    ) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T,
    {
        let inside = handoff::try_enter().filter(|(m, _)| core::ptr::eq(m.sched, self));
        // From outside, the scheduler may end at any moment.
        let _visit = if inside.is_none() { Some(self.visit()?) } else { None };
        let g = match &inside {
            Some((m, _)) => self.record_here(m)?,
            None => self.record_outside()?,
        };
        // ORDER: Relaxed — a byte of flags; what they stand for is found anyhow.
        let mut flags = self.first_flags.load(Relaxed);
        match how.migrates {
            Some(true) => flags |= MIGRATES,
            Some(false) => flags &= !MIGRATES,
            None => {}
        }
        if how.priority.is_some() || flags & LOOK != 0 {
            flags = self.with_class(flags, how.priority, inside.as_ref().map(|(m, _)| *m));
        }
        if how.main {
            flags |= MAIN;
        }
        if how.system {
            flags |= SYSTEM;
        }
        g.reset(flags, how.class.unwrap_or(self.config.stack), Some(Location::caller()));
        g.join.reset(how.detached);
        // SAFETY: G-OWN — a free record, whose area is empty.
        unsafe { join::put(g, f) };
        g.start.set(Some(start::body::<F, T>));
        if let Some(name) = name {
            // ORDER: Release ⇒ `G::name`.
            g.inner.store(Inner::named(g.id.get(), name), Release);
        }
        g.state.step(GState::Dead, GState::Runnable);
        let handle = NonNull::from(g);
        match inside {
            Some((m, inside)) => {
                // SAFETY: P-OWN — inside with a P.
                self.count_spawn(Some(unsafe { m.held() }));
                if flags & PRIORITIES != 0 {
                    self.inject(handle.as_ptr());
                } else {
                    ready::run_next(m, handle.as_ptr(), true);
                }
                drop(inside);
            }
            None => {
                if M::current().is_null() && !how.main && !how.system {
                    crate::park::join_in();
                }
                self.count_spawn(None);
                // ORDER: Relaxed — before the beginning there is one thread.
                if how.main && !self.begun.load(Relaxed) {
                    // Nobody runs yet, so the first P's queue is ours (P-OWN).
                    ready::push_local(self, &self.ps[0], handle.as_ptr());
                } else {
                    self.inject(handle.as_ptr());
                }
            }
        }
        let handle = JoinHandle::new(handle);
        crate::sim::at_drop("spawn");
        Ok(handle)
    }

    /// Keeps the scheduler from ending until the value goes; an error if it has ended.
    #[cold]
    fn visit(&self) -> io::Result<Visit<'_>> {
        // ORDER: SeqCst — counted before the look; pairs with `wait_for_visitors` after EXITING.
        self.visitors.fetch_add(1, SeqCst);
        let visit = Visit(self);
        // ORDER: SeqCst — as above.
        if self.life.load(SeqCst) == EXITING {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the scheduler has ended"));
        }
        Ok(visit)
    }

    /// A free record with a fresh number, from the P at hand.
    #[inline]
    fn record_here(&self, m: &M) -> io::Result<&G> {
        // SAFETY: P-OWN — the caller is inside with a P.
        let own = unsafe { m.held().own() };
        if own.free.len() == 0 {
            self.gs.fetch(self, &mut own.free).map_err(too_many)?;
        }
        if own.ids.0 == own.ids.1 {
            // ORDER: Relaxed — numbers only have to differ.
            let first = self.next_id.fetch_add(IDS, Relaxed);
            own.ids = (first, first + IDS);
        }
        let g =
            own.free.pop().ok_or_else(|| too_many(crate::gtable::TableFull { goroutines: 0 }))?;
        // SAFETY: G-OWN — it came from the free list.
        let g = unsafe { &*g };
        g.id.set(own.ids.0);
        own.ids.0 += 1;
        g.settle_idle();
        Ok(g)
    }

    #[cold]
    fn record_outside(&self) -> io::Result<&G> {
        let mut list = crate::g::GList::new();
        self.gs.fetch(self, &mut list).map_err(too_many)?;
        let g = list.pop().ok_or_else(|| too_many(crate::gtable::TableFull { goroutines: 0 }))?;
        self.gs.give(&mut list, 0);
        // SAFETY: G-OWN — it came from the free list.
        let g = unsafe { &*g };
        // ORDER: Relaxed — numbers only have to differ.
        g.id.set(self.next_id.fetch_add(1, Relaxed));
        g.settle_idle();
        Ok(g)
    }
}

/// A thread that is no M of the scheduler, inside its memory.
struct Visit<'a>(&'a Scheduler);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // ORDER: SeqCst — after the last touch of the scheduler's memory.
        self.0.visitors.fetch_sub(1, SeqCst);
    }
}

fn too_many(full: crate::gtable::TableFull) -> io::Error {
    io::Error::new(
        io::ErrorKind::OutOfMemory,
        format!("no memory for another goroutine; {} records exist", full.goroutines),
    )
}
