//! gort-sync
