//! Goroutines on threads by processors: Go's G, M and P, with a direct switch from one
//! goroutine to the next, work stealing, and a monitor that never loses a processor.
//!
//! ```
//! let sum = gort_sched::testing::run(2, || {
//!     let parts: Vec<_> = (0..10u64).map(|n| gort_sched::go(move || n * n)).collect();
//!     parts.into_iter().map(|p| p.join().unwrap()).sum::<u64>()
//! });
//! assert_eq!(sum, 285);
//! ```
//!
//! # Does not know
//! Objects, spans, collections; channels and locks, which stand on [`park`]; the environment.
//! What it needs of upper layers is one struct of functions ([`Hooks`]).
//!
//! # Threads and migration
//! A goroutine that resumes on another OS thread can break code that keeps state by thread (a
//! borrow inside `LocalKey::with`, a `std::sync::MutexGuard`, a lock of stdout). So by default a
//! goroutine may be stolen until it first runs, and stays on that thread afterwards. With
//! `Config::migrate` all goroutines migrate, as Go's do; [`thread::go_pinned`] and
//! [`thread::go_migrating`] choose for one.
//!
//! # No preemption signal
//! Native code may hold a C library's lock at any instruction, so no signal switches stacks here.
//! A goroutine that computes without end loses its processor, not its thread: others run on,
//! and the kernel divides the time.
//!
//! # Invariants
//! - G-MEM     Records are type-stable: they are freed only with their scheduler.
//! - G-OWN     What is not atomic in a G belongs to the thread that runs it, or to whoever took it
//!   out of a queue, list or ticket.
//! - G-STATE-1 Every change of state is a row of one table ([`state`]).
//! - ALLG-1    A record below the count of the table is written.
//! - P-OWN     A P belongs to one M at a time, which touches it only inside the runtime.
//! - M-OWN     The cells of an M belong to its thread; while it sleeps, to the idle lock.
//! - RUNQ-1    A slot of a run queue is written by the owner, after `head` has passed it.
//! - WAKE-ONCE A wait is decided by one claim, and its waiter made runnable once, when its
//!   context is saved.
//! - HOLD-1    While a parked goroutine's ticket is held, its stack belongs to the holder.
//! - PARK-1    A thread does not end while a ticket of it can be found.
//! - PARK-2    A thread that was promised a ring takes it before it goes on: its alarm is open till then.
//! - WAKE-1    No goroutine stays runnable while a P is idle for good (`wake`).
//! - HANDOFF-1 A P is touched by its M or taken by sysmon, never both (`handoff`).
//! - LEND-1    A P that a blocking thread has lent is whose exchange empties its `lender` (`blocking`).
//! - JOIN-1    A record is used again when its handle is gone and its goroutine is off it.
//! - TIMER-1   An entry of a timer heap counts while its goroutine's own deadline says the same.
//! - THREAD-1  The record keeps a count on its thread handle.
//! - THREAD-SCOPE A scope returns after the last of its goroutines has ended, and its result is gone.
//! - DEADLOCK-1 The report runs when nobody else can run, and ends the process.
//! - MIGRATE-1 A program migrates only where it has written `unsafe` ([`Migrate`]).
//! - SPAWN-1   The default is a function that gives a scheduler which stays.
//! - NET-1     A wait for a descriptor begins only if nothing has happened since before the attempt
//!   that would have blocked (`netpoll/slot`).
//! - NET-2     A ticket that was read from a slot counts if the slot's word did not change.
//! - NET-3     Records of descriptors are type-stable; an event of an earlier owner does no harm.
//! - NET-4     One thread at a time is in the poller.
//! - NET-5     While descriptors are watched and all threads sleep, one of them sleeps in the poller.
//! - NET-6     A registration stays until its source goes, a poller until its last registration.
//! - NET-7     Who is roused does not sleep in the poller, whoever takes the interruption.
//! - SIM-1     One seed is one schedule: a simulation runs on one thread, and draws every choice that
//!   is not forced from its policy.
//! - SIM-2     A simulation is touched by its thread alone, outlives the time in which that serves, and
//!   is not borrowed over a switch.
//! - RING-1    A record of a ring is read whole or not at all, and what is not read is counted (`ring`).
//! - STEAL-LOG A P's log is made once, by its holder, and stays until the P goes (`steal_log`).
//! - PROCS-1   A P that was made stays; one that no longer counts is emptied by who alone has it (`procs`).
//! - PRIO-1    A runnable goroutine of any class runs after a bounded number of choices of a thread that
//!   may run it (`priority`).
//! - SHARD-1   A shard of a sharded value is reached by its claimant alone (`sharded`).
//! - SCHED-MEM A scheduler's memory outlives its threads, its goroutines and its handles.
//!
//! # Locks
//! `sched.park_token`, `sched.join_waker` before `sched.threads` before `sched.procs` before `sched.idle` before `sched.gtable` before
//! `sched.timers`. `sched.net_crowd`, `sched.net_free`: nothing is taken under them.
//!
//! # Read in this order
//! [`state`] → `g` → `m` → `p` → `procs` → `runq` → `injector` → `spawn` → `start` → `ready` → `priority` → `pick` → `schedule` → `nodes` → `steal` → `ring` → `steal_log` → `steals` →
//! `word` → [`park`] → `wake` → `threads` → `sleep` → `handoff` → `blocking` → `sysmon` → `chores` → `trim` → `timer` → [`netpoll`] (`netpoll/slot` → `netpoll/poller` → `netpoll/stay` → `netpoll/interest` → `netpoll/outside`) → [`join`] → `sharded` →
//! `deadlock` → [`shutdown`] → [`sim`]

mod blocking;
mod checkpoint;
mod chores;
mod deadlock;
pub mod future;
mod g;
mod gtable;
mod handoff;
mod hooks;
mod injector;
pub mod join;
pub mod local;
mod m;
pub mod netpoll;
mod nodes;
mod osthread;
mod p;
pub mod park;
mod parker;
mod pick;
mod priority;
mod procs;
mod ready;
mod reason;
mod ring;
mod runq;
mod schedule;
mod scheduler;
mod sharded;
pub mod shutdown;
pub mod sim;
mod sleep;
mod spawn;
mod start;
pub mod state;
mod steal;
mod steal_log;
mod steals;
mod supply;
mod sysmon;
pub mod testing;
pub mod thread;
mod threads;
mod timer;
mod trim;
mod wake;
mod word;

pub use checkpoint::checkpoint;
pub use deadlock::HelperThread;
pub use future::{block_on, go_async};
pub use hooks::Hooks;
pub use join::JoinHandle;
pub use nodes::Nodes;
pub use parker::Parker;
pub use procs::processor;
pub use scheduler::{Config, Migrate, SchedError, Scheduler, Stats};
pub use sharded::Sharded;
pub use spawn::{go, set_default};
pub use steals::{Pair, Steal, StealSum, Steals};
