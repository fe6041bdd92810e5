//! [`Select`], a choice among operations that are known when the program runs.

use super::case::Case;
use super::engine::{Goal, Limit, run};
use super::operation::SelectedOperation;
use crate::time::{ns_after, ns_at};
use crate::{
    ReadyTimeoutError, Receiver, SelectTimeoutError, Sender, TryReadyError, TrySelectError,
};
use core::fmt;
use core::time::Duration;
use gort_sched::netpoll::AsSource;
use std::time::Instant;

/// Chooses one of a list of operations; [`select!`](crate::select) where the list is known.
///
/// ```
/// use gort_sync::{Select, unbounded};
///
/// let (s1, r1) = unbounded();
/// let (_s2, r2) = unbounded::<i32>();
/// s1.send(7).unwrap();
///
/// let mut sel = Select::new();
/// let first = sel.recv(&r1);
/// sel.recv(&r2);
/// let oper = sel.select();
/// assert_eq!(oper.index(), first);
/// assert_eq!(oper.recv(&r1), Ok(7));
/// ```
#[derive(Clone, Default)]
pub struct Select<'a> {
    cases: Vec<Case<'a>>,
    /// The number of each case.
    numbers: Vec<usize>,
    next: usize,
    biased: bool,
}

// SAFETY: SEL-2 — it holds borrows of channels and nothing else, and a channel's own lock orders
// all who reach it; a value is moved only by who names its type in `SelectedOperation`.
unsafe impl Send for Select<'_> {}
// SAFETY: SEL-2 — as above.
unsafe impl Sync for Select<'_> {}

impl<'a> Select<'a> {
    /// No operations yet; among those that are possible, one is chosen at random.
    pub fn new() -> Self {
        Self::default()
    }

    /// No operations yet; among those that are possible, the one added first is chosen.
    pub fn new_biased() -> Self {
        Self { biased: true, ..Self::default() }
    }

    /// Adds a send and returns its number. The message is given when it has been chosen.
    pub fn send<T>(&mut self, s: &'a Sender<T>) -> usize {
        self.add(Case::send(s))
    }

    /// Adds a receive and returns its number.
    pub fn recv<T>(&mut self, r: &'a Receiver<T>) -> usize {
        self.add(Case::recv(r))
    }

    /// Adds a wait until `d` can be read (or has ended, or has an error), and returns its number.
    pub fn readable(&mut self, d: &'a (impl AsSource + ?Sized)) -> usize {
        self.add(Case::readable(d))
    }

    /// Adds a wait until `d` can be written to, and returns its number.
    pub fn writable(&mut self, d: &'a (impl AsSource + ?Sized)) -> usize {
        self.add(Case::writable(d))
    }

    fn add(&mut self, case: Case<'a>) -> usize {
        let number = self.next;
        self.cases.push(case);
        self.numbers.push(number);
        self.next += 1;
        number
    }

    /// Removes an operation; the numbers of the others stay.
    ///
    /// # Panics
    /// If there is no operation of this number.
    pub fn remove(&mut self, index: usize) {
        assert!(index < self.next, "index out of bounds; {} >= {}", index, self.next);
        match self.numbers.iter().position(|&number| number == index) {
            Some(at) => {
                self.cases.remove(at);
                self.numbers.remove(at);
            }
            None => panic!("no operation with this index"),
        }
    }

    fn choose(&self, limit: Limit) -> Option<SelectedOperation<'a>> {
        let mut oper = SelectedOperation::for_cases(&self.cases);
        oper.choose(&self.cases, self.biased, limit).then(|| {
            oper.renumber(|at| self.numbers[at]);
            oper
        })
    }

    fn watch(&self, limit: Limit) -> Option<usize> {
        let at = run(&self.cases, self.biased, limit, Goal::Watch)?;
        Some(self.numbers[at])
    }

    /// Chooses an operation that is possible now. (One that fails because its channel is
    /// disconnected is possible, too.)
    ///
    /// # Errors
    /// If none is.
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.choose(Limit::Now).ok_or(TrySelectError)
    }

    /// Chooses an operation, waiting until one is possible.
    ///
    /// # Panics
    /// If there are no operations.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.some();
        self.choose(Limit::Never).unwrap_or_else(|| unreachable!("no limit, no end"))
    }

    /// Chooses an operation, waiting for at most `timeout`.
    ///
    /// # Errors
    /// If none becomes possible.
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(Limit::after(timeout)).ok_or(SelectTimeoutError)
    }

    /// Chooses an operation, waiting until `deadline`.
    ///
    /// # Errors
    /// If none becomes possible.
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(Limit::At(ns_at(deadline))).ok_or(SelectTimeoutError)
    }

    /// The number of an operation that is possible now. Others may make it impossible before you
    /// come to it, so try it with a method that does not wait.
    ///
    /// # Errors
    /// If none is.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.watch(Limit::Now).ok_or(TryReadyError)
    }

    /// The number of an operation that is possible, waiting until there is one; see
    /// [`try_ready`](Self::try_ready).
    ///
    /// # Panics
    /// If there are no operations.
    pub fn ready(&mut self) -> usize {
        self.some();
        self.watch(Limit::Never).unwrap_or_else(|| unreachable!("no limit, no end"))
    }

    /// The number of an operation that is possible, waiting for at most `timeout`; see
    /// [`try_ready`](Self::try_ready).
    ///
    /// # Errors
    /// If none becomes possible.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.watch(Limit::after(timeout)).ok_or(ReadyTimeoutError)
    }

    /// The number of an operation that is possible, waiting until `deadline`; see
    /// [`try_ready`](Self::try_ready).
    ///
    /// # Errors
    /// If none becomes possible.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.watch(Limit::At(ns_at(deadline))).ok_or(ReadyTimeoutError)
    }

    fn some(&self) {
        assert!(!self.cases.is_empty(), "no operations have been added to `Select`");
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Select { .. }")
    }
}

impl Limit {
    pub(super) fn after(timeout: Duration) -> Self {
        if timeout.is_zero() { Self::Now } else { Self::At(ns_after(timeout)) }
    }
}
