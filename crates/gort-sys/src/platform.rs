//! What this machine and this kernel have, asked once.
//!
//! | feature | who uses it | without it |
//! |---|---|---|
//! | [`Features::MEMBARRIER`] | the scheduler's hand-off, by [`crate::membarrier`] | a fence on both sides |
//! | [`Features::GUARD_REGIONS`] | guards of stacks (Linux 6.13) | `mprotect`, a mapping for each guard |
//! | [`Features::RSEQ`] | [`crate::cpu::current`], in the C library | the vDSO, some nanoseconds more |
//! | [`Features::VMA_NAMES`] | names in `/proc/PID/maps` | maps without names |
//! | [`Features::LAZY_FREE`] | [`Release::Free`](crate::Release) | the pages go at once |
//! | [`Features::POPULATE`] | [`Backend::populate`] | pages come at first touch |
//!
//! The users do not ask here first: they try, and fall back when the kernel refuses. [`pretend_without`] makes the refusals happen
//! on a kernel that has everything, so that a test can see the other way.

use crate::cgroup::{Groups, Limits};
use crate::errno::Kept;
use crate::file::{self, Path};
use crate::mem::{Backend, Linux, PageRange};
use crate::stat::SysStat;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::OnceLock;

/// A set of kernel features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(u32);

impl Features {
    /// `membarrier(2)`, private and expedited.
    pub const MEMBARRIER: Self = Self(1);
    /// `MADV_GUARD_INSTALL`.
    pub const GUARD_REGIONS: Self = Self(2);
    /// `rseq(2)`.
    pub const RSEQ: Self = Self(4);
    /// `PR_SET_VMA_ANON_NAME`.
    pub const VMA_NAMES: Self = Self(8);
    /// `MADV_FREE`.
    pub const LAZY_FREE: Self = Self(16);
    /// `MADV_POPULATE_WRITE`.
    pub const POPULATE: Self = Self(32);
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

static HIDDEN: AtomicU32 = AtomicU32::new(0);

/// For tests: the kernel is taken to be without these features from now on, in the whole process.
pub fn pretend_without(features: Features) {
    HIDDEN.store(features.0, Relaxed); // ORDER: Relaxed — a setting.
}

/// Whether a user of the feature must do without it whatever the kernel says.
pub(crate) fn hidden(feature: Features) -> bool {
    HIDDEN.load(Relaxed) & feature.0 != 0 // ORDER: Relaxed — a setting.
}

/// The machine in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Platform {
    /// Size of the system's page, in bytes.
    pub page: usize,
    /// Size of a huge page, in bytes, if there are any.
    pub huge_page: Option<usize>,
    /// Processors of the affinity mask.
    pub cpus: u32,
    /// Limits of the control groups.
    pub limits: Limits,
    /// Memory nodes; at least 1.
    pub nodes: u32,
    /// What the kernel has.
    pub features: Features,
}

/// This machine, as it was when somebody asked for the first time. Costs some two dozen system calls then, a load later.
pub fn platform() -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    PLATFORM.get_or_init(|| Platform {
        page: Linux.page_size(),
        huge_page: Linux.huge_page_size(),
        cpus: crate::cpu::usable(),
        limits: Groups::find("").limits(),
        nodes: crate::numa::topology().count(),
        features: probe(),
    })
}

/// Size of a huge page by `/sys`, in bytes; `None` if the kernel has none. `root` is put before the path.
pub fn huge_page(root: &str) -> Option<usize> {
    let mut buf = [0; 32];
    let name = b"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";
    let path = Path::new(&[root.as_bytes(), name])?;
    let size = usize::try_from(file::number(file::read(&path, &mut buf)?)?).ok()?;
    size.is_power_of_two().then_some(size)
}

fn probe() -> Features {
    let _errno = Kept::new();
    let mut found = Features::NONE;
    let mut note = |feature, has| {
        if has {
            found = found.and(feature);
        }
    };
    // SAFETY: SYS-MEMBARRIER — the query takes no pointers.
    let commands = unsafe { libc::syscall(libc::SYS_membarrier, 0, 0, 0) };
    note(Features::MEMBARRIER, commands > 0 && commands & crate::membarrier::EXPEDITED != 0);
    // SAFETY: SYS-CALL — refused for its arguments by a kernel that knows the call; nothing is registered.
    let refused = unsafe { libc::syscall(libc::SYS_rseq, 0, 0, 0, 0) } != 0;
    note(Features::RSEQ, refused && crate::errno::last() != libc::ENOSYS);
    // The rest is asked of a page of its own.
    let stat = SysStat::new();
    let page = Linux.page_size();
    if let Ok(r) = Linux.reserve(page, page, 0, &stat) {
        // SAFETY: MEM-2 — reserved just now.
        if unsafe { Linux.map(r, &stat) }.is_ok() {
            note(Features::VMA_NAMES, crate::mem::try_name(r, c"gort: probe").is_ok());
            note(Features::POPULATE, crate::mem::try_advice(r, crate::mem::MADV_POPULATE_WRITE));
            note(Features::LAZY_FREE, crate::mem::try_advice(r, libc::MADV_FREE));
            note(Features::GUARD_REGIONS, crate::mem::try_advice(r, MADV_GUARD_INSTALL));
        }
        let ready = stat.bytes().mapped as usize;
        // SAFETY: MEM-2 — nobody knows the range.
        unsafe { Linux.free(PageRange::new(r.base, page), ready, 0, &stat) };
    }
    found
}

/// Linux 6.13.
const MADV_GUARD_INSTALL: libc::c_int = 102;
