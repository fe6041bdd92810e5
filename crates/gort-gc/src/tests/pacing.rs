//! The pacer's rule against simulated programs: the nineteen that Go's pacer is tested with, by rates, growth and checks.
//!
//! A cycle is played in steps of half a millisecond. In each, the ratio in force decides which share of the processors
//! scans (assists hold an allocation to its debt; background workers are the least), and so how much is scanned and
//! allocated. What random streams give differs from Go's; the bounds are the same.

use std::f64::consts::TAU;

use gort_sys::chance::Chance;

use crate::pace::{Done, FLOOR, Pace, Plan, Progress, SHARE, room};

const MIB: u64 = 1 << 20;

/// A value for each cycle.
enum Stream {
    Constant(f64),
    /// From 0 to a height in so many steps; then it stays.
    Ramp(f64, u32),
    /// Once, then 0.
    Unit(f64),
    /// Amplitude and period.
    Oscillate(f64, u32),
    Random(f64, Chance),
    /// 0 for so many cycles, then the other from its start.
    Delay(u32, Box<Stream>),
    Sum(Vec<Stream>),
}
use Stream::*;

impl Stream {
    fn at(&mut self, cycle: u32) -> f64 {
        match self {
            Constant(x) => *x,
            Ramp(height, steps) => *height * f64::from(cycle.min(*steps)) / f64::from(*steps),
            Unit(x) => {
                if cycle == 0 {
                    *x
                } else {
                    0.0
                }
            }
            Oscillate(amplitude, period) => {
                (f64::from(cycle % *period) / f64::from(*period) * TAU).sin() * *amplitude
            }
            Random(amplitude, chance) => {
                (chance.draw() as f64 / u64::MAX as f64 - 0.5) * 2.0 * *amplitude
            }
            Delay(cycles, stream) => cycle.checked_sub(*cycles).map_or(0.0, |c| stream.at(c)),
            Sum(streams) => streams.iter_mut().map(|s| s.at(cycle)).sum(),
        }
    }
}

fn random(amplitude: f64, seed: u64) -> Stream {
    Random(amplitude, Chance::seed(seed))
}

/// Doubles at first, and stops growing after some cycles.
fn settles(from: f64, cycles: u32) -> Vec<Stream> {
    vec![Constant(from), Ramp(1.0 - from, cycles)]
}

struct Program {
    percent: Option<u32>,
    limit: Option<u64>,
    globals: u64,
    /// KiB per millisecond and processor.
    alloc: Stream,
    scan: f64,
    growth: Vec<Stream>,
    scannable: Stream,
    stacks: Stream,
    cycles: u32,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            percent: Some(100),
            limit: None,
            globals: 32 << 10,
            alloc: Constant(33.0),
            scan: 1024.0,
            growth: settles(2.0, 12),
            scannable: Constant(1.0),
            stacks: Constant(8192.0),
            cycles: 50,
        }
    }
}

/// What a cycle came to.
#[derive(Debug, Clone, Copy)]
struct Cycle {
    n: usize,
    marked: u64,
    trigger: u64,
    goal: u64,
    peak: u64,
    share: f64,
}

impl Cycle {
    fn goal_ratio(&self) -> f64 {
        self.peak as f64 / self.goal as f64
    }
    fn trigger_ratio(&self) -> f64 {
        (self.trigger - self.marked) as f64 / (self.goal - self.marked) as f64
    }
}

const PROCS: f64 = 8.0;
/// Half a millisecond, in KiB-per-millisecond rates.
const STEP: f64 = 1024.0 * 0.5;

