//! The maps from sizes to classes against a search through all classes.

use gort_heap::class::{
    CLASSES, MAX_SMALL, PAGE, class_aligned, class_for, class_of, class_pages,
    class_pages_explicit, class_size,
};

/// The smallest class that fits and whose slots are aligned, by looking at each; 0 if none does.
fn search(size: usize, align: usize) -> u8 {
    let fits = |c: &u8| class_size(*c) >= size && class_size(*c).is_multiple_of(align);
    (1..CLASSES as u8).find(fits).unwrap_or(0)
}

/// HEAP-5 and H-11 for one size and one alignment.
pub(crate) fn check(size: usize, align: usize) {
    let size = size.max(1);
    assert_eq!(class_for(size), search(size, 1), "size {size}");
    assert_eq!(class_of(size), class_for(size), "size {size}");
    let class = class_aligned(size, align);
    assert!(usize::from(class) < CLASSES);
    if class == 0 {
        // A block of whole pages.
        assert!(
            size > MAX_SMALL
                || align > 8 && size.next_multiple_of(align) > MAX_SMALL
                || align > PAGE,
            "{size} at {align}"
        );
        return;
    }
    assert!(
        class_size(class) >= size && class_size(class).is_multiple_of(align),
        "{size} at {align}: class {class}"
    );
    for pages in [class_pages(class), class_pages_explicit(class)] {
        // A slot at least, and the rest of a span is less than a slot or an eighth of it.
        let (bytes, slot) = (pages * PAGE, class_size(class));
        assert!(bytes >= slot && bytes % slot < slot.max(bytes / 8));
    }
}

/// Sizes and alignments from bytes, four for each.
pub(crate) fn run(bytes: &[u8]) {
    for [a, b, c, d] in bytes.as_chunks::<4>().0 {
        let n = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        check(n >> (d >> 4), 1 << (d & 15));
    }
}
