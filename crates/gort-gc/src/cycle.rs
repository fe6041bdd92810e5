//! One cycle, from top to bottom.
//!
//! ```text
//!        published mode     what happens                                    left when
//! idle   0                                                                  trigger, and sweep is complete
//! H1     shade              every context turns its barrier on              all follow
//!        the same           roots, then marking                             queues empty, or the heap at its goal
//! H2     shade, black       objects are born black; marking goes on         all follow, queues empty
//! R      the same again     a round: does anybody still shade?              all have passed, nobody did; else marking
//! H3     black              every context turns its barrier off             all follow
//! H4     0, next generation sweep: whatever is white is free                all follow, all is swept
//! ```
//! Objects are born white until marking has found nothing more: what was made and dropped meanwhile is freed by this cycle. A new
//! object that is still wanted is named by a store, which shades it, or by a handle; the handles that exist at H2 are gone
//! when a round has ended, and all later ones name black objects or shaded ones.
//!
//! A phase consumes the proof that the one before it was finished, so none can be left out or repeated
//! (GC-CYCLE). Why each wait is needed, and what breaks without it, is in the crate's design and in its models;
//! `tests::simulation` breaks them one by one.
//!
//! With foreign stacks (`foreign`) the roots are read before H2 is published, stacks when their mutators pass it, and stores
//! shade what they replace besides.
//!
//! Every wait and every quantum of work goes through [`Pause`].

use core::ptr::NonNull;
use std::time::{Duration, Instant};

use crate::atomic::Ordering;
use crate::handshake::{Mode, Order};
use crate::mark::Marker;
use crate::pace::FLOOR;
use crate::pacer::End;
use crate::pause::{
    Pause, Point, Stopped, hold, pass_in_time, serve_free, wait_followed, wait_passed,
};
use crate::shared::Shared;
use crate::{Mutant, markers, pressure, verify};

/// What a cycle did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) forced: bool,
    pub(crate) rounds: u32,
    /// Bytes of objects when the cycle began, when marking ended, and of them alive.
    pub(crate) at_start: u64,
    pub(crate) at_end: u64,
    pub(crate) marked: u64,
    pub(crate) goal: u64,
    pub(crate) root_bytes: u64,
    pub(crate) started: Duration,
    pub(crate) h1: Duration,
    pub(crate) mark: Duration,
    pub(crate) h3: Duration,
    pub(crate) work: Duration,
    pub(crate) assist: Duration,
}

/// Quanta of marking between two looks at how the cycle goes.
const REVISE: u32 = 16;

/// All contexts have the barrier on.
struct BarrierOn;
/// Everything that can be reached is black, and nobody holds anything white.
struct Marked;
/// Nobody shades any more.
struct BarrierOff;

/// Runs a cycle up to the flip; [`finish_sweep`] is the rest.
pub(crate) fn run(s: &Shared, forced: bool, pause: &mut dyn Pause) -> Result<Report, Stopped> {
    finish_sweep(s, pause)?;
    let mut cycle = Cycle::new(s, forced, pause);
    let on = cycle.barrier_on()?;
    let marked = cycle.mark(on)?;
    let off = cycle.barrier_off(marked)?;
    Ok(cycle.flip(off))
}

struct Cycle<'c> {
    s: &'c Shared,
    pause: &'c mut dyn Pause,
    helpers: usize,
    /// Whether there are foreign stacks.
    stacks: bool,
    marker: Marker<'c>,
    report: Report,
    /// The account at the trigger, and when objects began to be born black.
    taken_at_start: u64,
    taken_at_black: u64,
    /// Bytes born black.
    fresh: u64,
    /// Bytes allocated while the cycle waited for contexts and had nothing to mark.
    late: u64,
    noscan_at_start: u64,
}