fn play(mut p: Program) -> Vec<Cycle> {
    let mut pace = Pace::new(p.percent, FLOOR);
    let room = p.limit.map_or(u64::MAX, |limit| room(limit, 0, 0));
    let (mut out, mut black_before, mut roots_before) = (Vec::new(), 0u64, 0u64);
    let mut scannable_now = 0.0;
    for i in 0..p.cycles {
        let alloc = p.alloc.at(i).max(1e-4);
        let growth = p.growth.iter_mut().map(|s| s.at(i)).sum::<f64>().max(1e-4);
        let scannable = p.scannable.at(i).clamp(0.0, 1.0);
        let stacks = (p.stacks.at(i).max(0.0) / 2048.0).floor() as u64 * 2048;
        let roots = stacks + p.globals;
        let Plan { trigger, .. } = pace.plan(room);
        let start = trigger.max(pace.marked);
        scannable_now += (start - pace.marked) as f64 * scannable;
        // The work that is expected is the last stacks' and the globals'; the most there can be, all.
        pace.roots = roots_before + p.globals;
        pace.start(start);
        let marked =
            if i == 0 { 256 << 10 } else { ((pace.marked - black_before) as f64 * growth) as u64 };
        let heap_work = marked as f64 * scannable;
        let total = roots as f64 + heap_work;
        let (mut live, mut work, mut time, mut assists) = (start, 0.0, 0.0, 0.0);
        while work < total {
            let now = Progress { live, scannable: scannable_now as u64, roots, work: work as u64 };
            let owed = pace.ratio(now, room);
            let share = (owed * alloc / (owed * alloc + p.scan)).max(SHARE);
            let (scans, allocs) =
                (p.scan * STEP * PROCS * share, alloc * STEP * PROCS * (1.0 - share));
            let part = ((total - work) / scans).min(1.0);
            work += scans * part;
            live += (allocs * part) as u64;
            scannable_now += allocs * part * scannable;
            time += part;
            assists += part * (share - SHARE);
        }
        let share = assists / time + SHARE;
        let goal = pace.plan(room).goal;
        out.push(Cycle {
            n: i as usize + 1,
            marked: pace.marked,
            trigger: start,
            goal,
            peak: live,
            share,
        });
        let (scanned, assists) = (heap_work as u64, assists / time);
        let done = Done { live, scanned, roots, fresh: 0, late: 0, assists };
        pace.learn(done);
        let black = live - start;
        pace.flip(marked + black, done);
        scannable_now = heap_work;
        (black_before, roots_before) = (black, stacks);
    }
    out
}

