//! A fault in a guard, told as a stack overflow with its owner's name.
//!
//! The handler for SIGSEGV and SIGBUS runs on a stack of its own ([`SignalStack`]). It asks its
//! installer whose guard the address lies in. If it is somebody's, it prints one line with
//! `write(2)`, then the frames, and aborts; else it hands the signal to whoever handled it
//! before. It never switches stacks and never returns into overflowed code.

use crate::walk::Frames;
use core::fmt::Write;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use gort_sys::fatal::Line;
use gort_sys::{Backend, Linux, PageRange, SysStat, errno};

/// Bytes of a signal stack: room to read symbols.
const SIGNAL_STACK: usize = 256 << 10;

/// Who overflowed.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The goroutine's number.
    pub id: u64,
    /// Its name, or null and 0.
    pub name: (*const u8, usize),
    /// Bytes that its stack had.
    pub usable: usize,
}

/// Tells whose guard an address lies in. Runs in a signal handler: it may only look.
pub type WhoseGuard = fn(address: usize) -> Option<Owner>;

static WHOSE: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static INSTALLED: AtomicU32 = AtomicU32::new(0);
static mut BEFORE: [core::mem::MaybeUninit<libc::sigaction>; 2] =
    [const { core::mem::MaybeUninit::uninit() }; 2];
const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Installs the handler, once per process; a later call only replaces `whose`.
///
/// # Errors
/// The error number of `sigaction`.
pub fn install(whose: WhoseGuard) -> Result<(), i32> {
    // ORDER: Release ⇒ `on_fault`.
    WHOSE.store(whose as *mut (), Ordering::Release);
    // ORDER: AcqRel — one caller installs; the handler itself needs no more than the kernel's order.
    if INSTALLED.swap(1, Ordering::AcqRel) != 0 {
        return Ok(());
    }
    for (i, &signal) in SIGNALS.iter().enumerate() {
        // SAFETY: OVERFLOW-1 — an all-zero action is valid, and the handler has the signature
        // that SA_SIGINFO asks for. `BEFORE` is written here only, before the handler can read it.
        unsafe {
            let mut action: libc::sigaction = core::mem::zeroed();
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                on_fault;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigemptyset(&raw mut action.sa_mask);
            let before = (&raw mut BEFORE[i]).cast::<libc::sigaction>();
            if libc::sigaction(signal, core::ptr::null(), before) != 0
                || libc::sigaction(signal, &raw const action, core::ptr::null_mut()) != 0
            {
                return Err(errno::last());
            }
        }
    }
    Ok(())
}

extern "C" fn on_fault(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: OVERFLOW-1 — the kernel passes a filled record.
    let address = unsafe { (*info).si_addr() } as usize;
    // ORDER: Acquire ⇐ `install`.
    let whose = WHOSE.load(Ordering::Acquire);
    // SAFETY: OVERFLOW-1 — only a `WhoseGuard` is ever stored, before the handler is installed.
    let whose = unsafe { core::mem::transmute::<*mut (), WhoseGuard>(whose) };
    if let Some(owner) = whose(address) {
        report(address, owner);
    }
    pass_on(signal, info, context);
}

/// Prints the report and aborts.
fn report(address: usize, owner: Owner) -> ! {
    let mut line = Line::new();
    let _ = write!(line, "fatal error: stack overflow: goroutine {}", owner.id);
    if !owner.name.0.is_null() {
        // SAFETY: OVERFLOW-1 — the name belongs to the goroutine that is running on this thread.
        let name = unsafe { core::slice::from_raw_parts(owner.name.0, owner.name.1) };
        let _ = write!(line, " (\"{}\")", core::str::from_utf8(name).unwrap_or("?"));
    }
    let _ = writeln!(
        line,
        " exceeded its stack of {} KiB (fault at {address:#x})\n\
         a goroutine with deeper calls wants a larger stack: gort::thread::Builder::stack_size",
        owner.usable >> 10
    );
    let _ = writeln!(line, "\ngoroutine {} [running]:", owner.id);
    line.print();
    // Reading symbols takes locks that the overflowed code may hold: then the alarm ends it.
    // SAFETY: OVERFLOW-1 — restores a default and sets a timer.
    unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::alarm(10);
    }
    Frames::capture().print();
    // SAFETY: OVERFLOW-1 — ends the process.
    unsafe { libc::abort() }
}

/// Hands a signal that is not ours to whoever handled it before.
fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let i = usize::from(signal != SIGNALS[0]);
    // SAFETY: OVERFLOW-1 — filled by `install` before this handler could run.
    let before = unsafe { (&raw const BEFORE[i]).cast::<libc::sigaction>().read() };
    match before.sa_sigaction {
        libc::SIG_IGN => {}
        libc::SIG_DFL => {
            // The instruction faults again after the return, and then ends the process.
            // SAFETY: OVERFLOW-1 — puts back what the kernel gave us.
            unsafe { libc::sigaction(signal, &raw const before, core::ptr::null_mut()) };
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: OVERFLOW-1 — the flag says which of the two signatures it has.
            let handler = unsafe {
                core::mem::transmute::<
                    usize,
                    extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void),
                >(handler)
            };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: OVERFLOW-1 — as above.
            let handler =
                unsafe { core::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler) };
            handler(signal);
        }
    }
}

/// The account of all signal stacks.
static STACKS: SysStat = SysStat::new();

/// A signal stack of the calling thread, with a guard below; undone when dropped.
#[derive(Debug)]
pub struct SignalStack {
    range: PageRange,
    before: libc::stack_t,
}

impl SignalStack {
    /// Gives the calling thread a signal stack. `None` if there is no memory for one: the
    /// thread then keeps what it had.
    pub fn install() -> Option<Self> {
        let page = Linux.page_size();
        let range = Linux.reserve(SIGNAL_STACK, page, 0, &STACKS).ok()?;
        // The lowest page stays reserved: it is the guard.
        let above = range.part(page, SIGNAL_STACK - page)?;
        // SAFETY: OVERFLOW-2 — reserved just now; the kernel gets the part above the guard.
        unsafe {
            let mapped = Linux.map(above, &STACKS).is_ok();
            let new = libc::stack_t {
                ss_sp: above.base.as_ptr().cast(),
                ss_flags: 0,
                ss_size: above.len,
            };
            let mut before: libc::stack_t = core::mem::zeroed();
            if !mapped || libc::sigaltstack(&raw const new, &raw mut before) != 0 {
                Linux.free(range, if mapped { above.len } else { 0 }, 0, &STACKS);
                return None;
            }
            Some(Self { range, before })
        }
    }

    /// The account of the signal stacks of all threads.
    pub fn stat() -> &'static SysStat {
        &STACKS
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: OVERFLOW-2 — dropped by the thread that installed it (the type is not Send),
        // which is not in a handler.
        unsafe {
            libc::sigaltstack(&raw const self.before, core::ptr::null_mut());
            let ready = self.range.len - Linux.page_size();
            Linux.free(self.range, ready, 0, &STACKS);
        }
    }
}
