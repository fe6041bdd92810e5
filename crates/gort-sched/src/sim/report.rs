//! What a simulation leaves: [`Report`], its [`Outcome`], and the log of [`Event`]s.

use super::Strategy;
use core::fmt;
use std::time::Duration;

/// What happened in one simulation.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How choices were made; never `Mixed`.
    pub strategy: Strategy,
    /// Points passed and goroutines switched to.
    pub steps: u64,
    /// Goroutines switched to.
    pub switches: u64,
    /// Virtual time from the start to the end.
    pub time: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// A hash of all events. Two runs with the same are the same.
    pub fingerprint: u64,
    /// The events, up to the number that was asked for.
    pub events: Vec<Event>,
    /// A goroutine would not end even when all waits did; its memory stays.
    pub stuck: bool,
}

impl Report {
    /// The log as text, a line for each event.
    pub fn log(&self) -> String {
        use fmt::Write;
        let mut text = String::new();
        for event in &self.events {
            let _ = writeln!(text, "{event}");
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {} ({:?}), {} steps, {} switches, {:?}: {}",
            self.seed, self.strategy, self.steps, self.switches, self.time, self.outcome
        )
    }
}

/// How a simulation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The main goroutine ended, and so did all others.
    Ok,
    /// A goroutine panicked: the main one, or one whose panic nobody took from its handle.
    Panic {
        /// The goroutine's number, 0 if it is not known.
        goroutine: u64,
        /// What it said.
        message: String,
    },
    /// Everybody waits, and nobody is left to wake them.
    Deadlock(Vec<Blocked>),
    /// The main goroutine ended, and these did not within the grace.
    Leak(Vec<Blocked>),
    /// The run was cut off.
    StepLimit {
        /// After so many steps.
        steps: u64,
    },
}

impl Outcome {
    /// Whether nothing was found.
    pub fn is_ok(&self) -> bool {
        *self == Self::Ok
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, blocked) = match self {
            Self::Ok => return f.write_str("ok"),
            Self::Panic { goroutine: 0, message } => {
                return write!(f, "a goroutine panicked: {message}");
            }
            Self::Panic { goroutine, message } => {
                return write!(f, "goroutine {goroutine} panicked: {message}");
            }
            Self::StepLimit { steps } => return write!(f, "cut off after {steps} steps"),
            Self::Deadlock(blocked) => ("all goroutines are asleep - deadlock!", blocked),
            Self::Leak(blocked) => ("goroutines outlive the main one:", blocked),
        };
        f.write_str(what)?;
        blocked.iter().try_for_each(|b| write!(f, "\n  {b}"))
    }
}

/// A goroutine that had not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Its number.
    pub goroutine: u64,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Why it waits, in Go's words; or its state, if it does not.
    pub reason: &'static str,
    /// File and line of its spawn.
    pub created: Option<String>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {}", self.goroutine)?;
        if let Some(name) = &self.name {
            write!(f, " (\"{name}\")")?;
        }
        write!(f, " [{}]", self.reason)?;
        self.created.iter().try_for_each(|site| write!(f, " created by {site}"))
    }
}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    /// The step.
    pub step: u64,
    /// Virtual nanoseconds since the start.
    pub time_ns: u64,
    /// The goroutine that ran, 0 if none did.
    pub goroutine: u64,
    /// What happened.
    pub what: What,
}

/// What an [`Event`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// A new goroutine can run.
    Spawn(u64),
    /// A goroutine that waited can run.
    Ready(u64),
    /// A goroutine runs.
    Run(u64),
    /// It comes to an operation.
    At(&'static str),
    /// It was switched out there.
    Preempt,
    /// It lets others run.
    Yield,
    /// It waits.
    Park(&'static str),
    /// It has ended.
    End,
    /// A primitive chose by this number.
    Draw(u64),
    /// Nobody can run before the next timer, or the processor was busy elsewhere until then.
    Jump,
    /// Something was found, and goroutines are made to end.
    Stop,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, time_ns, goroutine, .. } = self;
        write!(f, "{step:>6} {:>6}.{:09} ", time_ns / 1_000_000_000, time_ns % 1_000_000_000)?;
        match goroutine {
            0 => f.write_str("  -  ")?,
            g => write!(f, "g{g:<4}")?,
        }
        match self.what {
            What::Spawn(g) => write!(f, "spawn g{g}"),
            What::Ready(g) => write!(f, "ready g{g}"),
            What::Run(g) => write!(f, "run g{g}"),
            What::At(what) => write!(f, "at {what}"),
            What::Preempt => f.write_str("preempt"),
            What::Yield => f.write_str("yield"),
            What::Park(reason) => write!(f, "wait [{reason}]"),
            What::End => f.write_str("end"),
            What::Draw(n) => write!(f, "draw {n:#x}"),
            What::Jump => f.write_str("jump"),
            What::Stop => f.write_str("stop"),
        }
    }
}
