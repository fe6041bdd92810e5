//! The time that stages and their steps take, for the report.

use crate::report::{self, Row, Step};
use core::cell::RefCell;
use gort_sys::{SysBytes, clock, mem};

/// Measures one stage.
pub(crate) struct Clock {
    number: u8,
    name: &'static str,
    pub(crate) start: u64,
    before: (SysBytes, u64),
}

impl Clock {
    pub(crate) fn start(number: u8, name: &'static str) -> Self {
        let before = (mem::total(), mem::calls());
        Self { number, name, start: clock::nanos(), before }
    }

    pub(crate) fn stop(self) {
        let ns = clock::nanos() - self.start;
        let (was, calls) = self.before;
        let now = mem::total();
        let grown = |a: u64, b: u64| b.saturating_sub(a);
        let all = |t: &SysBytes| t.reserved + t.mapped + t.released;
        report::add(Row {
            number: self.number,
            name: self.name,
            ns,
            reserved: grown(all(&was), all(&now)),
            committed: grown(was.mapped, now.mapped),
            calls: mem::calls() - calls,
        });
        tracing::debug!(stage = self.name, ns, "boot");
    }
}

/// Room for the steps of a stage.
const MOST: usize = 16;

/// The steps of this thread's stage. In place, because they come while the heap holds locks of its own.
struct Steps {
    last: u64,
    len: usize,
    steps: [(&'static str, u64); MOST],
}

thread_local! {
    static STEPS: RefCell<Steps> =
        const { RefCell::new(Steps { last: 0, len: 0, steps: [("", 0); MOST] }) };
}

/// The steps of MallocInit begin.
pub(crate) fn steps_begin() {
    STEPS.with_borrow_mut(|s| (s.last, s.len) = (clock::nanos(), 0));
}

/// A step is done.
pub(crate) fn step(name: &'static str) {
    let now = clock::nanos();
    STEPS.with_borrow_mut(|s| {
        let (len, ns) = (s.len, now - s.last);
        if let Some(place) = s.steps.get_mut(len) {
            *place = (name, ns);
            (s.len, s.last) = (len + 1, now);
        }
    });
}

/// Puts them into the report.
pub(crate) fn steps_end(stage: u8) {
    STEPS.with_borrow(|s| {
        for &(name, ns) in &s.steps[..s.len] {
            report::add_step(Step { stage, name, ns });
        }
    });
}
