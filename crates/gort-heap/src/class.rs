//! Size classes: which slot a size gets, and how an address finds its slot.
//!
//! Everything is a constant: two byte tables from size to class (steps of 8 up to 1 KiB, of 128 above), and per class the
//! reciprocal that replaces the division of an offset by the slot size.

use crate::class_tables::{PAGES, SIZES};

/// Bytes of a heap page, whatever the operating system's page is.
pub const PAGE: usize = 8192;
/// log2 of [`PAGE`].
pub const PAGE_SHIFT: u32 = 13;
/// Number of classes with the large one, 0.
pub const CLASSES: usize = 68;
/// Number of span classes: with and without pointers.
pub const SPAN_CLASSES: usize = CLASSES * 2;
/// Largest size that has a class.
pub const MAX_SMALL: usize = 32768;
/// Largest size looked up in steps of 8.
pub(crate) const FINE: usize = 1024;
/// Steps of 8 bytes, with size 0.
pub(crate) const FINE_STEPS: usize = FINE / 8 + 1;
/// Steps of 128 bytes above.
pub(crate) const COARSE_STEPS: usize = (MAX_SMALL - FINE) / 128 + 1;

/// Size class and contents: `class * 2 + noscan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanClass(u8);

impl SpanClass {
    /// Of a class (0 to 67; 0 is large) and whether objects hold no pointers.
    ///
    /// # Panics
    /// If there is no such class; at compile time where it is a constant.
    #[inline]
    pub const fn new(class: u8, noscan: bool) -> Self {
        assert!((class as usize) < CLASSES, "no such size class");
        Self(class << 1 | noscan as u8)
    }

    /// Of a class that a table of this crate gave, with pointers: not looked at again (H-11).
    #[inline]
    pub(crate) const fn from_table(class: u8) -> Self {
        debug_assert!((class as usize) < CLASSES);
        Self(class << 1)
    }

    /// From [`SpanClass::index`], or `None` if out of range.
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < SPAN_CLASSES { Some(Self(index as u8)) } else { None }
    }

    /// The size class.
    #[inline]
    pub const fn class(self) -> u8 {
        self.0 >> 1
    }

    /// Whether its objects hold no pointers.
    #[inline]
    pub const fn noscan(self) -> bool {
        self.0 & 1 != 0
    }

    /// Below [`SPAN_CLASSES`] (H-11).
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Slot size in bytes, 0 for large.
    #[inline]
    pub const fn size(self) -> usize {
        class_size(self.class())
    }
}

const fn class_table<const N: usize>(step: usize, first: usize) -> [u8; N] {
    let mut table = [0; N];
    let mut class = 1;
    let mut i = 0;
    while i < N {
        while (SIZES[class] as usize) < first + i * step {
            class += 1;
        }
        table[i] = class as u8;
        i += 1;
    }
    table
}

/// Class of sizes up to 1 KiB, by `ceil(size / 8)`.
static FINE_CLASS: [u8; FINE_STEPS] = class_table(8, 0);
/// Class of sizes above, by `ceil((size - 1024) / 128)`.
static COARSE_CLASS: [u8; COARSE_STEPS] = class_table(128, FINE);
const FINE_CONST: [u8; FINE_STEPS] = class_table(8, 0);
const COARSE_CONST: [u8; COARSE_STEPS] = class_table(128, FINE);

/// A table of classes as places of their magazines in a cache's record, `stride` bytes apart.
const fn places<const N: usize>(classes: &[u8; N], stride: usize) -> [u16; N] {
    let mut table = [0; N];
    let mut i = 0;
    while i < N {
        table[i] = (classes[i] as usize * stride) as u16;
        i += 1;
    }
    table
}

/// Bytes from the magazine of a class to that of the next one (the one without pointers lies between).
pub(crate) const MAG_STRIDE: usize = 128;
pub(crate) static FINE_PLACES: [u16; FINE_STEPS] = places(&FINE_CONST, MAG_STRIDE);
pub(crate) static COARSE_PLACES: [u16; COARSE_STEPS] = places(&COARSE_CONST, MAG_STRIDE);

