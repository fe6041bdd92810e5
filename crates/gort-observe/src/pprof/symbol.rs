//! Names for addresses, by the debug information of the running program.

use std::collections::HashMap;

/// A function at an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) system_name: String,
    pub(super) file: String,
    pub(super) line: u32,
}

/// What was looked up so far: the lookup is slow, and stacks share most of their addresses.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    known: HashMap<usize, Vec<Frame>>,
}

impl Symbols {
    /// The functions at a return address, the innermost inlined one first. One without a name stands for what is unknown.
    pub(super) fn at(&mut self, address: usize) -> &[Frame] {
        self.known.entry(address).or_insert_with(|| look_up(address))
    }
}

fn look_up(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    // A return address is looked up where the call is, one before it.
    backtrace::resolve(address as *mut _, |symbol| {
        let name = symbol.name();
        frames.push(Frame {
            name: name.as_ref().map(|n| format!("{n:#}")).unwrap_or_default(),
            system_name: name.as_ref().and_then(|n| n.as_str()).unwrap_or_default().to_owned(),
            file: symbol.filename().map(|f| f.display().to_string()).unwrap_or_default(),
            line: symbol.lineno().unwrap_or(0),
        });
    });
    if frames.iter().all(|f| f.name.is_empty()) {
        let name = format!("{address:#x}");
        frames = vec![Frame { system_name: name.clone(), name, file: String::new(), line: 0 }];
    }
    frames
}

/// Whether a function belongs to the way from `alloc` to the walk of the stack, and says nothing about who called.
pub(super) fn is_allocator(name: &str) -> bool {
    const BEGINS: [&str; 12] = [
        "gort_heap::",
        "<gort_heap::",
        "gort_malloc::",
        "__rust_",
        "__rustc::__rust_",
        "__rdl_",
        "__rg_",
        "alloc::alloc::",
        "<alloc::alloc::Global",
        "gort_gc::alloc::",
        "_Unwind_Backtrace",
        "core::alloc::",
    ];
    const IS: [&str; 8] = [
        "malloc",
        "calloc",
        "realloc",
        "aligned_alloc",
        "posix_memalign",
        "memalign",
        "reallocarray",
        "backtrace::backtrace::trace",
    ];
    BEGINS.iter().any(|b| name.starts_with(b)) || IS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allocators_own() {
        for (name, own) in [
            ("gort_heap::profile::stack::unwind", true),
            ("<gort_heap::global::GortAlloc as core::alloc::global::GlobalAlloc>::alloc", true),
            ("__rustc::__rust_alloc", true),
            ("alloc::alloc::exchange_malloc", true),
            ("malloc", true),
            ("alloc::vec::Vec<T>::with_capacity", false),
            ("my_malloc", false),
            ("main", false),
        ] {
            assert_eq!(is_allocator(name), own, "{name}");
        }
    }

    #[test]
    fn this_function_has_a_name() {
        let mut symbols = Symbols::default();
        let here = the_allocators_own as fn() as usize + 1;
        assert!(symbols.at(here).iter().any(|f| f.name.contains("the_allocators_own")));
        assert_eq!(symbols.at(1)[0].name, "0x1");
    }
}
