//! What the bench's programs have in common, gort's and the peers' alike: the
//! parameters of every workload, the checks of results, the lines that carry
//! the figures.
//!
//! A program of the bench is told a workload by its first argument and the
//! number of processors by `GOMAXPROCS`; a second argument, `quick`, asks for a
//! small piece of the work, to see whether it works. With `--list` it names its
//! workloads. On standard output it prints, in any order,
//!
//! ```text
//! metric NAME VALUE UNIT
//! histogram NAME UNIT VALUE:COUNT VALUE:COUNT ..
//! ```
//!
//! A result that is not what the work must compute ends it with status 1 and a
//! line on standard error; an unknown workload with status 2; what the system
//! cannot do within its limits with status 3 and the reason. Programs in other
//! languages keep to the same.
//!
//! # Does not know
//! Any system that is measured; the bench that runs the programs.
//!
//! # Invariants
//! - KIT-1 The mask given to the kernel is a live `cpu_set_t` of the size that is told.
//!
//! # Locks
//! None.
//!
//! # Read in this order
//! [`parameters`] → [`program`] → [`report`] → [`histogram`] → [`random`] → [`machine`]
//!
//! An example of its use alone:
//!
//! ```
//! use gort_bench_kit::{Histogram, Random};
//!
//! let (mut random, mut seen) = (Random::new(1), Histogram::new());
//! for _ in 0..1000 {
//!     seen.record(random.below(500));
//! }
//! assert!((200..300).contains(&seen.quantile(0.5)));
//! ```

pub mod histogram;
pub mod machine;
pub mod parameters;
pub mod program;
pub mod random;
pub mod report;

pub use histogram::Histogram;
pub use machine::{pin_to_processors, processors, resident_bytes};
pub use parameters::Size;
pub use program::{Run, run};
pub use random::Random;
pub use report::{Wrong, cannot, fail, metric, millis, per_op, verify};