impl<'c> Cycle<'c> {
    fn new(s: &'c Shared, forced: bool, pause: &'c mut dyn Pause) -> Self {
        let report = Report {
            at_start: s.pacer.live(),
            goal: s.pacer.goal(),
            root_bytes: s.roots.bytes(),
            started: s.started.elapsed(),
            ..Report::default()
        };
        let taken = s.pacer.taken();
        s.work.reset();
        let (asked, expected) = (s.config.mark_workers, s.pacer.expected());
        let scanners = markers::scanners(asked, s.host.cpus(), forced, expected);
        s.pacer.begin(scanners);
        Self {
            s,
            pause,
            // The simulation plays all tasks itself.
            helpers: if s.rules.run_glue { scanners - 1 } else { 0 },
            stacks: s.stacks.begin_cycle(),
            marker: Marker::new(s),
            report: Report { forced, ..report },
            taken_at_start: taken,
            taken_at_black: taken,
            fresh: 0,
            late: 0,
            noscan_at_start: s.sum(|c| &c.noscan_bytes),
        }
    }

    /// H1. Until everybody has the barrier on, nothing may turn black: a store without the barrier could hide
    /// a white object in it.
    fn barrier_on(&mut self) -> Result<BarrierOn, Stopped> {
        let start = Instant::now();
        let mode = if self.s.mutant(Mutant::EarlyBlack) { Mode::SHADE_BLACK } else { Mode::SHADE };
        let order = self.publish(if self.stacks { mode.with_old() } else { mode });
        if !self.s.mutant(Mutant::SkipH1) {
            wait_followed(self.s, order, "H1", self.pause)?;
        }
        self.report.h1 = start.elapsed();
        self.late = self.s.pacer.taken() - self.taken_at_start;
        Ok(BarrierOn)
    }

    /// H2. From here on objects are born black.
    fn black_on(&mut self) -> Result<(), Stopped> {
        let s = self.s;
        if self.stacks {
            s.stacks.want();
        }
        let order = self.publish(self.marking());
        self.taken_at_black = s.pacer.taken();
        if !self.stacks {
            return wait_followed(s, order, "H2", self.pause);
        }
        // A stack is read when its mutator passes. And all caches must be black, also those that nobody has: a conservative
        // word may name any slot (G-1).
        wait_passed(s, order, "H2", self.pause)?;
        serve_free(s, order);
        wait_passed(s, order, "H2", self.pause)?;
        self.mark_stacks();
        Ok(())
    }

    /// The roots, marking, H2, and marking until a round finds that nobody shades any more.
    fn mark(&mut self, _: BarrierOn) -> Result<Marked, Stopped> {
        let start = Instant::now();
        let stopped = self.s.config.stop_the_world > 0;
        self.s.weak.begin_marking();
        // Before any foreign stack turns black: it could read a root that is dropped before it is scanned.
        if !self.s.mutant(Mutant::RootsLate) {
            self.mark_roots();
        }
        // Who is held marks nothing meanwhile.
        if stopped {
            self.black_on()?;
            hold(self.s, self.marking(), self.pause)?;
        }
        self.s.coordinator.open_marking(true);
        let phase = self.s.helpers.open(self.s, self.helpers);
        if !stopped {
            self.drain(true)?;
            self.black_on()?;
        }
        if self.s.mutant(Mutant::RootsLate) {
            self.mark_roots();
        }
        let mut waiting_from = None;
        loop {
            let mut pushed = self.drain(false)?;
            while self.mark_values() {
                pushed = self.drain(false)?;
            }
            // A round begins with no grey object outside of contexts. If from now until all have passed
            // no context shades and none publishes, there was none inside either, and every white handle is gone.
            let shades = self.s.sum(|c| &c.shades);
            if self.s.grey.drained() != Some(pushed) {
                continue;
            }
            if self.s.mutant(Mutant::NoRound) {
                self.s.weak.close();
                break;
            }
            self.report.rounds += 1;
            waiting_from.get_or_insert(self.s.pacer.taken());
            self.s.weak.begin_round();
            // A round lets go whom `hold` held.
            let order = self.publish(self.marking());
            if self.s.mutant(Mutant::FollowRound) {
                wait_followed(self.s, order, "R", self.pause)?;
            } else {
                wait_passed(self.s, order, "R", self.pause)?;
            }
            // The counters at the end, not what each context found at its pass: with two guards in one
            // task a shade can land in a context that has passed already.
            let quiet = self.s.sum(|c| &c.shades) == shades || self.s.mutant(Mutant::PassOnly);
            if quiet && self.s.grey.drained() == Some(pushed) && self.close_gate() {
                break;
            }
        }
        self.s.coordinator.open_marking(false);
        let mut turn = 0;
        while !phase.close() {
            self.pause.pause(Point::Assists(turn))?;
            turn += 1;
        }
        self.report.mark = start.elapsed();
        self.late += waiting_from.map_or(0, |from| self.s.pacer.taken() - from);
        self.check()?;
        self.bury()?;
        Ok(Marked)
    }

