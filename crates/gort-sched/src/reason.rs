//! Why a goroutine waits, in Go's words.

/// The reason that every park carries (SCHED-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WaitReason {
    /// Not waiting.
    None,
    /// Receiving from a channel.
    ChanReceive,
    /// Receiving from a channel on which nothing can ever arrive.
    ChanReceiveNil,
    /// Sending to a channel.
    ChanSend,
    /// In a select.
    Select,
    /// In a select without cases.
    SelectNoCases,
    /// Sleeping.
    Sleep,
    /// Taking a mutex.
    Mutex,
    /// Taking a reader-writer lock to read.
    RwRead,
    /// Taking a reader-writer lock to write.
    RwWrite,
    /// Waiting for a condition variable.
    Cond,
    /// Waiting for a wait group.
    WaitGroup,
    /// Taking a permit of a semaphore.
    Semaphore,
    /// Waiting for a barrier.
    Barrier,
    /// Waiting for another goroutine to end.
    Join,
    /// In `thread::park`.
    Park,
    /// Waiting for a descriptor.
    IoWait,
    /// Waiting for a future.
    Future,
    /// Waiting for a collection.
    Collect,
    /// A worker of the runtime without work.
    Worker,
}

const WORDS: [&str; 20] = [
    "",
    "chan receive",
    "chan receive (nil chan)",
    "chan send",
    "select",
    "select (no cases)",
    "sleep",
    "sync.Mutex.Lock",
    "sync.RWMutex.RLock",
    "sync.RWMutex.Lock",
    "sync.Cond.Wait",
    "sync.WaitGroup.Wait",
    "semacquire",
    "barrier wait",
    "join",
    "park",
    "IO wait",
    "future",
    "GC wait",
    "worker idle",
];

impl WaitReason {
    /// The words that a dump shows.
    pub const fn words(self) -> &'static str {
        WORDS[self as usize]
    }

    pub(crate) fn words_of(code: u8) -> &'static str {
        WORDS.get(usize::from(code)).copied().unwrap_or("?")
    }
}
