//! Limits that control groups set, in both versions and over all ancestors.
//!
//! A process is in one group of each hierarchy. Its groups stand in `/proc/self/cgroup`, where the hierarchies are mounted in
//! `/proc/self/mountinfo`. A limit of any ancestor binds as well as the group's own, so the smallest one counts; Go and the
//! standard library look at less (Go at the leaf alone).
//!
//! | | version 1 | version 2 |
//! |---|---|---|
//! | processor time | `cpu.cfs_quota_us` (-1: none) per `cpu.cfs_period_us` | `cpu.max`: quota or `max`, and period |
//! | memory | `memory.limit_in_bytes` (near 2^63: none) | `memory.max` or `max` |
//!
//! A controller is in one hierarchy only: in version 1's if a line of `/proc/self/cgroup` names it, else in version 2's.

use crate::file::{self, Path};

/// Processor time that a group may use: `quota` in every `period`, both in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuLimit {
    /// Microseconds of processor time.
    pub quota: u64,
    /// In so many microseconds of time; not 0.
    pub period: u64,
}

impl CpuLimit {
    /// Whole processors, rounded up; at least 1.
    pub const fn processors(self) -> u32 {
        let n = self.quota.div_ceil(self.period);
        if n == 0 {
            1
        } else if n > u32::MAX as u64 {
            u32::MAX
        } else {
            n as u32
        }
    }

    fn stricter(self, other: Self) -> Self {
        let (mine, theirs) = (
            u128::from(self.quota) * u128::from(other.period),
            u128::from(other.quota) * u128::from(self.period),
        );
        if mine <= theirs { self } else { other }
    }
}

/// What binds a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The strictest limit of processor time.
    pub cpu: Option<CpuLimit>,
    /// The smallest limit of memory, in bytes.
    pub memory: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A group in its hierarchy's mount.
#[derive(Clone, Copy, Debug)]
struct Group {
    version: Version,
    path: Path,
    /// Bytes of the mount point: no ancestor is above it.
    mount: usize,
}

impl Group {
    /// Calls `f` with this group's directory and with each ancestor's, inside out.
    fn each(&self, mut f: impl FnMut(&Path)) {
        let mut at = self.path;
        loop {
            f(&at);
            if !at.pop(self.mount) {
                return;
            }
        }
    }
}

/// The groups of a process that limit processor time and memory. Finding them reads two tables; reading the limits then costs
/// a small file or two for each ancestor. Processes are seldom moved between groups.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups {
    cpu: Option<Group>,
    memory: Option<Group>,
}

impl Groups {
    /// The calling process's groups. `root` is put before every path: empty for this system, a directory for a recorded one.
    pub fn find(root: &str) -> Self {
        Self { cpu: find(root, b"cpu"), memory: find(root, b"memory") }
    }

    /// The limits now.
    pub fn limits(&self) -> Limits {
        Limits { cpu: self.cpu_limit(), memory: self.memory_limit() }
    }

    /// The strictest limit of processor time now.
    pub fn cpu_limit(&self) -> Option<CpuLimit> {
        let group = self.cpu?;
        let mut limit: Option<CpuLimit> = None;
        group.each(|dir| {
            if let Some(here) = cpu_of(dir, group.version) {
                limit = Some(limit.map_or(here, |l| l.stricter(here)));
            }
        });
        limit
    }

    /// The smallest limit of memory now, in bytes.
    pub fn memory_limit(&self) -> Option<u64> {
        let group = self.memory?;
        let name: &[u8] = match group.version {
            Version::One => b"/memory.limit_in_bytes",
            Version::Two => b"/memory.max",
        };
        let mut limit = None;
        group.each(|dir| {
            let mut buf = [0; 64];
            let here = dir.with(name).and_then(|p| file::number(file::read(&p, &mut buf)?));
            // Version 1 says "none" by the largest multiple of a page below 2^63.
            let here = here.filter(|n| *n < 1 << 62);
            limit = match (limit, here) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        });
        limit
    }
}