    /// `Config::check_mark`: with all guards held, a walk finds nothing that is not marked.
    fn check(&mut self) -> Result<(), Stopped> {
        let s = self.s;
        if s.config.check_mark {
            if hold(s, self.marking(), self.pause)? {
                // ORDER: Relaxed — a number.
                s.walked.fetch_add(verify::reached_is_marked(s), Ordering::Relaxed);
            }
            self.publish(self.marking());
        }
        Ok(())
    }

    /// The last look at the weak names: from here on they give marked objects only.
    fn close_gate(&self) -> bool {
        self.s.mutant(Mutant::NoGate) || self.s.weak.close()
    }

    /// Marks are final: weak names of dead objects are cleared, and their cleanups are due.
    fn bury(&mut self) -> Result<(), Stopped> {
        let (s, pause) = (self.s, &mut *self.pause);
        // SAFETY: WEAK-1 — objects in the tables are not swept before this cycle's H3.
        let alive = |object| unsafe { s.heap.is_marked(&s.heap.object_of(object)) };
        s.cleanups.collect_due(&alive);
        s.ephemerons.clear(alive);
        if s.mutant(Mutant::NoClear) {
            s.weak.open();
        } else {
            s.weak.clear(&alive, || pause.pause(Point::Clear))?;
        }
        if s.rules.run_glue {
            s.cleanups.kick();
        }
        Ok(())
    }

    fn mark_roots(&mut self) {
        let (s, marker) = (self.s, &mut self.marker);
        // SAFETY: ROOT-1, GC-LIVE — a root's object is alive at least until the sweep after this cycle.
        s.roots.scan(|object| unsafe { marker.shade(object) });
    }

    /// Shades the values of ephemerons whose keys are marked; whether one was white.
    fn mark_values(&mut self) -> bool {
        let (s, marker) = (self.s, &mut self.marker);
        if s.mutant(Mutant::NoValues) || (s.mutant(Mutant::ValuesOnce) && self.report.rounds > 0) {
            return false;
        }
        let mut any = false;
        // SAFETY: EPH-1 — objects of the table are not swept before this cycle's H3.
        let marked = |object| unsafe { s.heap.is_marked(&s.heap.object_of(object)) };
        s.ephemerons.values(marked, |value| {
            if !marked(value) {
                any = true;
                // SAFETY: EPH-1 — as above.
                unsafe { marker.shade(value) };
            }
        });
        any
    }

    /// What foreign stacks named when they turned black.
    fn mark_stacks(&mut self) {
        let (s, marker) = (self.s, &mut self.marker);
        s.stacks.take(s, |word, exact| {
            let object = match exact {
                true => NonNull::new(core::ptr::with_exposed_provenance_mut(word)),
                false => s.heap.find_unmarked(word).map(|o| o.base),
            };
            if let Some(object) = object {
                // SAFETY: STACK-MAP — alive: a word of a stack that its owner vouches for, or found to be an object.
                unsafe { marker.shade(object) };
            }
        });
    }

    /// The mode while marking.
    fn marking(&self) -> Mode {
        if self.stacks { Mode::SHADE_BLACK.with_old() } else { Mode::SHADE_BLACK }
    }

