//! Rules of the protocol that a test can break, to see that it would be noticed.
//!
//! Each stands for a mutant of the models. Outside of this crate's own tests [`Shared::mutant`] is the
//! constant `false`, and nothing of this is left.
//!
//! [`Shared::mutant`]: crate::shared::Shared::mutant

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(dead_code, reason = "constructed by tests only")]
pub(crate) enum Mutant {
    /// Nothing.
    #[default]
    None,
    /// Marking begins before all contexts have the barrier on.
    SkipH1,
    /// Objects are born black while some context has no barrier yet.
    EarlyBlack,
    /// Stores do not shade.
    NoBarrier,
    /// The initial pointers of a black object are not shaded.
    NoInit,
    /// A new root's object is not shaded.
    RootNew,
    /// Objects are born white while marking goes on.
    BornWhite,
    /// Marking ends when the queues are empty, without a round.
    NoRound,
    /// A round takes it for a pass that a context follows.
    FollowRound,
    /// A round looks at what was published at the passes, not at the counters at its end: with two guards in one
    /// task, a shade into a guard that has passed already is missed.
    PassOnly,
    /// The gate of the weak names stays as it is when marking ends.
    NoGate,
    /// Weak names of dead objects are not cleared.
    NoClear,
    /// With foreign stacks: what a store replaces is not shaded.
    NoOldShade,
    /// With foreign stacks: roots are read after stacks have turned black.
    RootsLate,
    /// With foreign stacks: a stack is not read when its mutator passes.
    NoStacks,
    /// With foreign stacks: the stack of a mutator that is blocked is not read.
    NoParked,
    /// Values of ephemerons are not marked.
    NoValues,
    /// They are looked for once, not again after marking has reached further.
    ValuesOnce,
    /// A context keeps its block for tiny objects over an order.
    TinyKept,
}
