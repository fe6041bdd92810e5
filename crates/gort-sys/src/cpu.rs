//! Processors: how many this process may use, and which one it is on.
//!
//! Two things limit a process: its affinity mask and the quotas of its control groups. The number of processors that a
//! scheduler should count on by default is the smaller of the two, the quota rounded up and taken as two at least (a
//! single one would let a collector stop everything else).

use crate::cgroup::{CpuLimit, Groups};
use crate::lock::Lock;
use crate::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::SYS_ALLOCATES, n: 0, name: "sys.groups" };
static GROUPS: Lock<Option<Groups>> = Lock::new(&RANK, None);

/// Words of the largest affinity mask that is asked for: 8192 processors.
const WORDS: usize = 128;

/// Processors in the affinity mask, now; at least 1. One system call.
pub fn usable() -> u32 {
    let mut mask = [0u64; WORDS];
    let size = size_of_val(&mask);
    // SAFETY: SYS-AFFINITY — a live out-parameter of `size` bytes, which may be more than the C library's own type has.
    if unsafe { libc::sched_getaffinity(0, size, mask.as_mut_ptr().cast()) } != 0 {
        return 1;
    }
    mask.iter().map(|w| w.count_ones()).sum::<u32>().max(1)
}

/// The strictest quota of the process's control groups, now. The groups are found once; after that a call reads one or two
/// small files for each ancestor (about 10 µs each).
pub fn quota() -> Option<CpuLimit> {
    let mut groups = GROUPS.lock();
    groups.get_or_insert_with(|| Groups::find("")).cpu_limit()
}

/// How many processors a scheduler should count on, now: [`usable`] and [`quota`] put together by [`default_procs`]. Cheap
/// enough to ask once a second.
pub fn procs() -> u32 {
    default_procs(usable(), quota())
}

/// The smaller of the affinity mask's number and the quota, the latter rounded up and at least 2.
///
/// ```
/// use gort_sys::cgroup::CpuLimit;
/// use gort_sys::cpu::default_procs;
///
/// let quota = |quota| Some(CpuLimit { quota, period: 100_000 });
/// assert_eq!(default_procs(8, quota(200_001)), 3);
/// assert_eq!(default_procs(8, quota(50_000)), 2);
/// assert_eq!(default_procs(1, quota(50_000)), 1);
/// assert_eq!(default_procs(8, None), 8);
/// ```
pub const fn default_procs(usable: u32, quota: Option<CpuLimit>) -> u32 {
    let most = match quota {
        Some(limit) if limit.processors() < 2 => 2,
        Some(limit) => limit.processors(),
        None => u32::MAX,
    };
    if usable < most { usable } else { most }
}

/// Number of the processor that the calling thread is on, as of a moment ago. A few nanoseconds (the C library reads its
/// restartable-sequence area, else asks the vDSO).
pub fn current() -> Option<u32> {
    // SAFETY: SYS-CALL — takes nothing.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}
