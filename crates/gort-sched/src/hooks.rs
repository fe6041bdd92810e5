//! What the scheduler asks of the layers above it: one struct, every field required.

/// Functions that boot fills in. [`Hooks::IDLE`] is a complete answer for a scheduler that is
/// used alone.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Background work worth a turn when a processor would otherwise go idle; `true` if it did
    /// something. Called on g0, must not block.
    pub idle_work: fn() -> bool,
    /// sysmon, once a round (20 µs to 10 ms), with the clock: forces what is overdue.
    pub tick: fn(now_ns: u64),
    /// sysmon, once a second while something runs, until the program chose a number itself: how many
    /// processors there are to be now; `None`: as many as there are.
    pub procs: fn() -> Option<u32>,
    /// A panic has ended goroutine `id`; it was reported already.
    pub panicked: fn(id: u64),
}

impl core::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hooks")
    }
}

impl Hooks {
    /// Nothing above.
    pub const IDLE: Self =
        Self { idle_work: || false, tick: |_| (), procs: || None, panicked: |_| () };
}
