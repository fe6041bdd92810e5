//! Memory nodes: how many, how far apart, and which one a thread or an address is on.
//!
//! A machine with one node is the common case and a valid answer everywhere: a system that does not know nodes has node 0.

use crate::errno::Kept;
use crate::file::{self, Path};
use std::sync::OnceLock;

/// Most nodes that are told apart.
pub const MOST: usize = 64;

/// The nodes of a machine. Numbers are the kernel's and may have gaps.
#[derive(Clone, PartialEq, Eq)]
pub struct Topology {
    online: u64,
    distance: [[u8; MOST]; MOST],
}

impl core::fmt::Debug for Topology {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.nodes()).finish()
    }
}

/// Distance of a node to itself, by convention of the firmware's table.
const SELF: u8 = 10;
/// Distance to another node, where the table does not say.
const OTHER: u8 = 20;

impl Topology {
    /// Reads a system's nodes. `root` is put before every path: empty for this system, a directory for a recorded one.
    pub fn read(root: &str) -> Self {
        let mut this = Self { online: 1, distance: [[OTHER; MOST]; MOST] };
        for (i, row) in this.distance.iter_mut().enumerate() {
            row[i] = SELF;
        }
        let (root, dir): (&[u8], &[u8]) = (root.as_bytes(), b"/sys/devices/system/node/");
        let mut buf = [0; 256];
        let list = Path::new(&[root, dir, b"online"]);
        let online = list.and_then(|p| mask(file::read(&p, &mut buf)?));
        let Some(online) = online.filter(|m| *m != 0) else { return this };
        this.online = online;
        for node in this.nodes() {
            let mut digits = [0; 2];
            let name = decimal(node as u8, &mut digits);
            let mut buf = [0; 512];
            let path = Path::new(&[root, dir, b"node", name, b"/distance"]);
            let Some(text) = path.and_then(|p| file::read(&p, &mut buf)) else { continue };
            // One number for each node that is online, in order.
            let numbers = text.split(|b| *b == b' ').filter(|w| !w.is_empty()).map(file::number);
            for (to, far) in this.nodes().zip(numbers) {
                if let Some(far) = far.and_then(|n| u8::try_from(n).ok()) {
                    this.distance[node as usize][to as usize] = far;
                }
            }
        }
        this
    }

    /// How many nodes there are; at least 1.
    pub fn count(&self) -> u32 {
        self.online.count_ones()
    }

    /// Their numbers, rising.
    pub fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        let online = self.online;
        (0..MOST as u32).filter(move |n| online >> n & 1 != 0)
    }

    /// How much slower node `to`'s memory is from node `from`, in tenths: 10 is the node's own. 255 for a node that is not there.
    pub fn distance(&self, from: u32, to: u32) -> u8 {
        let there = |n: u32| n < MOST as u32 && self.online >> n & 1 != 0;
        if there(from) && there(to) { self.distance[from as usize][to as usize] } else { u8::MAX }
    }

    /// The other nodes by rising distance from `from`, into `out`; how many.
    pub fn nearest(&self, from: u32, out: &mut [u32; MOST]) -> usize {
        let mut n = 0;
        for node in self.nodes().filter(|to| *to != from) {
            // Insertion keeps equal distances in order of their numbers.
            let far = self.distance(from, node);
            let at = (0..n).rfind(|i| self.distance(from, out[*i]) <= far).map_or(0, |i| i + 1);
            out.copy_within(at..n, at + 1);
            out[at] = node;
            n += 1;
        }
        n
    }
}

/// The kernel's list of numbers ("0-1,3") as a mask; `None` if it is no such list. Numbers from 64 on are left out.
fn mask(list: &[u8]) -> Option<u64> {
    let mut mask = 0;
    for part in list.split(|b| *b == b',') {
        let mut ends = part.splitn(2, |b| *b == b'-');
        let first = file::number(ends.next()?)?;
        let last = match ends.next() {
            Some(text) => file::number(text)?,
            None => first,
        };
        for n in (first..=last).take(MOST).filter(|n| *n < MOST as u64) {
            mask |= 1 << n;
        }
    }
    Some(mask)
}

fn decimal(n: u8, digits: &mut [u8; 2]) -> &[u8] {
    *digits = [b'0' + n / 10 % 10, b'0' + n % 10];
    if n < 10 { &digits[1..] } else { &digits[..] }
}

/// The nodes of this machine, read once.
pub fn topology() -> &'static Topology {
    static TOPOLOGY: OnceLock<Topology> = OnceLock::new();
    TOPOLOGY.get_or_init(|| Topology::read(""))
}

/// The node of the processor that the calling thread is on, as of a moment ago; 0 where the system does not know nodes.
pub fn current() -> u32 {
    let _errno = Kept::new();
    let (mut cpu, mut node) = (0u32, 0u32);
    let none = core::ptr::null_mut::<u8>();
    // SAFETY: SYS-CALL — two live out-parameters; the third is not used by any kernel.
    let result = unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, &raw mut node, none) };
    if result == 0 { node } else { 0 }
}

/// The node that holds the page at `addr`, or `None` if nothing is behind it (or it is not ours). Does not touch the page.
pub fn of_address(addr: usize) -> Option<u32> {
    let _errno = Kept::new();
    let pages = [core::ptr::without_provenance::<u8>(addr)];
    let mut status = [-1i32];
    let none = core::ptr::null::<i32>();
    // SAFETY: SYS-CALL — two arrays of one element that live on this frame; without target nodes nothing is moved.
    let result = unsafe {
        libc::syscall(libc::SYS_move_pages, 0, 1, pages.as_ptr(), none, status.as_mut_ptr(), 0)
    };
    if result == 0 {
        return u32::try_from(status[0]).ok();
    }
    // A kernel without nodes, or a sandbox: with one node the answer is known all the same.
    (crate::errno::last() == libc::ENOSYS && topology().count() == 1).then_some(0)
}
