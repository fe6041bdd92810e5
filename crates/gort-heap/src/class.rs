//! Size classes.
/// Size class and whether objects hold pointers: class * 2 + noscan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanClass(pub u8);
impl SpanClass {
    /// Of a class (1..=67) and a kind of contents.
    pub const fn new(class: u8, noscan: bool) -> Self {
        Self(class << 1 | noscan as u8)
    }
    /// The size class.
    pub const fn class(self) -> u8 {
        self.0 >> 1
    }
    /// No pointers inside.
    pub const fn noscan(self) -> bool {
        self.0 & 1 != 0
    }
}
/// Largest size that has a class.
pub const MAX_SMALL: usize = 32768;
/// Smallest class that holds `size` bytes; 0 above MAX_SMALL (take_large). `const`.
pub const fn class_of(_size: usize) -> u8 {
    1
}
/// Slot size of a class.
pub const fn class_size(_class: u8) -> usize {
    8
}