/// The smallest class that holds `size` bytes; 0 if none does (`size > MAX_SMALL`). For compile time; at run time
/// [`class_for`] reads the same tables.
pub const fn class_of(size: usize) -> u8 {
    if size <= FINE {
        FINE_CONST[size.div_ceil(8)]
    } else if size <= MAX_SMALL {
        COARSE_CONST[(size - FINE).div_ceil(128)]
    } else {
        0
    }
}

/// [`class_of`] for sizes known at run time only.
#[inline]
pub fn class_for(size: usize) -> u8 {
    if size <= FINE {
        FINE_CLASS[size.div_ceil(8)]
    } else if size <= MAX_SMALL {
        // A sum and a shift: the bound above tells the compiler that the index is in range.
        COARSE_CLASS[(size - FINE + 127) >> 7]
    } else {
        0
    }
}

/// Slot size of a class in bytes, 0 for class 0.
#[inline]
pub const fn class_size(class: u8) -> usize {
    SIZES[class as usize] as usize
}

/// Heap pages of a collector's span of a class.
#[inline]
pub const fn class_pages(class: u8) -> usize {
    PAGES[class as usize] as usize
}

/// Most heap pages of an explicit owner's span: room for 64 objects, up to 64 KiB. A cache's first spans of a class are
/// shorter.
#[inline]
pub const fn class_pages_explicit(class: u8) -> usize {
    let want = (64 * class_size(class)).div_ceil(PAGE);
    let want = if want > 8 { 8 } else { want };
    if want > class_pages(class) { want } else { class_pages(class) }
}

/// What an offset in a span needs to become a slot: one 16-byte row per class, so that the marker touches one line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub(crate) struct Geometry {
    /// `offset * recip >> 32` is the slot's index, for every offset in a small span.
    pub(crate) recip: u64,
    /// Slot size.
    pub(crate) size: u32,
}

const fn geometry() -> [Geometry; CLASSES] {
    let mut rows = [Geometry { recip: 0, size: 0 }; CLASSES];
    let mut c = 1;
    while c < CLASSES {
        let size = SIZES[c] as u64;
        let exact = (1u64 << 32) / size;
        let recip = if size.is_power_of_two() { exact } else { exact + 1 };
        rows[c] = Geometry { recip, size: size as u32 };
        c += 1;
    }
    rows
}

/// By class.
pub(crate) static GEOMETRY: [Geometry; CLASSES] = geometry();

/// Index of the slot that holds byte `offset` of a small span.
#[inline]
pub(crate) fn slot_index(class: u8, offset: usize) -> usize {
    let row = &GEOMETRY[class as usize];
    ((offset as u64 * row.recip) >> 32) as usize
}

/// First class that is at least `size` and whose slots are all aligned to `align`; 0 if there is none.
pub fn class_aligned(size: usize, align: usize) -> u8 {
    let size = if size < align { align } else { size };
    if size > MAX_SMALL || align > PAGE {
        return 0;
    }
    let mut class = class_for(size.next_multiple_of(align));
    if class == 0 {
        return 0;
    }
    while !class_size(class).is_multiple_of(align) {
        class += 1;
        if class as usize == CLASSES {
            return 0;
        }
    }
    class
}