    /// Marks until nothing is grey outside of contexts; the number of blocks published until then. `white`: objects are born
    /// white. A program that names each new object would give marking something to do for ever, so it also ends at the goal, or
    /// when the heap has grown by what was alive.
    fn drain(&mut self, white: bool) -> Result<u64, Stopped> {
        let start = Instant::now();
        let mut turn = 0;
        loop {
            let (s, pause) = (self.s, &mut *self.pause);
            let roots = s.roots.bytes();
            let mut quanta = 0u32;
            let most = self.taken_at_start + s.pacer.marked().max(FLOOR);
            let is_over = || s.pacer.live() >= s.pacer.goal() || s.pacer.taken() >= most;
            let is_enough = || white && is_over();
            let ended = self.marker.drain(|| {
                if quanta.is_multiple_of(REVISE) {
                    s.pacer.revise(s.work.scanned(), roots);
                }
                quanta += 1;
                pause.pause(Point::Mark).map_err(Some)?;
                if is_enough() { Err(None) } else { Ok(()) }
            });
            if let Err(Some(stopped)) = ended {
                return Err(stopped);
            }
            let drained = self.s.grey.drained();
            if drained.is_some() || is_enough() {
                self.report.work += start.elapsed();
                return Ok(drained.unwrap_or(0));
            }
            if self.helpers > 0 {
                s.grey.want();
            }
            self.pause.pause(Point::Assists(turn))?;
            turn += 1;
        }
    }

    /// H3. Nobody may shade once the sweep clears marks.
    fn barrier_off(&mut self, _: Marked) -> Result<BarrierOff, Stopped> {
        let start = Instant::now();
        let s = self.s;
        let noscan = s.sum(|c| &c.noscan_bytes) - self.noscan_at_start;
        let order = self.publish(Mode::BLACK);
        wait_followed(s, order, "H3", self.pause)?;
        s.stacks.end_cycle();
        self.fresh = s.pacer.taken() - self.taken_at_black;
        self.report.at_end = s.pacer.live();
        self.report.marked = s.work.found() + noscan + self.fresh;
        self.report.h3 = start.elapsed();
        Ok(BarrierOff)
    }

    /// H4. From here on white objects are free memory. Contexts take it over as they pass; their stale spans
    /// they sweep themselves. Nobody waits here: the next cycle does.
    fn flip(mut self, _: BarrierOff) -> Report {
        let s = self.s;
        let generation = s.heap.advance_sweepgen();
        let hold = s.config.stop_the_world > 1;
        s.g.publish(generation, if hold { Mode::IDLE.held() } else { Mode::IDLE });
        self.report.assist = Duration::from_nanos(s.pacer.assist_ns());
        let ns = (self.report.h1 + self.report.mark).as_nanos() as u64;
        let (marked, room) = (self.report.marked, s.room());
        let (scanned, roots) = (s.work.scanned(), s.roots.bytes());
        let (fresh, late) = (self.fresh, self.late);
        s.pacer.learn(End { marked, fresh, scanned, roots, late, ns }, room);
        pressure::look(s, marked, room);
        core::mem::take(&mut self.report)
    }

    fn publish(&self, mode: Mode) -> Order {
        self.s.g.publish(self.s.heap.sweepgen(), mode)
    }
}

/// Sweeps what nobody else has swept, and waits until every context has taken over the flip. Then every mark
/// is clear, every buffer is empty, and every context is in mode 0.
pub(crate) fn finish_sweep(s: &Shared, pause: &mut dyn Pause) -> Result<(), Stopped> {
    while s.heap.sweep_one().is_some() {
        s.dead.kick(s);
        pause.pause(Point::Sweep)?;
    }
    let mut order = s.g.get();
    serve_free(s, order);
    if order.mode().holds() && !pass_in_time(s, order, pause)? {
        order = s.g.publish(s.heap.sweepgen(), Mode::IDLE);
        serve_free(s, order);
    }
    wait_followed(s, order, "H4", pause)?;
    // Contexts that follow gave their stale spans back swept, or to the unswept list.
    serve_free(s, order);
    while !s.heap.sweep_done() {
        if s.heap.sweep_one().is_none() {
            pause.pause(Point::Sweep)?;
        }
    }
    if order.mode().holds() {
        s.g.publish(s.heap.sweepgen(), Mode::IDLE);
    }
    s.pacer.swept();
    s.dead.kick(s);
    Ok(())
}