/// The share is the target's, stays there, and the goal is met.
fn steady(cycles: &[Cycle], from: usize) {
    for pair in cycles.windows(2).filter(|pair| pair[1].n >= from) {
        let c = pair[1];
        assert!((c.share - SHARE).abs() <= 0.005, "{c:?}");
        assert!((c.share - pair[0].share).abs() <= 0.005, "{c:?}");
        assert!((0.95..=1.05).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
    }
}

/// Settled before and after a step in the fiftieth cycle, at whatever share.
fn settled_twice(cycles: &[Cycle]) {
    for pair in cycles.windows(2).filter(|p| (25..50).contains(&p[1].n) || p[1].n >= 75) {
        let c = pair[1];
        assert!((c.share - pair[0].share).abs() <= 0.005, "{c:?}");
        assert!((0.95..=1.05).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
    }
}

#[test]
fn steady_heap() {
    steady(&play(Program::default()), 25);
}

#[test]
fn steady_with_big_stacks() {
    let stacks = Sum(vec![Constant(2048.0), Ramp((128 * MIB) as f64, 8)]);
    steady(&play(Program { alloc: Constant(132.0), stacks, ..Program::default() }), 25);
}

#[test]
fn steady_with_big_globals() {
    steady(&play(Program { alloc: Constant(132.0), globals: 128 * MIB, ..Program::default() }), 25);
}

#[test]
fn step_in_allocation() {
    for height in [66.0, 330.0] {
        let step = Delay(50, Box::new(Ramp(height, 1)));
        let alloc = Sum(vec![Constant(33.0), step]);
        settled_twice(&play(Program { alloc, cycles: 100, ..Program::default() }));
    }
}

#[test]
fn step_in_the_scannable_part() {
    let scannable = Sum(vec![Constant(0.2), Delay(50, Box::new(Unit(0.5)))]);
    let program = Program { alloc: Constant(128.0), scannable, cycles: 100, ..Program::default() };
    settled_twice(&play(program));
}

#[test]
fn high_percent() {
    let mut growth = settles(2.0, 12);
    growth.extend([random(0.01, 1), Delay(25, Box::new(Unit(14.0)))]);
    let alloc = Sum(vec![Constant(165.0), random(7.0, 0x53)]);
    let cycles = play(Program { percent: Some(1500), alloc, growth, ..Program::default() });
    for pair in cycles.windows(2).filter(|pair| pair[1].n > 12) {
        let c = pair[1];
        // A jump in what is alive is met by growth, up to what the next goal allows.
        let most = if c.n == 26 { 15.0 } else { 1.05 };
        assert!((0.90..=most).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
        assert!(
            (c.share - SHARE).abs() <= SHARE + 0.03 && (c.share - pair[0].share).abs() <= 0.03,
            "{c:?}"
        );
    }
}

#[test]
fn oscillating_allocation() {
    let alloc = Sum(vec![Constant(67.0), Oscillate(13.0, 8)]);
    for c in play(Program { alloc, ..Program::default() }).iter().filter(|c| c.n > 12) {
        assert!((0.95..=1.05).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
        assert!((0.25..=0.3).contains(&c.share), "{c:?}");
    }
}

#[test]
fn jittering_allocation() {
    for seed in 0..20 {
        let mut growth = settles(2.0, 12);
        growth.push(random(0.01, seed + 100));
        let alloc = Sum(vec![Constant(132.0), random(13.0, seed)]);
        for c in play(Program { alloc, growth, ..Program::default() }).iter().filter(|c| c.n > 12) {
            assert!((0.95..=1.03).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
            assert!((0.25..=0.285).contains(&c.share), "{c:?}");
        }
    }
}

#[test]
fn heavily_jittering_allocation() {
    for seed in 0..20 {
        let mut growth = settles(2.0, 12);
        growth.push(random(0.01, seed + 100));
        let alloc = Sum(vec![Constant(330.0), random(33.0, seed)]);
        let cycles = play(Program { alloc, growth, ..Program::default() });
        for pair in cycles.windows(2).filter(|pair| pair[1].n > 13) {
            let c = pair[1];
            assert!((0.95..=1.05).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
            assert!(
                (c.share - pair[0].share).abs() <= 0.06
                    && (c.share - cycles[11].share).abs() <= 0.06,
                "{c:?}"
            );
        }
    }
}

/// Little is allocated: the trigger stays near the goal, but not too near.
#[test]
fn slow_allocation() {
    for (from, settle, check_from) in [(2.0, 3, 4), (2.0, 8, 9)] {
        let program = Program {
            alloc: Constant(1.0),
            scan: 2048.0,
            growth: settles(from, settle),
            scannable: Constant(0.01),
            ..Program::default()
        };
        let cycles = play(program);
        for c in cycles.iter().filter(|c| c.n > check_from) {
            assert!((0.925..=1.025).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
            assert!((0.925..=0.975).contains(&c.trigger_ratio()), "{} {c:?}", c.trigger_ratio());
        }
        slow_share(&cycles);
    }
}

#[test]
fn slow_allocation_in_a_large_heap() {
    let program = Program {
        alloc: Constant(1.0),
        scan: 2048.0,
        growth: settles(4.0, 12),
        scannable: Constant(0.01),
        ..Program::default()
    };
    let cycles = play(program);
    for c in cycles.iter().filter(|c| c.n > 13) {
        assert!((0.95..=1.05).contains(&c.goal_ratio()), "{} {c:?}", c.goal_ratio());
        assert!((c.goal - c.trigger).abs_diff(FLOOR) <= 64 << 10, "{c:?}");
    }
    slow_share(&cycles);
}

fn slow_share(cycles: &[Cycle]) {
    for c in cycles.iter().filter(|c| c.n > 25) {
        assert!(
            (c.share - SHARE).abs() <= 0.005 && (c.share - cycles[11].share).abs() <= 0.05,
            "{c:?}"
        );
    }
}

const LIMIT: u64 = 512 * MIB;

fn limited(percent: Option<u32>, from: f64) -> Vec<Cycle> {
    play(Program { percent, limit: Some(LIMIT), growth: settles(from, 12), ..Program::default() })
}

/// A limit that is far away changes nothing.
#[test]
fn steady_with_a_limit() {
    let cycles = limited(Some(100), 2.0);
    assert!(cycles.iter().all(|c| c.peak < room(LIMIT, 0, 0)));
    steady(&cycles, 25);
}

/// Without a percent the heap grows to the limit.
#[test]
fn steady_with_a_limit_alone() {
    let cycles = limited(None, 2.0);
    assert!(cycles.iter().all(|c| c.goal == room(LIMIT, 0, 0)));
    steady(&cycles, 25);
}

/// More is alive than the limit: the goal is as low as can be, and the collector takes what it can. (Holding it to half is
/// the limiter's part.)
#[test]
fn more_alive_than_the_limit() {
    for percent in [Some(100), None] {
        let cycles = limited(percent, 3.5);
        for pair in cycles.windows(2) {
            let c = pair[1];
            assert!(percent.is_some() || c.n >= 10 || c.goal == room(LIMIT, 0, 0), "{c:?}");
            assert!(c.n <= 12 || c.goal == c.trigger, "{c:?}");
            if c.n >= 25 {
                assert!(
                    (c.share - 1.0).abs() <= 0.005 && (c.share - pair[0].share).abs() <= 0.005,
                    "{c:?}"
                );
            }
        }
    }
}

/// The limit is reached and kept.
#[test]
fn at_the_limit() {
    for percent in [Some(100), None] {
        let cycles = limited(percent, 3.0);
        assert!(
            cycles.iter().all(|c| (percent.is_some() && c.n <= 12) || c.goal == room(LIMIT, 0, 0))
        );
        steady(&cycles, 25);
    }
}
