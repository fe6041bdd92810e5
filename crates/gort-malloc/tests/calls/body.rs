//! Calls of the C interface, as bytes say, against a model of the live blocks.

use gort_malloc as c;
use gort_malloc::sizes;
use std::ffi::c_void;
use std::ptr::null_mut;

/// A live block: what was asked for, and what was written into all of it.
struct Block {
    p: *mut u8,
    size: usize,
    fill: u8,
}

impl Block {
    /// A block that was given for `size` bytes at `align`, or none if that is too much to have.
    fn new(p: *mut c_void, size: usize, align: usize, fill: u8) -> Option<Self> {
        let p = p.cast::<u8>();
        if p.is_null() {
            assert!(size > 1 << 40, "no memory for {size} bytes");
            return None;
        }
        // A smaller block may be aligned to less than 16.
        let least = if size >= 16 { 16 } else { 8 };
        assert!(p.addr().is_multiple_of(align.max(least)), "{p:p} for {size} bytes at {align}");
        // SAFETY: MALLOC-1 — a live block.
        assert!(unsafe { sizes::malloc_usable_size(p.cast()) } >= size);
        // SAFETY: MALLOC-1 — `size` bytes of ours.
        unsafe { p.write_bytes(fill, size) };
        Some(Self { p, size, fill })
    }

    /// The first `n` bytes are what was written.
    fn verify(&self, n: usize) {
        // SAFETY: MALLOC-1 — a live block of the model.
        let bytes = unsafe { std::slice::from_raw_parts(self.p, n) };
        assert!(
            bytes.iter().all(|b| *b == self.fill),
            "block {:p} of {} bytes was overwritten",
            self.p,
            self.size
        );
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Calls from bytes, six for each.
pub(crate) fn run(bytes: &[u8]) {
    let mut live: Vec<Block> = Vec::new();
    for (i, [what, who, a, b, d, e]) in bytes.as_chunks::<6>().0.iter().enumerate() {
        let n = u32::from_le_bytes([*a, *b, *d, *e]) as usize;
        let most = [64, 1024, 40_000, 500_000][usize::from(who >> 6)];
        // Once in a while more than there is.
        let size = if n % 251 == 250 { usize::MAX - n } else { n % most };
        let align = 1usize << (who & 15);
        let fill = (i as u8).max(1);
        let at = n % live.len().max(1);
        let made = match what % 16 {
            0..=3 => Block::new(c::malloc(size), size, 1, fill),
            4 => {
                let p = c::calloc(size, 1 + usize::from(*who % 3));
                let bytes = size.saturating_mul(1 + usize::from(*who % 3));
                if !p.is_null() {
                    // SAFETY: MALLOC-1 — a live block.
                    let all = unsafe { std::slice::from_raw_parts(p.cast::<u8>(), bytes) };
                    assert!(all.iter().all(|b| *b == 0), "calloc of {bytes} is not zero");
                }
                Block::new(p, bytes, 1, fill)
            }
            5 => Block::new(sizes::aligned_alloc(align, size), size, align, fill),
            6 => Block::new(sizes::memalign(align, size), size, align, fill),
            7 => {
                let mut p = null_mut();
                // SAFETY: MALLOC-1 — a place for the answer.
                let code = unsafe { sizes::posix_memalign(&raw mut p, align, size) };
                match code {
                    0 => Block::new(p, size, align, fill),
                    libc::EINVAL => {
                        assert!(align < 8, "posix_memalign refuses {align}");
                        None
                    }
                    _ => {
                        assert!(code == libc::ENOMEM && size > 1 << 40);
                        None
                    }
                }
            }
            8 | 9 if !live.is_empty() => {
                let old = live.swap_remove(at);
                old.verify(old.size);
                if size == 0 {
                    // SAFETY: MALLOC-1 — a live block of the model, forgotten by it now.
                    assert!(unsafe { c::realloc(old.p.cast(), 0) }.is_null());
                    None
                } else {
                    // SAFETY: MALLOC-1 — as above.
                    let p = unsafe { c::realloc(old.p.cast(), size) };
                    if p.is_null() {
                        assert!(size > 1 << 40 && errno() == libc::ENOMEM);
                        Some(old)
                    } else {
                        let kept = old.size.min(size);
                        Block { p: p.cast(), size, fill: old.fill }.verify(kept);
                        Block::new(p, size, 1, fill)
                    }
                }
            }
            10 => {
                // SAFETY: MALLOC-1 — null is no block.
                unsafe { c::free(null_mut()) };
                None
            }
            _ if !live.is_empty() => {
                let old = live.swap_remove(at);
                old.verify(old.size);
                // SAFETY: MALLOC-1 — a live block of the model, forgotten by it now.
                unsafe { c::free(old.p.cast()) };
                None
            }
            _ => None,
        };
        live.extend(made);
    }
    for block in live {
        block.verify(block.size);
        // SAFETY: MALLOC-1 — as above.
        unsafe { c::free(block.p.cast()) };
    }
}
