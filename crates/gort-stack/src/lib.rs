//! gort-stack