fn cpu_of(dir: &Path, version: Version) -> Option<CpuLimit> {
    let (mut a, mut b) = ([0; 64], [0; 64]);
    let (quota, period) = match version {
        Version::Two => {
            let text = file::read(&dir.with(b"/cpu.max")?, &mut a)?;
            let mut words = text.split(|b| *b == b' ');
            (file::number(words.next()?)?, file::number(words.next().unwrap_or(b"100000"))?)
        }
        Version::One => (
            file::number(file::read(&dir.with(b"/cpu.cfs_quota_us")?, &mut a)?)?,
            file::number(file::read(&dir.with(b"/cpu.cfs_period_us")?, &mut b)?)?,
        ),
    };
    (quota != 0 && period != 0).then_some(CpuLimit { quota, period })
}

/// The group of a controller.
fn find(root: &str, controller: &[u8]) -> Option<Group> {
    let root = root.as_bytes();
    let mut own: Option<(Version, Path)> = None;
    file::lines(&Path::new(&[root, b"/proc/self/cgroup"])?, |line| {
        // hierarchy-id:controllers:path
        let mut fields = line.splitn(3, |b| *b == b':');
        let (id, list, path) = (fields.next(), fields.next(), fields.next());
        let (Some(id), Some(list), Some(path)) = (id, list, path) else { return true };
        if list.split(|b| *b == b',').any(|c| c == controller) {
            own = Path::new(&[path]).map(|p| (Version::One, p));
            return false;
        }
        if id == b"0" && list.is_empty() {
            own = Path::new(&[path]).map(|p| (Version::Two, p));
        }
        true
    });
    let (version, own) = own?;
    let mut group = None;
    file::lines(&Path::new(&[root, b"/proc/self/mountinfo"])?, |line| {
        group = mounted(root, line, version, own.as_bytes(), controller);
        group.is_none()
    });
    group
}

/// The group's place, if the line of `mountinfo` is the mount of its hierarchy.
fn mounted(
    root: &[u8],
    line: &[u8],
    version: Version,
    own: &[u8],
    controller: &[u8],
) -> Option<Group> {
    // id parent major:minor ROOT POINT options [fields] - TYPE source OPTIONS
    let mut words = line.split(|b| *b == b' ');
    let (from, point) = (words.nth(3)?, words.next()?);
    let mut words = words.skip_while(|w| *w != b"-").skip(1);
    let kind = words.next()?;
    let options = words.nth(1).unwrap_or(b"");
    let right = match version {
        Version::Two => kind == b"cgroup2",
        Version::One => kind == b"cgroup" && options.split(|b| *b == b',').any(|o| o == controller),
    };
    if !right {
        return None;
    }
    // What is mounted is the group `from`, so only what lies below it can be seen.
    let below = match own.strip_prefix(from.strip_suffix(b"/").unwrap_or(from)) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => rest,
        // The group lies outside of what is mounted: the mounted group is the nearest ancestor that can be seen.
        _ => b"",
    };
    let below = below.strip_suffix(b"/").unwrap_or(below);
    let mut place = [0; 512];
    let point = unescape(point, &mut place)?;
    let path = Path::new(&[root, point, below])?;
    Some(Group { version, path, mount: root.len() + point.len() })
}

/// Undoes the octal escapes of `mountinfo` (`\040` is a space).
fn unescape<'a>(text: &[u8], buf: &'a mut [u8; 512]) -> Option<&'a [u8]> {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let octal = text
            .get(from..from + 4)
            .filter(|t| t[0] == b'\\' && t[1..].iter().all(|d| (b'0'..=b'7').contains(d)));
        let byte = match octal {
            Some(t) => t[1..].iter().fold(0u32, |n, d| n * 8 + u32::from(d - b'0')) as u8,
            None => text[from],
        };
        from += if octal.is_some() { 4 } else { 1 };
        *buf.get_mut(to)? = byte;
        to += 1;
    }
    Some(&buf[..to])
}
