//! Objects.
use core::ptr::NonNull;
/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// First byte.
    pub base: NonNull<u8>,
    /// Slot size (large: whole span).
    pub size: usize,
    /// No pointers.
    pub noscan: bool,
    /// Span number.
    pub span: u32,
    /// Object in span.
    pub index: u32,
}
/// An object this call marked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedNew {
    /// First byte of the object.
    pub base: NonNull<u8>,
    /// Slot size.
    pub size: usize,
    /// Nothing to scan.
    pub noscan: bool,
}
