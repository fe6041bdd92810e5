//! gort-sched
