//! The scheduler in two hundred lines, to read first: [`Mini`].
//!
//! It has Go's shape and none of its machinery. A G is a function that is called again and again
//! and says after each call what becomes of it. A P is a run-next slot and a queue. There is one
//! thread, which lets a P take a turn, chosen by the seed: local work first, then half of
//! a random victim's queue, else the P is idle. When all are idle, the time jumps to the
//! next sleeper.
//!
//! With one P it runs programs in the order in which the real scheduler does; a test holds the two
//! together.
//!
//! ```
//! use gort_sched::sim::mini::{End, Mini, Step};
//! use std::cell::RefCell;
//! use std::rc::Rc;
//!
//! let order = Rc::new(RefCell::new(Vec::new()));
//! let mut mini = Mini::new(1, 7);
//! for name in ["first", "second"] {
//!     let (order, mut left) = (Rc::clone(&order), 2);
//!     mini.go(move |_| {
//!         order.borrow_mut().push(name);
//!         left -= 1;
//!         if left == 0 { Step::Done } else { Step::Yield }
//!     });
//! }
//! assert_eq!(mini.run(100), End::Done);
//! // The later one took the run-next slot from the first.
//! assert_eq!(*order.borrow(), ["second", "first", "second", "first"]);
//! ```

use crate::state::GState;
use crate::steal::visit_order;
use core::fmt;
use gort_sys::chance::Chance;
use std::collections::{BTreeMap, VecDeque};

/// What becomes of a goroutine after a call of its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It goes to the end of the queue.
    Yield,
    /// It waits for [`Mini::wake`]; one that came before counts.
    Wait,
    /// It waits for so many nanoseconds.
    Sleep(u64),
    /// It has ended.
    Done,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All goroutines have ended.
    Done,
    /// These wait, and nobody is left to wake them.
    Deadlock(Vec<u64>),
    /// The run was cut off.
    StepLimit,
}

/// What a goroutine does.
type Body = Box<dyn FnMut(&mut Mini) -> Step>;

struct G {
    id: u64,
    state: GState,
    body: Option<Body>,
    /// It was woken and did not wait.
    token: bool,
}

impl G {
    fn become_(&mut self, to: GState) {
        assert!(self.state.may_become(to), "goroutine {}: {:?} to {to:?}", self.id, self.state);
        self.state = to;
    }
}

#[derive(Default)]
struct P {
    next: Option<usize>,
    queue: VecDeque<usize>,
}

/// Goroutines as functions, on processors as queues.
pub struct Mini {
    gs: Vec<G>,
    /// Records of goroutines that have ended, to be used again.
    free: Vec<usize>,
    ps: Vec<P>,
    /// By due time, and in the order of their coming.
    sleepers: BTreeMap<(u64, u64), usize>,
    now: u64,
    chance: Chance,
    /// The P whose turn it is, and the number of the goroutine that it runs.
    turn: usize,
    running: u64,
    spawned: u64,
    slept: u64,
}

impl fmt::Debug for Mini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mini({} processors, {} records)", self.ps.len(), self.gs.len())
    }
}

impl Mini {
    /// A scheduler of `procs` processors.
    ///
    /// # Panics
    /// If there is no processor.
    pub fn new(procs: usize, seed: u64) -> Self {
        assert!(procs > 0, "a scheduler has a processor");
        Self {
            gs: Vec::new(),
            free: Vec::new(),
            ps: (0..procs).map(|_| P::default()).collect(),
            sleepers: BTreeMap::new(),
            now: 0,
            chance: Chance::seed(seed),
            turn: 0,
            running: 0,
            spawned: 0,
            slept: 0,
        }
    }

    /// Makes a goroutine; returns its number, from 1 on.
    pub fn go(&mut self, body: impl FnMut(&mut Self) -> Step + 'static) -> u64 {
        self.spawned += 1;
        let at = self.free.pop().unwrap_or_else(|| {
            self.gs.push(G { id: 0, state: GState::Idle, body: None, token: false });
            let at = self.gs.len() - 1;
            self.gs[at].become_(GState::Dead);
            at
        });
        let g = &mut self.gs[at];
        g.id = self.spawned;
        g.body = Some(Box::new(body));
        g.token = false;
        g.become_(GState::Runnable);
        self.run_next(at);
        self.spawned
    }

