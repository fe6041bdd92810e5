//! Who is measured: gort and its peers, and how each one's programs are built and started.

pub(crate) mod gort;
pub(crate) mod peer;
pub(crate) mod programs;
pub(crate) mod system;
