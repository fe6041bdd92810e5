//! Profiles in the format of `pprof`: gzipped protobuf, with the names of functions in it, so that a file is all that
//! `go tool pprof` needs.
//!
//! | name | what | first shown |
//! |---|---|---|
//! | `heap` | the heap's samples | what is in use |
//! | `allocs` | the same | all that was allocated |
//!
//! Each sample has the four values of Go's heap profile: `alloc_objects`, `alloc_space`, `inuse_objects`, `inuse_space`,
//! scaled by one over the chance that an object of its size is a sample. Frames of the allocator itself are left out.
//!
//! # Read in this order
//! This page → `heap` → `builder` → `symbol` → `message`

mod builder;
mod heap;
pub mod message;
mod symbol;

use gort_heap::{Backend, GortAlloc, Heap};
use prost::Message;
use std::io::{self, Write};

/// Which of a heap profile's values is shown first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum View {
    /// Bytes allocated and not freed.
    InUse,
    /// Bytes ever allocated.
    Allocated,
}

/// A profile.
#[derive(Clone, Debug)]
pub struct Profile {
    message: message::Profile,
}

impl Profile {
    /// The samples of a heap, named.
    pub fn of_heap<B: Backend>(heap: &Heap<B>, view: View) -> Self {
        Self { message: heap::message(heap, view) }
    }

    /// The protobuf message.
    #[must_use]
    pub fn message(&self) -> &message::Profile {
        &self.message
    }

    /// Writes it, gzipped: what `go tool pprof` opens.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        let mut gzip = flate2::write::GzEncoder::new(to, flate2::Compression::default());
        gzip.write_all(&self.message.encode_to_vec())?;
        gzip.finish()?.flush()
    }
}

/// The profiles that there are.
pub const NAMES: [&str; 2] = ["heap", "allocs"];

/// A profile of the process by its name, as of [`NAMES`]; `None` for other names, and while the process's allocator is not
/// in use. Empty unless a rate was asked for before: [`GortAlloc::set_profile_rate`] or `GORT_MEMPROFILE_RATE`.
#[must_use]
pub fn profile(name: &str) -> Option<Profile> {
    let view = match name {
        "heap" => View::InUse,
        "allocs" => View::Allocated,
        _ => return None,
    };
    GortAlloc::heap().map(|heap| Profile::of_heap(heap, view))
}

/// Writes a profile of the process, by its name.
///
/// # Errors
/// There is no such profile ([`io::ErrorKind::NotFound`]); those of the writer.
pub fn write(name: &str, to: impl Write) -> io::Result<()> {
    match profile(name) {
        Some(profile) => profile.write(to),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("no profile is called {name:?}, or the process's heap is not in use"),
        )),
    }
}
