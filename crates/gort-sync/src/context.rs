//! [`Context`]: a request's deadline, its cancellation, and its values, handed down a tree of tasks.
//!
//! Go's package `context`. A context is cancelled by its [`Cancel`], by its deadline, or with its parent;
//! whoever works for it waits for [`done`](Context::done) beside whatever else he waits for. No task and no
//! timer runs for a context: a deadline is a time at which its channel counts as closed.
//!
//! ```
//! use gort_sync::context::{Context, ContextError};
//! use gort_sync::{select, unbounded};
//! use std::time::Duration;
//!
//! let (request, _) = Context::background().with_timeout(Duration::from_millis(1));
//! let (step, cancel) = request.with_value("user 7").with_cancel();
//! let (_results, answer) = unbounded::<u32>();
//! select! {
//!     recv(answer) -> _ => unreachable!("nobody answers"),
//!     recv(step.done()) -> _ => assert_eq!(step.err(), Some(ContextError::DeadlineExceeded)),
//! }
//! assert_eq!(step.value::<&str>(), Some(&"user 7"));
//! cancel.cancel(); // does nothing any more
//! ```

use crate::chan::receiver::Flavor;
use crate::chan::until::Until;
use crate::time::{NEVER, ns_at};
use crate::{Mutex, MutexGuard, Receiver, never};
use core::any::{Any, TypeId};
use core::convert::Infallible;
use core::error::Error;
use core::fmt;
use core::time::Duration;
use gort_sys::clock;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Instant;

/// Why a context has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContextError {
    /// Somebody has called [`Cancel::cancel`], for it or for one above it.
    Canceled,
    /// Its deadline has passed, or that of one above it.
    DeadlineExceeded,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Canceled => "context canceled",
            Self::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

/// What a context was cancelled for, in the words of who did it.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A node of the tree. Clones are the same node.
#[derive(Clone)]
pub struct Context {
    /// `None`: it never ends.
    signal: Option<Arc<Signal>>,
    /// What `done` lends.
    done: Receiver<Infallible>,
    values: Option<Arc<Value>>,
}

/// What ends.
struct Signal {
    until: Arc<Until<Infallible>>,
    state: Mutex<State>,
}

struct State {
    end: Option<(ContextError, Option<Cause>)>,
    children: Vec<Weak<Signal>>,
    /// Children at which those that are gone are taken out.
    tidy_at: usize,
}

struct Value {
    id: TypeId,
    value: Box<dyn Any + Send + Sync>,
    next: Option<Arc<Value>>,
}

/// The right to cancel one context and all below it. Dropping it does nothing.
#[derive(Clone)]
pub struct Cancel(Arc<Signal>);

impl Context {
    /// The root: it never ends and has no values.
    pub fn background() -> Self {
        Self { signal: None, done: never(), values: None }
    }

    /// A child that can be cancelled.
    pub fn with_cancel(&self) -> (Self, Cancel) {
        self.child(NEVER)
    }

    /// A child that ends at `deadline`, if not before.
    pub fn with_deadline(&self, deadline: Instant) -> (Self, Cancel) {
        self.child(ns_at(deadline))
    }

    /// A child that ends `timeout` from now, if not before.
    pub fn with_timeout(&self, timeout: Duration) -> (Self, Cancel) {
        self.child(crate::time::ns_after(timeout))
    }

    /// The same, with a value. It is found by its type; a newer one hides an older one.
    #[must_use]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Self {
        let (id, next) = (TypeId::of::<T>(), self.values.clone());
        let values = Some(Arc::new(Value { id, value: Box::new(value), next }));
        Self { values, ..self.clone() }
    }

    /// The value of this type that was given last, here or above.
    pub fn value<T: Any>(&self) -> Option<&T> {
        let mut at = self.values.as_deref();
        while let Some(value) = at {
            if value.id == TypeId::of::<T>() {
                return value.value.downcast_ref();
            }
            at = value.next.as_deref();
        }
        None
    }

    /// Never has a message, and is disconnected once the context has ended: for `select!`.
    pub fn done(&self) -> &Receiver<Infallible> {
        &self.done
    }

    /// Why it has ended; `None` if it has not.
    pub fn err(&self) -> Option<ContextError> {
        self.end().map(|(err, _)| err)
    }

    /// What it was cancelled for; [`err`](Self::err) itself if nobody has said.
    pub fn cause(&self) -> Option<Cause> {
        let (err, cause) = self.end()?;
        Some(cause.unwrap_or_else(|| Arc::new(err)))
    }

    /// When it ends at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.signal.as_ref()?.until.due;
        (due != NEVER).then(|| clock::instant_at(due))
    }

    fn end(&self) -> Option<(ContextError, Option<Cause>)> {
        let signal = self.signal.as_ref()?;
        signal.expire();
        signal.state().end.clone()
    }

    fn child(&self, due: u64) -> (Self, Cancel) {
        let above = self.signal.as_ref().map_or(NEVER, |signal| signal.until.due);
        let until = Arc::new(Until::new(due.min(above)));
        let state = State { end: None, children: Vec::new(), tidy_at: 8 };
        let signal = Arc::new(Signal { until, state: Mutex::new(state) });
        if let Some(parent) = &self.signal {
            parent.expire();
            let mut state = parent.state();
            match state.end.clone() {
                None => state.adopt(&signal),
                Some((err, cause)) => {
                    drop(state);
                    signal.finish(err, cause.as_ref());
                }
            }
        }
        let done = Receiver::new(Flavor::Until(Arc::clone(&signal.until)));
        let values = self.values.clone();
        (Self { signal: Some(Arc::clone(&signal)), done, values }, Cancel(signal))
    }
}

impl State {
    fn adopt(&mut self, child: &Arc<Signal>) {
        if self.children.len() >= self.tidy_at {
            self.children.retain(|child| child.strong_count() > 0);
            self.tidy_at = 2 * self.children.len().max(4);
        }
        self.children.push(Arc::downgrade(child));
    }
}

impl Signal {
    /// No user code runs under it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it if its time has come.
    fn expire(&self) {
        if self.until.expire() {
            self.finish(ContextError::DeadlineExceeded, None);
        }
    }

    /// Ends it, if it has not ended, and all below it. The reason is there before the signal.
    fn finish(&self, err: ContextError, cause: Option<&Cause>) {
        let mut below = self.finish_one(err, cause);
        while let Some(child) = below.pop() {
            if let Some(child) = child.upgrade() {
                below.append(&mut child.finish_one(err, cause));
            }
        }
    }

    fn finish_one(&self, err: ContextError, cause: Option<&Cause>) -> Vec<Weak<Signal>> {
        let mut state = self.state();
        if state.end.is_some() {
            return Vec::new();
        }
        state.end = Some((err, cause.cloned()));
        let below = core::mem::take(&mut state.children);
        drop(state);
        self.until.chan.close();
        below
    }
}

impl Cancel {
    /// Ends the context and all below it, if they have not ended.
    pub fn cancel(&self) {
        self.0.expire();
        self.0.finish(ContextError::Canceled, None);
    }

    /// As [`cancel`](Self::cancel), and says why.
    pub fn cancel_with(&self, cause: impl Into<Cause>) {
        self.0.expire();
        self.0.finish(ContextError::Canceled, Some(&cause.into()));
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::background()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Context");
        out.field("deadline", &self.deadline()).field("err", &self.err()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel").finish_non_exhaustive()
    }
}