    /// Lets goroutine `id` go on, now or when it next waits.
    pub fn wake(&mut self, id: u64) {
        let Some(at) = self.gs.iter().position(|g| g.id == id && g.state != GState::Dead) else {
            return;
        };
        // Who sleeps waits for the time alone.
        let sleeps = self.sleepers.values().any(|&s| s == at);
        if self.gs[at].state != GState::Waiting || sleeps {
            self.gs[at].token = true;
            return;
        }
        self.gs[at].become_(GState::Runnable);
        self.run_next(at);
    }

    /// The number of the goroutine that runs.
    pub fn me(&self) -> u64 {
        self.running
    }

    /// Virtual nanoseconds since the start.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Records that exist: as many as goroutines have lived at a time.
    pub fn records(&self) -> usize {
        self.gs.len()
    }

    /// Runs until nobody is left, or nobody can run, or `steps` calls were made.
    pub fn run(&mut self, steps: u64) -> End {
        for _ in 0..steps {
            self.wake_sleepers();
            let Some(at) = self.find() else {
                match self.sleepers.first_key_value() {
                    Some((&(when, _), _)) => self.now = when,
                    None => return self.end(),
                }
                continue;
            };
            self.call(at);
        }
        End::StepLimit
    }

    /// A turn of one P after the other, from a random one on, until one has work.
    fn find(&mut self) -> Option<usize> {
        let draw = self.chance.draw() as u32;
        visit_order(self.ps.len() as u32, draw).find_map(|p| {
            self.turn = p as usize;
            self.local().or_else(|| self.steal())
        })
    }

    fn local(&mut self) -> Option<usize> {
        let p = &mut self.ps[self.turn];
        p.next.take().or_else(|| p.queue.pop_front())
    }

    /// Half of a victim's queue, the victims in random order.
    fn steal(&mut self) -> Option<usize> {
        let draw = self.chance.draw() as u32;
        for victim in visit_order(self.ps.len() as u32, draw) {
            let queue = &mut self.ps[victim as usize].queue;
            let half = queue.len() - queue.len() / 2;
            if victim as usize != self.turn && half > 0 {
                let loot: Vec<usize> = queue.drain(..half).collect();
                self.ps[self.turn].queue.extend(loot);
                return self.local();
            }
        }
        None
    }

    fn call(&mut self, at: usize) {
        self.gs[at].become_(GState::Running);
        self.running = self.gs[at].id;
        let mut body = self.gs[at].body.take().unwrap_or_else(|| Box::new(|_| Step::Done));
        let mut step = body(self);
        while step == Step::Wait && core::mem::take(&mut self.gs[at].token) {
            step = body(self);
        }
        let g = &mut self.gs[at];
        g.body = Some(body);
        match step {
            Step::Yield | Step::Sleep(0) => {
                g.become_(GState::Runnable);
                self.ps[self.turn].queue.push_back(at);
            }
            Step::Wait => g.become_(GState::Waiting),
            Step::Sleep(nanos) => {
                g.become_(GState::Waiting);
                self.slept += 1;
                self.sleepers.insert((self.now + nanos, self.slept), at);
            }
            Step::Done => {
                g.become_(GState::Dead);
                g.body = None;
                self.free.push(at);
            }
        }
    }

    fn wake_sleepers(&mut self) {
        while let Some(first) = self.sleepers.first_entry() {
            if first.key().0 > self.now {
                return;
            }
            let at = first.remove();
            self.gs[at].become_(GState::Runnable);
            self.ps[self.turn].queue.push_back(at);
        }
    }

    /// What was to run next goes to the queue.
    fn run_next(&mut self, at: usize) {
        let p = &mut self.ps[self.turn];
        let kicked = p.next.replace(at);
        p.queue.extend(kicked);
    }

    fn end(&self) -> End {
        let waits = self.gs.iter().filter(|g| g.state == GState::Waiting);
        let mut waits: Vec<u64> = waits.map(|g| g.id).collect();
        waits.sort_unstable();
        if waits.is_empty() { End::Done } else { End::Deadlock(waits) }
    }
}
