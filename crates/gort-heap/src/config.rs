//! Kinds, settings, upward calls.
/// Who owns the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Die by sweeping.
    Gc,
    /// alloc and dealloc.
    Explicit,
    /// Page runs.
    Stack,
    /// Page runs.
    Meta,
}
/// Drop glue of an object.
pub type DropFn = unsafe fn(*mut u8);
/// Upward calls; all required.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Passed to each.
    pub ctx: *const (),
    /// Sweep found an object with a `Drop` special dead: the slot stays allocated until `Heap::special_done(obj)`.
    /// Called by whoever sweeps (mutator refill/flush, sweep_one) with no heap lock held except the span's own ownership; must not call
    /// back into the heap's sweep; may take a leaf lock.
    pub dead: fn(ctx: *const (), obj: *mut u8, f: DropFn),
}
/// Settings.
#[derive(Clone, Copy, Debug)]
pub struct HeapConfig {
    /// log2 of the GC range (38 = 256 GiB), 0: none wanted.
    pub gc_range_shift: u32,
    /// Upward calls.
    pub hooks: Hooks,
}
impl Hooks {
    /// Does nothing.
    pub const IDLE: Hooks = Hooks { ctx: core::ptr::null(), dead: |_, _, _| {} };
}
impl Default for HeapConfig {
    fn default() -> Self {
        HeapConfig { gc_range_shift: 38, hooks: Hooks::IDLE }
    }
}
