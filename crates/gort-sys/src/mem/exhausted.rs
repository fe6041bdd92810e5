//! Why the kernel has refused memory: which limit it was, and how much is in use (SYS-2).
//!
//! The kernel says `ENOMEM` for many things. The limits of the process are compared with its own account in `/proc/self`, and
//! the first that the request would pass is named. Where none is found (overcommit, the machine is full) none is named.

use super::{MemError, MemOp, Resource, total};
use crate::file::{self, Path};
use crate::process;

/// Room for the mappings that one request makes.
const MARGIN: u64 = 3;

/// The error for a request that the kernel has refused with `errno`. Reads two or three files.
#[cold]
#[inline(never)]
pub(super) fn exhausted(op: MemOp, len: usize, errno: i32) -> MemError {
    let error = MemError::os(op, len, errno).in_use(total().mapped);
    if errno != libc::ENOMEM {
        return error;
    }
    let (space, data) = usage();
    let asked = len as u64;
    let limit = process::address_space_limit();
    // Mapping what is reserved already takes no address space.
    if op == MemOp::Reserve && limit != u64::MAX && space.saturating_add(asked) > limit {
        return error.limited_by(Resource::AddressSpace, limit);
    }
    let limit = process::data_limit();
    if op != MemOp::Reserve && limit != u64::MAX && data.saturating_add(asked) > limit {
        return error.limited_by(Resource::Data, limit);
    }
    match most_mappings() {
        Some(most) if mappings() + MARGIN > most => error.limited_by(Resource::Mappings, most),
        _ => error,
    }
}

/// Bytes of address space, and of private writable memory, of this process.
fn usage() -> (u64, u64) {
    let mut buf = [0; 128];
    let text = Path::new(&[b"/proc/self/statm"]).and_then(|p| file::read(&p, &mut buf));
    // size resident shared text lib data dt, in pages
    let mut fields = text.unwrap_or(b"").split(|b| *b == b' ').map(file::number);
    let page = super::Backend::page_size(&super::Linux) as u64;
    let size = fields.next().flatten().unwrap_or(0);
    let data = fields.nth(4).flatten().unwrap_or(0);
    (size.saturating_mul(page), data.saturating_mul(page))
}

fn most_mappings() -> Option<u64> {
    let mut buf = [0; 32];
    file::number(file::read(&Path::new(&[b"/proc/sys/vm/max_map_count"])?, &mut buf)?)
}

fn mappings() -> u64 {
    let mut n = 0;
    if let Some(path) = Path::new(&[b"/proc/self/maps"]) {
        file::lines(&path, |_| {
            n += 1;
            true
        });
    }
    n
}