/// HEAP-5: the tables are what everything else relies on. Called once per heap.
pub(crate) fn tables_are_sound(
    sizes: &[u16; CLASSES],
    pages: &[u16; CLASSES],
) -> Result<(), &'static str> {
    if class_of(15) != 2 || sizes[2] != 16 {
        return Err("bad TinySizeClass");
    }
    if !sizes.windows(2).all(|w| w[0] < w[1]) {
        return Err("size classes do not rise");
    }
    if (1..CLASSES).any(|c| pages[c] == 0 || (sizes[c] as usize) > pages[c] as usize * PAGE) {
        return Err("a span is smaller than its slot");
    }
    if sizes[CLASSES - 1] as usize != MAX_SMALL {
        return Err("the last class is not the largest small size");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_gets_the_smallest_class() {
        for size in 0..=MAX_SMALL {
            let class = class_of(size);
            assert_eq!(class, class_for(size));
            assert!(class_size(class) >= size);
            assert!(class == 1 || class_size(class - 1) < size, "size {size} got class {class}");
        }
        assert_eq!(class_of(MAX_SMALL + 1), 0);
        assert_eq!(class_for(usize::MAX), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "millions of divisions")]
    fn reciprocal_is_exact_for_every_offset() {
        for class in 1..CLASSES as u8 {
            let bytes = class_pages(class).max(class_pages_explicit(class)) * PAGE;
            for offset in 0..bytes {
                assert_eq!(
                    slot_index(class, offset),
                    offset / class_size(class),
                    "class {class} offset {offset}"
                );
            }
        }
    }

    #[test]
    fn waste_is_bounded() {
        for class in 1..CLASSES as u8 {
            let bytes = class_pages(class) * PAGE;
            assert!(bytes % class_size(class) <= bytes / 8);
            if class >= 8 {
                let smallest = class_size(class - 1) + 1;
                let waste = bytes - bytes / class_size(class) * smallest;
                assert!(waste as f64 / bytes as f64 <= 0.1665, "class {class}: {waste} of {bytes}");
            }
        }
    }

    #[test]
    fn alignment_divides_the_class() {
        for shift in 0..=13 {
            for size in 1..=MAX_SMALL {
                let class = class_aligned(size, 1 << shift);
                if class != 0 {
                    assert!(
                        class_size(class) >= size && class_size(class).is_multiple_of(1 << shift)
                    );
                }
            }
        }
        assert_eq!(class_aligned(100, 16384), 0);
        assert_eq!(class_aligned(24, 16), class_of(32));
    }

    #[test]
    fn broken_tables_are_refused() {
        assert_eq!(tables_are_sound(&SIZES, &PAGES), Ok(()));
        let broken = |i: usize, v: u16| {
            let mut sizes = SIZES;
            sizes[i] = v;
            tables_are_sound(&sizes, &PAGES)
        };
        assert_eq!(broken(2, 24), Err("bad TinySizeClass"));
        assert_eq!(broken(9, 1), Err("size classes do not rise"));
        assert_eq!(broken(67, 32767), Err("the last class is not the largest small size"));
        let mut pages = PAGES;
        pages[5] = 0;
        assert_eq!(tables_are_sound(&SIZES, &pages), Err("a span is smaller than its slot"));
    }

    /// Go's published table: size of each class.
    #[test]
    fn golden() {
        #[rustfmt::skip]
        const GOLDEN: [(u16, u16); 67] = [
            (8, 1), (16, 1), (24, 1), (32, 1), (48, 1), (64, 1), (80, 1), (96, 1), (112, 1), (128, 1), (144, 1),
            (160, 1), (176, 1), (192, 1), (208, 1), (224, 1), (240, 1), (256, 1), (288, 1), (320, 1), (352, 1),
            (384, 1), (416, 1), (448, 1), (480, 1), (512, 1), (576, 1), (640, 1), (704, 1), (768, 1), (896, 1),
            (1024, 1), (1152, 1), (1280, 1), (1408, 2), (1536, 1), (1792, 2), (2048, 1), (2304, 2), (2688, 1),
            (3072, 3), (3200, 2), (3456, 3), (4096, 1), (4864, 3), (5376, 2), (6144, 3), (6528, 4), (6784, 5),
            (6912, 6), (8192, 1), (9472, 7), (9728, 6), (10240, 5), (10880, 4), (12288, 3), (13568, 5), (14336, 7),
            (16384, 2), (18432, 9), (19072, 7), (20480, 5), (21760, 8), (24576, 3), (27264, 10), (28672, 7), (32768, 4),
        ];
        for (i, (size, pages)) in GOLDEN.iter().enumerate() {
            assert_eq!((SIZES[i + 1], PAGES[i + 1]), (*size, *pages), "class {}", i + 1);
        }
        assert_eq!((PAGE / 8, PAGE / 16), (1024, 512));
        assert_eq!(PAGES[47] as usize * PAGE / SIZES[47] as usize, 4);
    }
}
