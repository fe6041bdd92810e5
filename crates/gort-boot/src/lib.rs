//! gort-boot
