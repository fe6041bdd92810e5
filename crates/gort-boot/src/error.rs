//! Why a boot failed: the resource, and the numbers.

use crate::env::EnvError;
use crate::init_tasks::InitError;
use core::fmt;
use gort_gc::MemError;
use gort_sched::SchedError;
use gort_stack::Class;

/// A stage could not be passed.
#[derive(Debug)]
#[non_exhaustive]
pub enum BootError {
    /// Stage 1: the thread words are not where the code looks for them.
    ThreadWords,
    /// Stage 2: an assumption about the machine does not hold.
    Platform {
        /// What should hold.
        what: &'static str,
    },
    /// Stage 5: a variable of the environment.
    Env(EnvError),
    /// Stage 7: no address space or memory for the heap.
    Memory(MemError),
    /// Stage 8: the init tasks.
    Init(InitError),
    /// Stages 6, 11, 13: threads, processors, handlers.
    Sched(SchedError),
    /// Stage 11: a stack size that no class has.
    StackSize {
        /// Bytes asked for.
        bytes: usize,
    },
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThreadWords => f.write_str(
                "Rt0: the thread-local words cannot be reached; was the program linked in an unusual way?",
            ),
            Self::Platform { what } => write!(f, "Check: this machine breaks an assumption: {what}"),
            Self::Env(e) => write!(f, "EarlyEnv: {e}"),
            Self::Memory(e) => write!(f, "MallocInit: {e}"),
            Self::Init(e) => write!(f, "ModulesInit: {e}"),
            Self::Sched(e) => write!(f, "SchedInit: {e}"),
            Self::StackSize { bytes } => write!(
                f,
                "SchedInit: a stack of {bytes} bytes was asked for; the largest is {} bytes",
                Class::LARGEST.usable()
            ),
        }
    }
}

impl std::error::Error for BootError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Env(e) => Some(e),
            Self::Init(e) => Some(e),
            Self::Sched(e) => Some(e),
            _ => None,
        }
    }
}

impl From<EnvError> for BootError {
    fn from(e: EnvError) -> Self {
        Self::Env(e)
    }
}

impl From<MemError> for BootError {
    fn from(e: MemError) -> Self {
        Self::Memory(e)
    }
}

impl From<InitError> for BootError {
    fn from(e: InitError) -> Self {
        Self::Init(e)
    }
}

impl From<SchedError> for BootError {
    fn from(e: SchedError) -> Self {
        Self::Sched(e)
    }
}
